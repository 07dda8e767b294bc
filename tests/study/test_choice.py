"""Which configuration, and which of its networks, a study keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file
from scipy.stats import binomtest

import ikura
from ikura.api.study import Study
from ikura.study.choice import _groups, choose
from ikura.study.executor import Executor
from ikura.study.finalists import fitting
from ikura.study.record.progress import Progress

from ..sweep import swept
from .comparing import assert_same
from .test_time_limit import Clock

Tune = Callable[..., Study]
OPTIONS: dict[str, Any] = {"trials": 8, "epochs": 40, "schedule": "none", "search": "random", "time_limit": 1e6}


class CutsFinalists(Progress):
    """Lets the time be over after the finalists' first few epochs."""

    def __init__(self, patch: pytest.MonkeyPatch, looks: int) -> None:
        self.patch, self.looks, self.said = patch, looks, []  # type: ignore[var-annotated]

    def start(self, stage: str, epochs: int) -> None:
        if stage == "finalists":
            Clock(self.patch, self.looks)

    def say(self, text: str) -> None:
        self.said.append(text)


def searched(study: Study) -> Any:
    return study.trials.query("purpose == 'search' and state == 'complete'").sort_values(
        ["dev_score", "dev_loss"], ascending=[not study.metric.greater_is_better, True]
    )


def test_the_intervals_of_one_network_are_those_of_wilson_at_95_percent(tune: Tune) -> None:
    study = tune("breast_cancer", finalists=0, trials=4, epochs=3)
    for value, interval, rows in (
        (study.best.dev, study.best.interval, study.summary["parts"]["dev"]),
        (study.test.value, study.test.interval, study.summary["parts"]["test"]),
    ):
        expected = binomtest(round(value * rows), rows).proportion_ci(0.95, "wilson")
        assert tuple(interval) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("metric", swept(["accuracy", "log_loss"], core=["accuracy"]))
def test_finalists_cut_short_do_not_replace_a_better_network(
    metric: str, tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        told = CutsFinalists(patch, 3)
        study = tune("digits", metric=metric, finalists=2, progress=told, **OPTIONS)
    finals = study.trials.query("purpose == 'finalist'")
    assert set(finals["state"]) == {"stopped", "skipped"}
    top = searched(study).iloc[0]
    # Two epochs of forty: no replicate comes near the best trial.
    better = (
        finals["dev_score"] >= top["dev_score"] if metric == "accuracy" else finals["dev_score"] <= top["dev_score"]
    )
    assert not better.any()
    assert (study.best.number, study.best.dev) == (top["number"], top["dev_score"])
    assert any("the time limit cut the finalists short" in line for line in told.said)
    assert study.best.interval[0] <= top["dev_score"] <= study.best.interval[1]
    assert_same(ikura.resume(study.run), study)


def test_no_time_for_any_finalist(tune: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        told = CutsFinalists(patch, 0)
        study = tune(finalists=1, progress=told, **OPTIONS)
    assert set(study.trials.query("purpose == 'finalist'")["state"]) == {"skipped"}
    assert study.best.dev == searched(study).iloc[0]["dev_score"]
    assert any("no time was left to train finalists" in line for line in told.said)


@pytest.mark.parametrize("metric", swept(["accuracy", "log_loss"], core=["log_loss"]))
def test_finalists_trained_in_full_are_chosen_by_their_mean(metric: str, tune: Tune) -> None:
    study = tune(metric=metric, finalists=3, **OPTIONS | {"time_limit": None})
    finals = study.trials.query("purpose == 'finalist'")
    means = finals.groupby("parent")["dev_score"].mean()
    assert study.best.dev == pytest.approx(means.max() if metric == "accuracy" else means.min(), rel=1e-12)
    assert study.best.dev == pytest.approx(means[study.best.number], rel=1e-12)


def test_the_search_s_best_network_is_kept_and_no_other(tune: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikura.api.final_test.replay", None)  # nothing is trained twice
    for options in ({}, {"schedule": "successive-halving"}):
        study = tune(finalists=0, **OPTIONS | {"trials": 40} | options)
        kept = {path.stem for path in study.run.glob("snapshots/trial-*.safetensors")}
        assert f"trial-{study.best.number}" in kept
        assert len(kept) <= 2
        assert study.best.number == searched(study).iloc[0]["number"]


@pytest.mark.parametrize("content", swept({"gone": None, "empty": b"", "damaged": b"damaged"}, core=["damaged"]))
def test_weights_that_were_lost_are_trained_again(
    content: bytes | None, tune: Tune, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tune(finalists=0, **OPTIONS | {"time_limit": None})

    def lose(executor: Executor, *rest: Any) -> Any:
        for path in executor.run.glob("snapshots/trial-*.safetensors"):
            path.unlink() if content is None else path.write_bytes(content)
        return choose(executor, *rest)

    with monkeypatch.context() as patch:
        patch.setattr("ikura.api.final_test.choose", lose)
        study = tune(finalists=0, **OPTIONS | {"time_limit": None})
    assert_same(study, whole)


@given(
    st.lists(st.floats(0.1, 100), min_size=1, max_size=6), st.integers(1, 4), st.integers(1, 4), st.floats(-10, 1000)
)
def test_as_many_finalists_as_fit(work: list[float], replicates: int, jobs: int, seconds: float) -> None:
    count, seeds = fitting(work, replicates, jobs, seconds)
    assert 1 <= count <= len(work)
    assert 1 <= seeds <= replicates

    def needed(count: int, seeds: int) -> float:
        return -(-seeds // jobs) * sum(work[:count])

    if count > 1 or seeds > min(jobs, replicates):
        assert needed(count, seeds) <= seconds
    if count < len(work) and seeds == replicates:
        assert needed(count + 1, seeds) > seconds
    if seeds < replicates:
        assert count == 1
        assert needed(1, replicates) > seconds


def test_a_space_of_one_configuration(tune: Tune) -> None:
    space = {"learning_rate": 0.01, "units": 16, "optimizer": "adam"}
    study = tune(space=space, trials=1, epochs=12, finalists=0)
    assert len(study.trials) == 1
    assert study.best.hyperparameters == space
    assert study.best.dev == study.best.dev_corrected == study.trials["dev_score"].iloc[0]
    assert study.best.next is None
    assert "one trial is enough" not in study.space_note
    assert "one trial is enough" in tune(space=space, trials=2, epochs=2, finalists=0).space_note


@pytest.mark.parametrize(("finalists", "seeds"), [(0, 1), (3, 3)])
def test_the_choice_is_judged(finalists: int, seeds: int, tune: Tune) -> None:
    study = tune("digits", finalists=finalists, **OPTIONS | {"epochs": 6, "time_limit": None})
    best = study.best
    assert best.dev_corrected <= best.dev
    width = best.interval[1] - best.interval[0]
    assert best.corrected_interval[1] - best.corrected_interval[0] == pytest.approx(width)
    assert best.next.seeds == seeds
    assert best.next.number != best.number
    assert 0 <= best.next.difference == pytest.approx(best.dev - next_best(study, finalists), abs=1e-6)
    assert best.next.sentence.startswith("Better" if best.next.p < 0.05 else "Not to be told apart")
    assert not list(study.run.glob("snapshots/evidence-*"))
    told = study.to_json()["best"]
    assert told["dev_corrected"]["value"] == best.dev_corrected
    assert told["next"]["p"] == best.next.p


def test_a_preferred_choice_is_compared_with_the_best_of_the_others(tune: Tune) -> None:
    options = OPTIONS | {"trials": 24, "epochs": 12, "time_limit": None}
    study = tune("digits", finalists=0, prefer="parameters", within=0.2, **options)
    rows = searched(study)
    assert study.best.number != rows["number"].iloc[0]
    others = rows[rows["number"] != study.best.number]
    assert study.best.next.number == others["number"].iloc[0]
    assert study.best.next.difference == pytest.approx(study.best.dev - others["dev_score"].iloc[0], abs=1e-6)
    assert study.best.dev_corrected is not None


def test_finalists_without_a_seed_in_common_are_not_compared(tune: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_each(executor: Executor, finals: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
        """Of the best configuration the first replicate is left, of the next the second, of the third both."""
        first, second, *others = _groups(executor, finals)
        return [first[:1], second[1:2], *(group[:2] for group in others)]

    monkeypatch.setattr("ikura.study.choice._groups", one_each)
    options = OPTIONS | {"epochs": 6, "time_limit": None}
    study = tune("digits", finalists=2, **options)
    assert study.best is not None
    assert study.best.next is None
    study = tune("digits", finalists=3, **options)
    assert study.best.next.seeds == 1
    means = study.trials.query("purpose == 'finalist'").groupby("parent")["dev_score"].mean()
    assert study.best.next.number == means.nsmallest(1).index[0]


def next_best(study: Study, finalists: int) -> float:
    if not finalists:
        return float(searched(study)["dev_score"].iloc[1])
    means = study.trials.query("purpose == 'finalist'").groupby("parent")["dev_score"].mean()
    return float(means.nlargest(2).iloc[1])


def test_evidence_is_that_of_the_recorded_scores(tune: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikura.study.shortlist.PLACES", 5)
    monkeypatch.setattr("ikura.study.shortlist.Shortlist.clear", lambda _: None)
    study = tune("digits", finalists=0, **OPTIONS | {"trials": 12, "epochs": 3, "time_limit": None})
    found: dict[int, float] = {}
    for path in study.run.glob("snapshots/evidence-*"):
        found |= {int(number): float(right.mean()) for number, right in load_file(path).items()}
    best = searched(study).head(5)
    assert set(best["number"]) <= set(found)
    recorded = study.trials.set_index("number")["dev_score"]
    for number, score in found.items():
        assert score == pytest.approx(recorded[number], abs=1e-12)
