"""Studies with other losses than the task's, weights, targets of several values, and metrics of one's own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, make_scorer, mean_absolute_error
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

import ikura
from ikura.cli import main
from ikura.data import load_bundled
from ikura.errors import DataError, IkuraError, RunError, UsageError
from ikura.metric import own_metric
from ikura.plugins import KINDS

from ..sweep import swept

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(160, 5)).astype(np.float32)
VALUES = X @ RANDOM.normal(size=(5, 3)) + 0.1 * RANDOM.normal(size=(160, 3))
Y, CLASSES, SIGNS = VALUES[:, 0] * 100 + 500, np.digitize(VALUES[:, 0], [-1, 1]), (VALUES[:, 0] > 0).astype(int)
OPTIONS: dict[str, Any] = {
    "space": {"learning_rate": 0.03, "optimizer": "adam", "batch_size": 32},
    "trials": 2,
    "epochs": 6,
    "finalists": 0,
    "jobs": 1,
    "checks": False,
}


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in KINDS.values():
        monkeypatch.setattr(registry, "registered", {})


@pytest.fixture
def tune(tmp_path: Path) -> Callable[..., ikura.Study]:
    numbers: Iterator[int] = iter(range(100))

    def call(data: Any, **more: Any) -> ikura.Study:
        return ikura.tune(data, **{**OPTIONS, "out": tmp_path / str(next(numbers)), **more})

    return call


def network(hp: Any) -> nn.Module:
    return nn.Sequential(nn.Linear(hp.inputs, 8), nn.Tanh(), nn.Linear(8, hp.outputs))


def relative(outputs: Tensor, target: Tensor) -> Tensor:
    """A loss of one's own, of values in their own units."""
    return (outputs[:, 0] - target).abs() / target.abs()


def worst(prediction: Tensor, target: Tensor) -> Tensor:
    return (prediction - target).abs().max()


NAMED: list[tuple[Any, Any, str]] = [
    ("huber:delta=0.5", Y, "regression"),
    (ikura.loss("quantile", q=0.9), Y, "regression"),
    ("gaussian_nll", Y, "regression"),
    ("poisson", np.floor(np.abs(VALUES[:, 0])), "regression"),
    ("focal", CLASSES, "multiclass"),
    ("hinge", SIGNS, "binary"),
    ("mae", VALUES, "regression"),
    (None, (VALUES > 0).astype(int), "multilabel"),
    (None, X, "regression"),
    ("mse", SIGNS, "regression"),
]

CASES = {f"{loss} of {task}": (loss, y, task) for loss, y, task in NAMED}
CORE = (
    "focal of multiclass",
    "mae of regression",
    "None of multilabel",
)


@pytest.mark.parametrize("case", swept(CASES, core=CORE))
def test_named_losses_from_tune_to_predict(case: tuple[Any, Any, str], tune: Callable[..., ikura.Study]) -> None:
    loss, y, task = case
    study = tune((X, y), network=network, loss=loss)
    assert study.task == task
    assert study.test is not None
    assert np.isfinite(study.trials["dev_score"]).all()
    found = ikura.load(study.run, network).predict(X)
    assert found.shape == y.shape
    if task in ("multilabel", "binary", "multiclass"):
        assert (found == y).mean() > 0.5
    frame = study.model.predict_frame(X)
    assert len(frame) == 160
    row = int(study.trials["number"][0])
    pd.testing.assert_frame_equal(study.replay(row), study.curve(row), check_exact=True)
    study.report()


def test_a_quantile_lies_where_it_should(tune: Callable[..., ikura.Study]) -> None:
    shares = []
    for q in (0.1, 0.9):
        loss = ikura.loss("quantile", q=q)
        study = tune((X, Y), network=network, loss=loss, epochs=60, trials=1)
        shares.append(float((study.model.predict(X) > Y).mean()))
    assert shares[0] < 0.3
    assert shares[1] > 0.7


def test_built_in_networks_train_with_named_losses(tune: Callable[..., ikura.Study]) -> None:
    huber = tune((X, Y), loss="huber")
    usual = tune((X, Y))
    assert huber.config["loss"] == "huber"
    assert usual.config["loss"] is None
    assert list(huber.trials["dev_loss"]) != list(usual.trials["dev_loss"])
    assert ikura.load(huber.run).predict(X).shape == Y.shape


def test_a_loss_of_ones_own_is_remembered(tune: Callable[..., ikura.Study], tmp_path: Path) -> None:
    study = tune((X, Y), network=network, loss=relative, metric=own_metric(worst, greater_is_better=False))
    assert study.config["loss"] == "relative"
    assert study.metric.name == "worst"
    assert study.trials["dev_score"].min() == study.best.dev
    assert ikura.load(study.run, network).predict(X).shape == Y.shape

    for registry in KINDS.values():
        registry.registered.clear()
    with pytest.raises(IkuraError, match=r"the (loss|metric) '(relative|worst)' of .*test_own_losses:.* is not here"):
        ikura.open_study(study.run, network)
    with pytest.raises(UsageError, match="does not say whether a greater value is better"):
        ikura.open_study(study.run, network, loss=relative, metric=worst)
    again = ikura.open_study(study.run, network, loss=relative, metric=own_metric(worst, greater_is_better=False))
    row = int(again.trials["number"][0])
    pd.testing.assert_frame_equal(again.replay(row), again.curve(row), check_exact=True)

    for registry in KINDS.values():
        registry.registered.clear()
    other = ikura.open_study(
        study.run, network, loss=lambda o, t: (o[:, 0] - t).abs(), metric=own_metric(worst, greater_is_better=False)
    )
    with pytest.raises(RunError, match="the loss relative is not the one that this study began with: the code of"):
        other.replay(row)
    with pytest.raises(UsageError, match="its loss is the usual one, not one of your own; leave it out"):
        ikura.open_study(tune((X, Y)).run, loss=relative)


def test_a_run_with_ones_own_loss_is_resumed_in_another_process(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, numpy as np, ikura\n"
        "from torch import nn\n"
        "def loss(outputs, target):\n    return (outputs[:, 0] - target).abs()\n"
        "def net(hp):\n    return nn.Linear(hp.inputs, hp.outputs)\n"
        "x = np.random.default_rng(0).normal(size=(60, 2)).astype('float32')\n"
        "given = dict(trials=1, epochs=2, finalists=0, jobs=1, space={'learning_rate': .1}, checks=False)\n"
        "if sys.argv[1] == 'tune':\n    ikura.tune((x, x[:, 0] * 3.0), network=net, loss=loss, out='run', **given)\n"
        "else:\n    try:\n        ikura.resume('run', net)\n"
        "    except ikura.IkuraError as error:\n        print(error)\n"
        "    print(ikura.resume('run', net, loss=loss).best.dev)\n"
    )

    def run(word: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(script), word]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run("tune").returncode == 0
    done = run("resume")
    assert done.returncode == 0, done.stderr
    refused, value = done.stdout.splitlines()
    assert "the loss 'loss' of __main__:loss is not here" in refused
    assert "or give it as loss=" in refused
    assert np.isfinite(float(value))


class Pair(nn.Module):
    def __init__(self, hp: Any) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(hp.inputs, hp.outputs), nn.Linear(hp.inputs, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.one(x), "norm": self.two(x)}


def of_both(outputs: dict[str, Tensor], target: Tensor) -> Tensor:
    return F.cross_entropy(outputs["logits"], target, reduction="none") + outputs["norm"].square()[:, 0]


def test_outputs_of_any_form_reach_a_loss_of_ones_own(tune: Callable[..., ikura.Study]) -> None:
    study = tune((X, CLASSES), network=Pair, loss=of_both)
    assert (study.model.predict(X) == CLASSES).mean() > 0.5
    ids = RANDOM.integers(0, 4, (160, 6))

    def tokens(outputs: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(outputs.reshape(-1, 4, 6), target, reduction="none")

    study = tune((X, ids), network=lambda hp: nn.Linear(hp.inputs, 24), loss=tokens)
    assert study.task == "own"
    assert study.metric.name == "tokens"
    assert not study.metric.greater_is_better
    assert study.model.predict(X).shape == (160, 24)
    with pytest.raises(UsageError, match=r"holds whole numbers of shape .*: say what they are by task='regression'"):
        tune((X, ids), network=network)


def test_two_logits_are_one(tune: Callable[..., ikura.Study]) -> None:
    two = tune((X, SIGNS), network=lambda hp: nn.Linear(hp.inputs, 2), epochs=20)
    assert two.test is not None
    assert two.test.value > 0.8
    assert (two.model.predict(X) == SIGNS).mean() > 0.9
    own = tune((X, SIGNS), network=lambda hp: nn.Linear(hp.inputs, 2), loss=nn.CrossEntropyLoss(), epochs=20)
    assert (own.model.predict(X) == SIGNS).mean() > 0.9


def test_weights_of_classes_and_of_examples(tune: Callable[..., ikura.Study]) -> None:
    counts = np.bincount(CLASSES)
    by_class = {k: 160 / count for k, count in enumerate(counts)}
    given = tune((X, CLASSES), network=network, class_weight=by_class)
    by_row = tune((X, CLASSES), network=network, sample_weight=[by_class[k] for k in CLASSES])
    np.testing.assert_allclose(given.trials["dev_loss"], by_row.trials["dev_loss"], rtol=1e-5)
    balanced = tune((X, CLASSES), network=network, class_weight="balanced")
    usual = tune((X, CLASSES), network=network)
    assert list(balanced.trials["dev_loss"]) != list(usual.trials["dev_loss"])
    row = int(by_row.trials["number"][0])
    pd.testing.assert_frame_equal(by_row.replay(row), by_row.curve(row), check_exact=True)

    frame = pd.DataFrame(X).add_prefix("x").assign(kind=CLASSES, w=RANDOM.uniform(0.1, 2, 160))
    table = tune(frame, target="kind", sample_weight="w")
    assert "w" not in table.model.encoder.feature_names
    assert np.isfinite(table.trials["dev_loss"]).all()


def test_metrics_of_ones_own(tune: Callable[..., ikura.Study]) -> None:
    study = tune(
        (X, CLASSES), network=network, metric=make_scorer(balanced_accuracy_score), metrics=["accuracy", "f1_macro"]
    )
    usual = tune((X, CLASSES), network=network, metric="balanced_accuracy")
    assert list(study.trials["dev_score"]) == pytest.approx(list(usual.trials["dev_score"]))
    assert set(study.measures["metric"]) == {"accuracy", "f1_macro"}
    numbers = tune((X, Y), network=network, metric=mean_absolute_error, metrics=["mae"])
    assert list(numbers.trials["mae"]) == pytest.approx([-one for one in numbers.trials["dev_score"]])
    assert numbers.test is not None
    assert numbers.measures["test"][0] == pytest.approx(-numbers.test.value)


class Running:
    """As a metric of torchmetrics is: it gathers, and says which direction is better."""

    higher_is_better = False

    def reset(self) -> None:
        self.total, self.count = 0.0, 0

    def update(self, prediction: Tensor, target: Tensor) -> None:
        self.total += float((prediction - target).abs().sum())
        self.count += len(target)

    def compute(self) -> Tensor:
        return torch.tensor(self.total / self.count)


def test_metrics_that_gather(tune: Callable[..., ikura.Study]) -> None:
    study = tune((X, Y), network=network, metric=Running(), metrics=["mae"])
    assert study.metric.name == "Running"
    assert list(study.trials["mae"]) == pytest.approx(list(study.trials["dev_score"]), rel=1e-6)


REFUSED: list[tuple[dict[str, Any], Any, str]] = [
    ({"loss": "huber"}, np.array(["a", "b", "c"])[CLASSES], "could not be|no number|is not a number"),
    ({"loss": "hubert"}, Y, "unknown loss 'hubert', did you mean 'huber'"),
    (
        {"loss": "focal", "task": "regression"},
        Y,
        "the loss 'focal' is not for a regression task; losses for regression",
    ),
    ({"loss": "poisson"}, VALUES[:, 0], "the loss 'poisson' is of counts, but the target"),
    ({"class_weight": "balanced"}, Y, "class_weight is for one of several classes, but the task is regression"),
    ({"class_weight": {"7": 1.0}}, CLASSES, "class_weight names '7', but classes are 0, 1, 2"),
    ({"class_weight": {0: -1}}, CLASSES, "the weight of class 0 must be a number of at least 0, but is -1"),
    ({"sample_weight": np.ones(7)}, Y, r"sample_weight of shape \(160,\) is expected, one for each row"),
    ({"sample_weight": -np.ones(160)}, Y, "row 1, sample_weight: a weight is a number of at least 0, not -1"),
    ({"sample_weight": "w"}, Y, "no column 'w' with weights"),
    ({"metric": worst}, Y, "the metric 'worst' does not say whether a greater value is better"),
    ({"metric": "acuracy"}, CLASSES, "there is no metric 'acuracy', did you mean 'accuracy'"),
    ({"loss": lambda o, t: (o - t).mean()}, CLASSES, "the loss lambda fails"),
    ({"loss": "focal", "space": {**OPTIONS["space"], "label_noise": 0.1}}, (VALUES > 0).astype(int), "label_noise"),
    ({"loss": relative, "space": {**OPTIONS["space"], "label_smoothing": 0.1}}, CLASSES, "label_smoothing"),
]


@pytest.mark.parametrize(("more", "y", "message"), REFUSED, ids=[message for _, _, message in REFUSED])
def test_what_cannot_be_is_one_line(more: Any, y: Any, message: str, tune: Callable[..., ikura.Study]) -> None:
    with pytest.raises((UsageError, DataError), match=message) as caught:
        tune((X, y), network=network, **more)
    assert "\n" not in str(caught.value)


def test_a_sigmoid_at_the_end_is_said(tune: Callable[..., ikura.Study], caplog: pytest.LogCaptureFixture) -> None:
    for y, end in ((SIGNS, nn.Sigmoid()), ((VALUES > 0).astype(int), nn.Sigmoid()), (CLASSES, nn.Softmax(1))):
        caplog.clear()
        tune((X, y), network=lambda hp, end=end: nn.Sequential(nn.Linear(hp.inputs, hp.outputs), end), checks=True)
        assert any("check outputs" in line and "logits" in line for line in caplog.messages), caplog.messages


def test_losses_by_name_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    frame, _ = load_bundled("wine")
    table = tmp_path / "wine.csv"
    frame.assign(w=np.linspace(0.5, 1.5, len(frame))).to_csv(table, index=False)
    words = ["--trials", "2", "--epochs", "2", "--finalists", "0", "--jobs", "1", "--no-checks", "--out", "run"]
    names = [
        "--loss",
        "focal:gamma=1.5",
        "--class-weight",
        "balanced",
        "--sample-weight",
        "w",
        "--metrics",
        "f1,log_loss",
    ]
    monkeypatch.chdir(tmp_path)
    command = ["tune", str(table), *words, *names]
    assert main(command) == 0
    assert "f1" in capsys.readouterr().out
    shutil.rmtree(tmp_path / "run")
    assert main([*command, "--loss", "foca"]) == 2
    assert "did you mean 'focal'" in capsys.readouterr().err
