"""Quick runs of every experiment against answers that are known."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ikura.errors import UsageError
from ikura.experiments import EXPERIMENTS, reproduce
from ikura.experiments.claim import Claim
from ikura.experiments.gradient_check import MISTAKES, SHAPES, backward, cost, relative_error
from ikura.experiments.large_batch_columns import Setting
from ikura.experiments.large_batch_controls import CONTROLS, plans_of
from ikura.experiments.log_scale import DECADES, expected_share
from ikura.experiments.parity_learning_rate import _slopes
from ikura.experiments.parity_network import PATTERNS, SUBSETS, TARGETS, initial, trace
from ikura.experiments.random_vs_grid import BUDGETS, SPACE, grid
from ikura.experiments.regularisation import KINDS
from ikura.experiments.step_covariance import sizes_for
from ikura.experiments.vanishing_exploding import signals

from .conftest import OPTIONS, Runs


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_writes_a_report(name: str, runs: Runs) -> None:
    done = runs.run(name)
    page = done.report.read_text(encoding="utf-8")
    assert json.loads((done.folder / "results.json").read_text())["experiment"] == name
    assert page.count('class="plot"') >= 1
    assert EXPERIMENTS[name] in page
    assert all(claim["repetitions"] >= 2 for claim in done.results["claims"])


def test_exact_shares_are_those_of_the_text() -> None:
    assert [expected_share("log", *decade) for decade in DECADES] == [0.25] * 4
    assert sum(expected_share("linear", *decade) for decade in DECADES) == pytest.approx(1)
    assert expected_share("linear", 0.1, 1.0) == pytest.approx(0.9, abs=1e-3)


def test_drawn_shares_are_the_exact_ones(runs: Runs) -> None:
    shares = runs.table("log-scale", "shares")
    for (scale, low, high), own in shares.groupby(["scale", "low", "high"]):
        draws, exact = own["draws"].sum(), expected_share(scale, low, high)
        # Five standard deviations of a binomial share: a false failure once in two million.
        assert abs(own["inside"].sum() / draws - exact) < 5 * np.sqrt(exact * (1 - exact) / draws)


def test_a_grid_tries_few_values_and_random_search_many(runs: Runs) -> None:
    searches = runs.table("random-vs-grid", "searches")
    for row in searches.to_dict("records"):
        expected = row["trials"] if row["method"] == "random" else round(row["trials"] ** 0.5)
        assert {row[f"distinct_{name}"] for name in SPACE.dimensions} == {expected}
    for budget in BUDGETS:
        tried = grid(budget)
        assert len({tuple(one.values()) for one in tried}) == budget
        assert {min(one["learning_rate"] for one in tried), max(one["learning_rate"] for one in tried)} == {1e-4, 1.0}


def test_both_searches_may_cost_the_same(runs: Runs) -> None:
    searches = runs.table("coarse-to-fine", "searches")
    planned = searches.pivot_table(index="repetition", columns="search", values="planned")
    # Random search trains whole trials, of 6 epochs here, so that half of one is the nearest it can always come.
    assert (abs(planned["random"] - planned["coarse-to-fine"]) <= 3).all()
    # Trials that diverge end early; nothing is ever trained beyond the plan.
    assert (searches["epochs"] <= searches["planned"]).all()
    assert (searches["epochs"] > 0.5 * searches["planned"]).all()


def test_parity_targets_and_choices() -> None:
    assert [int(t) for t in TARGETS] == [1, 0, 0, 1, 0, 1, 1, 0]
    assert {tuple(one) for one in SUBSETS.tolist()} == set(itertools.combinations(range(8), 6))


def test_the_parity_network_is_torchs() -> None:
    x, t = PATTERNS[SUBSETS[3]], TARGETS[SUBSETS[3]]
    w, v = initial()
    rate = 0.7
    _, ways = trace(x, t, w, v, rate, np.array([1, 20]))
    hidden, out = torch.nn.Linear(3, 5).double(), torch.nn.Linear(5, 1).double()
    with torch.no_grad():
        hidden.weight.copy_(torch.from_numpy(w[:, :3]))
        hidden.bias.copy_(torch.from_numpy(w[:, 3]))
        out.weight.copy_(torch.from_numpy(v[None, :5]))
        out.bias.copy_(torch.from_numpy(v[5:]))
    parameters = [*hidden.parameters(), *out.parameters()]
    optimiser = torch.optim.SGD(parameters, rate)
    for number in range(1, 21):
        for row, target in zip(torch.from_numpy(x), t, strict=True):
            optimiser.zero_grad()
            (0.5 * (out(hidden(row).sigmoid()).sigmoid() - target) ** 2).sum().backward()
            optimiser.step()
        if number in (1, 20):
            own = torch.cat([torch.cat([hidden.weight, hidden.bias[:, None]], 1).ravel(), out.weight.ravel(), out.bias])
            # 120 updates in double precision, each rounded to about 1e-16.
            assert ways[0 if number == 1 else 1] == pytest.approx(own.detach().numpy(), abs=1e-11)


def test_alternating_signs_leave_two_kinds_of_hidden_units() -> None:
    w, v = initial()
    _, ways = trace(PATTERNS[:6], TARGETS[:6], w, v, 1.0, np.array([500]))
    hidden, out = ways[0, :20].reshape(5, 4), ways[0, 20:]
    assert len(np.unique(hidden, axis=0)) == 2
    assert len(np.unique(out)) == 3


def test_passes_fall_in_inverse_proportion(runs: Runs) -> None:
    slope = runs.run("parity-learning-rate").results["claims"][0]
    # Inverse proportion is -1; the text's own two counts give -1.15.
    assert -1.25 < slope["estimate"] < -0.75
    passes = runs.table("parity-learning-rate", "passes")
    for _, own in passes[passes["rate"] < 10].dropna().groupby("repetition"):
        assert own.sort_values("rate")["passes"].is_monotonic_decreasing
    assert passes[passes["rate"] == 50]["passes"].isna().all()


def test_zero_weights_keep_the_symmetry(runs: Runs) -> None:
    ends = runs.table("initialisation", "ends").groupby("initialisation")["distinct_units"]
    assert ends.max()["zeros"] == 1
    assert ends.min()["he"] == ends.min()["large"] == 10


def test_regularised_networks_begin_alike_and_end_apart(runs: Runs) -> None:
    ends = runs.table("regularisation", "ends").pivot_table(index="repetition", columns="regularisation", values="norm")
    assert set(ends) == set(KINDS)
    assert (ends["L2"] < ends["none"]).all()
    boundary = runs.table("regularisation", "boundary")
    assert boundary["probability"].between(0, 1).all()


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.0])
def test_relu_and_he_multiply_by_the_scale(scale: float) -> None:
    forward, backwards = signals("relu", "he", scale, 20, 256, 1)
    # A layer of 256 units changes ln of the size by ln s and about √(1.25/256) = 0.07 of noise: 19 layers leave 0.016.
    for sizes in (forward, backwards[::-1]):
        assert np.diff(np.log(sizes)).mean() == pytest.approx(np.log(scale), abs=0.08)


def test_the_backward_pass_is_autograds() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((7, 6)), rng.integers(0, 2, 7).astype(float)
    theta = rng.standard_normal(sum(int(np.prod(shape)) for shape in SHAPES))
    leaf = torch.tensor(theta, requires_grad=True)
    sizes = [int(np.prod(shape)) for shape in SHAPES]
    w, b, v, c = (part.reshape(shape) for part, shape in zip(leaf.split(sizes), SHAPES, strict=True))
    z = (torch.from_numpy(x) @ w.T + b).tanh() @ v[0] + c[0]
    loss = torch.nn.functional.binary_cross_entropy_with_logits(z, torch.from_numpy(y))
    loss = loss + 0.05 * (w.square().sum() + v.square().sum())
    loss.backward()
    assert loss.item() == pytest.approx(cost(theta, x, y), rel=1e-12)
    assert leaf.grad is not None
    expected = leaf.grad.numpy()
    assert relative_error(expected, backward(theta, x, y)) < 1e-14
    for mistake in MISTAKES:
        assert (relative_error(expected, backward(theta, x, y, mistake)) > 1e-3) == (mistake != "none")


def test_mistakes_are_found(runs: Runs) -> None:
    checks = runs.table("gradient-check", "checks")
    assert checks[checks["mistake"] == "none"]["log10_error"].max() < -6.5
    assert checks[checks["mistake"] != "none"]["log10_error"].min() > -3


def test_batch_normalisation_is_compared_in_pairs(runs: Runs) -> None:
    networks = runs.table("batch-norm-regularises", "networks")
    wide = networks.pivot_table(index=["repetition", "size"], columns="normalisation", values="dev")
    assert not wide.isna().any().any()
    assert (wide["none"] != wide["batch"]).all()
    assert (networks["gap"] - (networks["dev"] - networks["train"])).abs().max() < 1e-12


def test_claims_of_results_are_claims(runs: Runs) -> None:
    for claim in runs.run("gradient-check").results["claims"]:
        limits = {"least": claim["least"], "most": claim["most"]}
        given = {
            name: value if value is not None else {"least": -np.inf, "most": np.inf}[name]
            for name, value in limits.items()
        }
        again = Claim("", "", claim["estimate"], claim["low"], claim["high"], given["least"], given["most"], 2)
        assert again.verdict == claim["verdict"]


def test_columns_of_large_batches_are_paired(runs: Runs) -> None:
    results = runs.table("large-batch", "results")
    wide = results.pivot_table(index="repetition", columns="column", values="accuracy")
    assert not wide.isna().any().any()
    updates = results.groupby("column")["updates"].max()
    assert updates["regime"] == updates["small"] == 4 * updates["large"]
    curves = runs.table("large-batch", "curves")
    ends = curves.sort_values("epoch").groupby(["repetition", "column"])["distance"].last()
    layers = runs.table("large-batch", "layers")
    # A curve's last point is the last epoch, where the squares of the layers' distances add up to the whole.
    whole = layers.assign(square=layers["distance"] ** 2).groupby(["repetition", "column"])["square"].sum() ** 0.5
    np.testing.assert_allclose(ends, whole.reindex(ends.index), rtol=1e-9)


def test_controls_differ_from_the_large_batch_in_their_noise_alone() -> None:
    plans = plans_of(Setting().resolved(quick=True))
    assert list(plans) == list(CONTROLS)
    epochs, large = plans["large"]
    for name in list(CONTROLS)[2:]:
        own_epochs, own = plans[name]
        assert own_epochs == epochs
        assert len(own.items() - large.items()) == 1
    assert plans["small"][1]["batch_size"] * 4 == large["batch_size"]


def test_mini_batches_stay_a_small_share_of_the_examples(runs: Runs) -> None:
    for rows in (40, 1078, 2048, 20_000, 10**6):
        sizes = sizes_for(rows)
        # What drawing without replacement takes off the covariance at the largest size, (M - 1) / (N - 1).
        assert (sizes[-1] - 1) / (rows - 1) < 1 / 19
        assert len(sizes) >= 2
    found = {claim["claim"]: claim["verdict"] for claim in runs.run("step-covariance").results["claims"]}
    assert "does not hold" not in found.values(), found


def test_slopes_are_of_choices_that_converge_at_every_rate() -> None:
    rates = [0.05, 0.5, 5.0, 50.0]
    whole = pd.DataFrame({"repetition": 0, "rate": rates, "passes": [1e5, 1e4, 1e3, None]})
    part = pd.DataFrame({"repetition": 1, "rate": rates, "passes": [None, 5e4, 1e3, None]})
    np.testing.assert_allclose(_slopes(pd.concat([whole, part])), [-1.0])


def test_an_interrupted_large_batch_goes_on(tmp_path: Path, runs: Runs) -> None:
    def stop(done: float, of: int) -> None:
        if done > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reproduce("large-batch", tmp_path, quick=True, progress=stop, options=OPTIONS["large-batch"])
    assert not (tmp_path / "results.json").exists()
    reproduce("large-batch", tmp_path, quick=True, options=OPTIONS["large-batch"])
    again = pd.read_csv(tmp_path / "results.csv").drop(columns="seconds")
    pd.testing.assert_frame_equal(again, runs.table("large-batch", "results").drop(columns="seconds"))


def test_options_belong_to_their_experiment() -> None:
    with pytest.raises(UsageError, match="log-scale has no option 'width': it has none"):
        reproduce("log-scale", options={"width": 3})
    with pytest.raises(UsageError, match="did you mean"):
        reproduce("large-batch", options={"widht": 3})
