"""The recipe: which rules are asked, and that what they prescribe can be done."""

from __future__ import annotations

from typing import Any

import pytest

import ikura
from ikura.diagnose import Estimate, judged, prescribe
from ikura.diagnose.errors import rates
from ikura.diagnose.estimate import percent
from ikura.diagnose.learning_curve import LearningCurve, Point
from ikura.diagnose.prescription import keep_spaces
from ikura.diagnose.recipe import RULES
from ikura.space import Space, load_space
from ikura.study.opening import check_space
from ikura.study.study import Study

ZERO = Estimate.exactly(0.0)


def names(study: Study, train: float, dev: float, rows: int = 50_000, **given: Any) -> list[str]:
    return [one.name for one in prescribe(judged(rates(train, dev, rows, rows), **{"optimal": ZERO, **given}), study)]


def test_every_rule_has_a_source_and_is_against_something() -> None:
    assert all(rule.source for rule in RULES)
    assert {rule.against for rule in RULES} == {"bias", "variance", "mismatch", "uncertainty", "nothing"}


def test_each_diagnosis_has_its_rules(biased: Study) -> None:
    against = {rule.name: {one.against for one in RULES if one.name == rule.name} for rule in RULES}
    for train, dev, wanted in ((0.15, 0.16, {"bias"}), (0.01, 0.11, {"variance"}), (0.15, 0.3, {"bias", "variance"})):
        found = names(biased, train, dev)
        assert found
        assert all(against[name] & wanted for name in found)
    assert names(biased, 0.005, 0.01) == ["stop"]


def test_what_cannot_be_told_asks_for_examples_and_leans(biased: Study) -> None:
    assert names(biased, 0.01, 0.02, rows=50) == ["more-data-to-measure"]
    found = names(biased, 0.01, 0.08, rows=50)
    assert found[0] == "more-data-to-measure"
    assert "stronger-regularisation" in found
    bounds = {"optimal": Estimate(0.1, 0.02, 0.2), "source": "estimate"}
    assert "best-achievable-error" in names(biased, 0.2, 0.2, **bounds)


def test_examples_to_measure_on_are_asked_for_where_they_are_missing(biased: Study) -> None:
    rows, parts = biased.summary["parts"]["train"], biased.summary["parts"]
    few = prescribe(judged(rates(0.015, 0.015, 60, 10**6), ZERO), biased)
    # The training error was measured on some of the training examples only: there are more of them already.
    assert "more-data-to-measure" not in [one.name for one in few]
    short = judged(rates(0.018, 0.018, rows, 10**6), ZERO)
    assert (short.bias.verdict, short.variance.verdict) == ("cannot tell", "low")
    found = next(one for one in prescribe(short, biased) if one.name == "more-data-to-measure")
    assert short.bias.missing in found.expected
    assert f"({percent(parts['train'] / sum(parts.values()))} of new rows)" in found.expected


def test_what_came_near_its_end_trains_longer_first(biased: Study) -> None:
    order = names(biased, 0.15, 0.16)
    last = max(row["best_epoch"] for row in biased.records() if row["purpose"] == "finalist")
    near = last >= 0.9 * biased.setting.epochs
    assert (order.index("longer-training") < order.index("bigger-network")) == near


def test_every_change_makes_a_space_that_can_be_searched(biased: Study, varied: Study) -> None:
    for study in (biased, varied):
        diagnosis = judged(rates(0.15, 0.30, 50_000, 50_000), ZERO)
        found = prescribe(diagnosis, study)
        assert sum(not one.change.empty for one in found) >= 4
        for one in found:
            assert one.reason
            assert one.command.startswith("ikura ")
            space = study.searched.replace(**one.change.space)
            check_space(space, "mlp")
            assert Space.from_dict(space.as_dict()) == space
            assert set(one.change.settings) <= {"epochs", "network"}
        for path in keep_spaces(study, found):
            assert path.is_relative_to(study.run)
            again = next(study.searched.replace(**one.change.space) for one in found if str(path) in one.command)
            assert load_space(path) == again


def test_borders_that_hold_back_are_moved(varied: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    from ikura.diagnose import Edge

    space = varied.space.replace(learning_rate=ikura.log(1e-4, 0.01), units=ikura.integer(8, 128, log=True))
    edges = [
        Edge("learning_rate", "upper", 0.01, 0.05, 5, 5),
        Edge("units", "upper", 128, 300.0, 5, 5),
        Edge("units", "lower", 8, 3.0, 5, 5),
    ]
    monkeypatch.setattr(Study, "edges", edges)
    monkeypatch.setattr(varied, "searched", space)
    found = prescribe(judged(rates(0.15, 0.16, 50_000, 50_000), ZERO), varied)
    wider = next(one for one in found if one.name == "wider-space")
    moved = space.replace(**wider.change.space)
    assert moved["learning_rate"] == ikura.log(1e-4, 0.05)
    assert moved["units"] == ikura.integer(3, 300, log=True)
    assert "upper edge of learning_rate" in wider.reason


def test_a_bigger_network_begins_with_the_chosen_one(varied: Study) -> None:
    found = prescribe(judged(rates(0.15, 0.16, 50_000, 50_000), ZERO), varied)
    space = next(one.change.space for one in found if one.name == "bigger-network")
    assert space == {
        "units": {"scale": "integer-log", "low": 128, "high": 512},
        "layers": {"scale": "integer", "low": 2, "high": 4},
    }


def test_further_kinds_of_regularisation_follow_the_usual_ones(varied: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    found = judged(rates(0.01, 0.11, 50_000, 50_000), ZERO)
    assert "further-regularisation" not in [one.name for one in prescribe(found, varied)]
    space = varied.space.replace(l2=ikura.log(1e-5, 0.1), dropout=ikura.linear(0, 0.5), l1=0.001)
    monkeypatch.setattr(varied, "searched", space)
    order = [one.name for one in prescribe(found, varied)]
    assert order.index("stronger-regularisation") < order.index("further-regularisation")
    further = next(one for one in prescribe(found, varied) if one.name == "further-regularisation")
    assert set(further.change.space) == {"dropout_input", "weight_decay"}
    assert further.change.space["dropout_input"] == {"scale": "linear", "low": 0, "high": 0.2}
    assert "dropout_input, weight_decay are not" in further.reason
    check_space(space.replace(**further.change.space), "mlp")


def test_a_change_that_no_configuration_meets_is_not_prescribed(tuned: Any) -> None:
    space = ikura.Space(
        ikura.constraint("units <= 8"), learning_rate=0.05, units=ikura.integer(6, 8), layers=1, batch_size=32
    )
    study = tuned("iris", space=space, epochs=3)
    found = prescribe(judged(rates(0.15, 0.16, 50_000, 50_000), ZERO), study)
    bigger = [one for one in found if one.name == "bigger-network"]
    assert all(study.best.hyperparameters["units"] == 8 or one.change.space["units"]["low"] <= 8 for one in bigger)
    forms = study.searched.replace(**bigger[0].change.space) if bigger else study.searched
    assert [one.text for one in forms.constraints] == ["units <= 8"]


@pytest.mark.parametrize(
    ("gain", "first"), [((0.02, 0.01, 0.03), "more-data"), ((0.0, 0.0, 0.001), "stronger-regularisation")]
)
def test_the_learning_curve_decides_how_strongly_more_data_is_asked_for(
    varied: Study, gain: tuple[float, float, float], first: str
) -> None:
    half = Estimate(0.12, 0.1, 0.14)
    curve = LearningCurve(
        "error rate",
        (Point(120, ZERO, half), Point(240, ZERO, half)),
        (0.08, 1.0, 0.6),
        {480: Estimate(0.1, 0.09, 0.11)},
        Estimate(*gain),
        None,
        5,
    )
    found = prescribe(judged(rates(0.01, 0.11, 50_000, 50_000), ZERO), varied, curve)
    assert found[0].name == first
    more = next(one for one in found if one.name == "more-data")
    assert "480" in more.expected


def test_networks_of_ones_own_are_tuned_again_from_python(tuned: Any) -> None:
    from torch import nn

    study = tuned("iris", network=lambda hp: nn.Linear(hp.inputs, hp.outputs), epochs=3, space={"learning_rate": 0.05})
    found = prescribe(judged(rates(0.15, 0.16, 50_000, 50_000), ZERO), study)
    longer = next(one for one in found if one.name == "longer-training")
    assert longer.command.startswith("ikura.tune('iris', network=…")
    assert "epochs=6" in longer.command
    assert "bigger-network" not in [one.name for one in found]
