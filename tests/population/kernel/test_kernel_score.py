"""The kernel's losses and metrics of many members against `ikura.nn.loss` and `ikura.metric`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import r2_score

from ikura.metric import METRICS
from ikura.nn.loss import Loss, loss, outputs_of, predict, task_loss
from ikura.nn.loss.by_task import each_loss
from ikura.population.kernel.loss import CODES as TASKS
from ikura.population.kernel.score import CODES, assess
from ikura.population.scoring import Scorer

MEMBERS, ROWS, CLASSES, MEAN, STD, MORE = 3, 80, 4, 3.0, 2.0, 1.5
SEVERAL = {"multilabel": 3, "values": 3}
"""Cases with so many labels or values of each example."""
PAIRS = [
    (case, name)
    for case in (*TASKS, "values")
    for name in CODES
    if {"values": "regression"}.get(case, case) in METRICS[name].tasks
]


def task_of(case: str) -> str:
    return "regression" if case == "values" else case


def unit(case: str) -> tuple[object, object]:
    """Mean and deviation of the values to predict."""
    several = np.array([MEAN, 0.0, -7.0]), np.array([STD, 1.0, 30.0])
    return {"regression": (MEAN, STD), "values": several}.get(case, (0.0, 1.0))


# Sums of 80 terms of size up to 10 in double precision, of terms rounded once or a few times: 100 roundings at most.
ROUNDINGS = 100


def example(task: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Raw outputs of the members and targets; the second member has ties between classes and at the threshold."""
    rng = np.random.default_rng(0)
    z = 2 * rng.standard_normal((MEMBERS, ROWS, SEVERAL.get(task, outputs_of(task_of(task), CLASSES))))
    z[1] = np.round(z[1])
    y = {
        "binary": rng.integers(0, 2, ROWS),
        "multiclass": rng.integers(0, CLASSES, ROWS),
        "multilabel": rng.integers(0, 2, (ROWS, SEVERAL["multilabel"])),
        "values": rng.standard_normal((ROWS, SEVERAL["values"])),
    }.get(task, rng.standard_normal(ROWS))
    return z.astype(dtype), y.astype(dtype)


def expected(task: str, name: str, z: np.ndarray, y: np.ndarray) -> tuple[list[float], list[float]]:
    """Losses, with examples of any class added, and scores by PyTorch in float64."""
    target = torch.from_numpy(y.astype(np.float64))
    target = target.long() if task == "multiclass" else target
    (mean, std), kind = unit(task), task_of(task)
    own = target * torch.as_tensor(std) + torch.as_tensor(mean) if kind == "regression" else target
    members = [torch.from_numpy(one.astype(np.float64)) for one in z]
    scores = [METRICS[name](predict(kind, one, mean, std), own).item() for one in members]
    smoothing = torch.tensor(MORE / (ROWS + MORE), dtype=torch.float64)
    return [task_loss(kind, one, target, smoothing).item() for one in members], scores


def scorer(task: str, name: str) -> Scorer:
    """A judge with the package's metric."""
    return Scorer(task_of(task), METRICS[name], *unit(task))


def test_every_metric_of_the_kernel_is_one_of_the_package() -> None:
    assert CODES.keys() <= METRICS.keys()
    assert len({*CODES.values(), 0}) == len(CODES) + 1


@pytest.mark.parametrize(("dtype", "rounding"), [("float64", 2.0**-53), ("float32", 2.0**-24)])
@pytest.mark.parametrize(("task", "name"), PAIRS)
def test_losses_and_scores(task: str, name: str, dtype: str, rounding: float) -> None:
    z, y = example(task, dtype)
    losses, scores = expected(task, name, z, y)
    got = scorer(task, name)(z.copy(), y, MORE)
    np.testing.assert_allclose(got[0], losses, rtol=ROUNDINGS * rounding)
    np.testing.assert_allclose(got[1], scores, rtol=0 if name == "accuracy" else ROUNDINGS * rounding)


@pytest.mark.parametrize("task", [*TASKS, "values"])
def test_any_other_metric_sees_the_same_predictions(task: str) -> None:
    z, y = example(task, "float64")
    mean, std = unit(task)

    def first(values: torch.Tensor | np.ndarray) -> torch.Tensor | np.ndarray:
        return values.reshape(len(values), -1)[:, 0]

    got = Scorer(task_of(task), lambda p, t: (first(p) * first(t)).sum(), mean, std)(z.copy(), y)[1]
    for one, score in zip(z, got, strict=True):
        p = first(predict(task_of(task), torch.from_numpy(one), mean, std).numpy())
        assert score == pytest.approx(float(np.sum(p * first(y * std + mean))), rel=1e-12)


def test_r2_of_several_targets_is_that_of_scikit_learn() -> None:
    z, y = example("values", "float64")
    mean, std = unit("values")
    got = scorer("values", "r2")(z.copy(), y)[1]
    for one, score in zip(z, got, strict=True):
        assert score == pytest.approx(r2_score(y * std + mean, one * std + mean), rel=1e-12)


@pytest.mark.parametrize("place", [0, 41, ROWS - 1])
@pytest.mark.parametrize(("task", "name"), PAIRS)
def test_nan_stays_with_its_member(task: str, name: str, place: int) -> None:
    z, y = example(task, "float64")
    alone = scorer(task, name)(z.copy(), y)
    z[1, place, -1] = np.nan
    losses, scores = scorer(task, name)(z.copy(), y)
    assert np.isnan([losses[1], scores[1]]).all()
    np.testing.assert_array_equal(losses[[0, 2]], alone[0][[0, 2]])
    np.testing.assert_array_equal(scores[[0, 2]], alone[1][[0, 2]])


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_huge_logits_have_finite_losses(task: str) -> None:
    z, y = example(task, "float32")
    losses, _ = scorer(task, "accuracy")(z * np.float32(1e4), y, MORE)
    # The loss is linear in logits of this size; float32 rounds each of them by 6e-8.
    np.testing.assert_allclose(losses, expected(task, "accuracy", z * np.float32(1e4), y)[0], rtol=ROUNDINGS * 2.0**-24)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_the_loss_counts_examples_of_any_class(task: str) -> None:
    z, y = example(task, "float64")
    got = scorer(task, "accuracy").losses(z, y, MORE)
    for one, losses in zip(z, got, strict=True):
        logits = np.column_stack([np.zeros(ROWS), one]) if task == "binary" else one
        log_p = torch.from_numpy(logits).log_softmax(1).numpy()
        seen, more = -log_p[np.arange(ROWS), y.astype(int)].sum(), -log_p.mean()
        assert losses.mean() == pytest.approx((seen + MORE * more) / (ROWS + MORE), rel=1e-12)


@pytest.mark.parametrize("more", [0.0, MORE])
def test_a_class_that_is_ruled_out_takes_no_part(more: float) -> None:
    z, y = example("multiclass", "float64")
    z[:, :, 0] = -np.inf
    y = 1 + y % (CLASSES - 1)
    losses, _ = scorer("multiclass", "accuracy")(z.copy(), y, more)
    log_p = torch.from_numpy(z[:, :, 1:]).log_softmax(2).numpy()
    seen = -np.take_along_axis(log_p, y[None, :, None].astype(int) - 1, 2).sum((1, 2))
    expected = (seen - more * log_p.mean((1, 2))) / (ROWS + more)
    np.testing.assert_allclose(losses, expected, rtol=1e-12)


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_network_right_on_every_example_is_best_when_as_sure_as_they_allow(task: str) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, outputs_of(task, CLASSES) if task == "multiclass" else 2, ROWS).astype(np.float64)
    right = 2 * y[:, None] - 1 if task == "binary" else np.eye(CLASSES)[y.astype(int)]
    scales = np.linspace(0.1, 30, 30_000)
    losses, _ = scorer(task, "accuracy")(scales[:, None, None] * right, y, 1)
    # One more example, of each of K classes with probability 1/K: of n + 1 there are n + 1/K of the right class.
    classes = 2 if task == "binary" else CLASSES
    sure = (ROWS + 1 / classes) / (ROWS + 1)
    best = np.log(sure / (1 - sure)) if task == "binary" else np.log(sure / (1 - sure) * (classes - 1))
    assert scales[losses.argmin()] == pytest.approx(best, abs=1e-3)


@pytest.mark.parametrize("constant", [0.0, 0.1])
def test_r2_of_a_constant_target(constant: float) -> None:
    for away, wanted in ((0.0, 1.0), (1.0, 0.0)):
        losses, scores = np.empty(1), np.empty(1)
        z, y = np.full((1, 3, 1), constant + away), np.full(3, constant)
        assess(TASKS["regression"], 0.0, z, y, np.empty(0), 0.1, np.ones(1), CODES["r2"], losses, scores)
        reference = METRICS["r2"](torch.from_numpy(z[0, :, 0]), torch.from_numpy(y))
        assert scores[0] == wanted == reference.item()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", [*TASKS, "values"])
def test_weights_of_examples_count_in_the_loss_and_not_in_the_score(case: str, dtype: str) -> None:
    [name, *_] = [name for task, name in PAIRS if task == case]
    z, y = example(case, dtype)
    weights = np.random.default_rng(1).choice([0.0, 0.5, 3.0], ROWS)
    target = torch.from_numpy(y.astype(np.float64))
    smoothing = torch.tensor(MORE / (ROWS + MORE), dtype=torch.float64)
    count = torch.from_numpy(weights / weights.mean())
    wanted = [
        (each_loss(task_of(case), torch.from_numpy(one), target.long() if case == "multiclass" else target, smoothing)
         * count).mean().item()
        for one in z.astype(np.float64)
    ]  # fmt: skip
    losses, scores = scorer(case, name)(z.copy(), y, MORE, weights)
    rounding = ROUNDINGS * 2.0 ** (-24 if dtype == "float32" else -53)
    np.testing.assert_allclose(losses, wanted, rtol=rounding)
    np.testing.assert_array_equal(scores, scorer(case, name)(z.copy(), y, MORE)[1])


@pytest.mark.parametrize("which", [loss("mae"), loss("huber", delta=0.4), loss("quantile", q=0.8), loss("poisson")])
@pytest.mark.parametrize("case", ["regression", "values"])
def test_other_losses_of_values_and_scores_of_what_they_predict(case: str, which: Loss) -> None:
    z, y = example(case, "float64")
    mean, std = unit(case) if which.name != "poisson" else (0.0, 1.0)
    judge = Scorer("regression", METRICS["r2"], mean, std, loss=which)
    members = [torch.from_numpy(one) for one in z.copy()]
    target = torch.from_numpy(y)
    predictions = [which.predict("regression", one, mean, std, y.shape[1:]).numpy() for one in members]
    losses, scores = judge(z, y)
    np.testing.assert_allclose(losses, [which.mean("regression", one, target).item() for one in members], rtol=1e-13)
    own = y * np.asarray(std) + np.asarray(mean)
    np.testing.assert_allclose(scores, [r2_score(own, one) for one in predictions], rtol=1e-12)
