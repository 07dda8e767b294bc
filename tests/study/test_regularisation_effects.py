"""What stopping early traded, and the weights that are zero: in the result, the summary and the report."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import ikura
from ikura.cli.result_summary import summary
from ikura.report.sections import sections
from ikura.report.view import View
from ikura.study.record.facts import BEST
from ikura.study.regularisation_effects import sparsity, stopping

from .conftest import Tune


@pytest.mark.parametrize(
    ("curve", "best", "budget", "told"),
    [
        ([(0.9, 0.8), (0.5, 0.6), (0.3, 0.7)], 2, 10, "rose from 0.6 to 0.7 while J still fell from 0.5 to 0.3, so"),
        ([(0.9, 0.8), (0.5, 0.6), (0.3, 0.7)], 2, 3, "training took all 3 epochs and the weights of epoch 2 are kept"),
        ([(0.9, 0.8), (0.5, 0.6), (0.3, 0.6)], 2, 9, "fell no lower than 0.6 while J still fell"),
        (
            [(0.9, 0.8), (0.5, 0.6), (0.6, 0.7)],
            2,
            9,
            "J fell no lower than 0.5 either, so stopping early traded nothing",
        ),
    ],
)
def test_the_sentence_is_that_of_the_curve(curve: list[tuple[float, float]], best: int, budget: int, told: str) -> None:
    found = stopping(curve, best, budget)
    assert found is not None
    assert told in found.sentence


def test_nothing_is_said_where_the_last_epoch_is_kept_or_unknown() -> None:
    assert stopping([(0.9, 0.8), (0.5, 0.6)], 2, 2) is None
    assert stopping([(0.9, 0.8), (0.5, float("nan"))], 1, 2) is None
    assert stopping([], 0, 2) is None
    assert stopping([(0.9, 0.8), (0.5, 0.6)], 0, 2) is None


def test_what_ended_it_is_named() -> None:
    curve = [(0.9, 0.8), (0.5, 0.6), (0.3, 0.7)]
    for by, words in (
        ("", "of 10 and the"),
        ("hand", "of 10, by hand, and the"),
        ("the time limit", ", by the time limit, and"),
    ):
        found = stopping(curve, 2, 10, by)
        assert found is not None
        assert words in found.sentence


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), min_size=2, max_size=9), st.data())
def test_its_numbers_are_those_of_the_curve(curve: list[tuple[float, float]], data: st.DataObject) -> None:
    best = data.draw(st.integers(1, len(curve) - 1))
    found = stopping(curve, best, 20)
    assert found is not None
    assert ("traded nothing" in found.sentence) == (min(j for j, _ in curve[best:]) >= curve[best - 1][0])
    assert found.loss == [curve[best - 1][1], curve[-1][1]]


def test_a_study_says_what_its_choice_traded(tune: Tune) -> None:
    space = {"learning_rate": 0.05, "units": 64, "optimizer": "adam"}
    study = tune("breast_cancer", space=space, trials=1, finalists=1, epochs=60)
    found = study.account.stopping
    rows = study.trials[study.trials["purpose"] == "finalist"].set_index("number")
    number = study.store.fact(BEST).model
    curve = study.curve(number)
    assert found.ended == len(curve) == rows.loc[number, "epochs"]
    assert found.epoch == rows.loc[number, "best_epoch"]
    assert found.cost[0] == pytest.approx(curve["train_loss"][found.epoch - 1])
    assert study.to_json()["stopping"] == asdict(found)
    assert f"the weights of epoch {found.epoch} are kept" in " ".join(summary(study).split())
    page = {name: str(content) for name, _, content in sections(View(study))}
    assert "stopping early traded" in page["Learning curves"]


@pytest.mark.parametrize("network", [None, "own"])
def test_zero_weights_are_counted(tune: Tune, network: str | None) -> None:
    own = (lambda hp: nn.Linear(hp.inputs, hp.outputs)) if network else None
    space = {"l1": 0.1, "learning_rate": 0.01} | ({} if network else {"units": 8})
    study = tune(network=own, space=space, trials=1, finalists=0, epochs=40)
    found = study.account.sparsity
    zeros = sum(int((p == 0).sum()) for p in study.model.network.parameters() if p.dim() > 1)
    assert found.zeros == zeros > 0
    assert f"{zeros:,} of {found.weights:,} weights are exactly zero" in summary(study)
    page = {name: str(content) for name, _, content in sections(View(study))}
    assert "weights are exactly zero" in page["Hyperparameters"]
    assert study.to_json()["sparsity"] == asdict(found)


def test_without_l1_none_are_counted(iris: ikura.Study) -> None:
    assert iris.account.sparsity is None
    assert "Zero weights" not in summary(iris)
    assert sparsity(nn.Linear(2, 1), {"l1": 0.0}) is None
