"""The recipe: which rules are asked, and that what they prescribe can be done."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ikura
from ikura.api.study import Study
from ikura.cli import main
from ikura.diagnose import Estimate, judge_errors, prescribe
from ikura.diagnose.error_rates import rates
from ikura.diagnose.learning_curve import LearningCurve, Point
from ikura.diagnose.prescription import keep_spaces
from ikura.diagnose.recipe import RULES
from ikura.metric.estimate import percent
from ikura.space import Space, load_space
from ikura.study.chosen_space import check_space

from ..study.unreported import short_report
from .conftest import board

ZERO = Estimate.exactly(0.0)


def names(study: Study, train: float, dev: float, rows: int = 50_000, **given: Any) -> list[str]:
    return [
        one.name for one in prescribe(judge_errors(rates(train, dev, rows, rows), **{"optimal": ZERO, **given}), study)
    ]


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
    assert found[-1] == "more-data-to-measure", "what only measures comes after what may help"
    assert "stronger-regularisation" in found
    bounds = {"optimal": Estimate(0.1, 0.02, 0.2), "source": "estimate"}
    assert "best-achievable-error" in names(biased, 0.2, 0.2, **bounds)


def test_examples_to_measure_on_are_asked_for_where_they_are_missing(biased: Study) -> None:
    rows, parts = biased.summary["parts"]["train"], biased.summary["parts"]
    few = prescribe(judge_errors(rates(0.015, 0.015, 60, 10**6), ZERO), biased)
    # The training error was measured on some of the training examples only: there are more of them already.
    assert "more-data-to-measure" not in [one.name for one in few]
    short = judge_errors(rates(0.018, 0.018, rows, 10**6), ZERO)
    assert (short.bias.verdict, short.variance.verdict) == ("cannot tell", "low")
    found = next(one for one in prescribe(short, biased) if one.name == "more-data-to-measure")
    assert short.bias.missing in found.expected
    assert f"({percent(parts['train'] / sum(parts.values()))} of new rows)" in found.expected


def test_what_came_near_its_end_trains_longer_first(biased: Study) -> None:
    order = names(biased, 0.15, 0.16)
    last = max(row.best_epoch for row in biased.records() if not row.searched)
    near = last >= 0.9 * biased.setting.epochs
    assert ("longer-training" in order[:1]) == near
    assert ("longer-training" in order) == near


def test_the_larger_gap_comes_first(varied: Study) -> None:
    for train, dev, first in ((0.30, 0.36, "bias"), (0.06, 0.36, "variance")):
        diagnosis = judge_errors(rates(train, dev, 10**6, 10**6), ZERO)
        assert [gap.verdict for gap in diagnosis.gaps] == ["high", "high"]
        assert prescribe(diagnosis, varied)[0].against == first


def test_seeds_are_prescribed_where_seeds_decide(varied: Study) -> None:
    from .test_bias_variance import over_seeds

    diagnosis = judge_errors(over_seeds(0.02, 0.01, 3, 10**7), ZERO)
    assert diagnosis.variance.seeds_needed
    found = [one.name for one in prescribe(diagnosis, varied)]
    assert "more-seeds" in found
    assert "more-data-to-measure" not in found


def test_a_command_that_diagnoses_again_keeps_what_was_given_and_trained(varied: Study) -> None:
    """Seeds count from the study's own on, so that those trained already are among those asked for."""
    from .test_bias_variance import over_seeds

    errors = over_seeds(0.02, 0.01, 5, 10**7)
    diagnosis = judge_errors(errors, Estimate.exactly(0.005), worth=0.018)
    asked = min(diagnosis.variance.seeds_needed or 0, 50)
    command = _named(prescribe(diagnosis, varied, more=2), "more-seeds").command
    assert asked
    assert command == f"ikura diagnose {varied.run} --seeds {2 + asked} --bayes-error 0.005 --worth 0.018"


def test_every_change_makes_a_space_that_can_be_searched(biased: Study, varied: Study) -> None:
    for study in (biased, varied):
        diagnosis = judge_errors(rates(0.15, 0.30, 50_000, 50_000), ZERO)
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
    from ikura.diagnose import Border

    space = varied.space.replace(learning_rate=ikura.log(1e-4, 0.01), units=ikura.integer(8, 128, log=True))
    borders = [
        Border("learning_rate", "upper", 0.01, 0.05, 5, 5),
        Border("units", "upper", 128, 300.0, 5, 5),
        Border("units", "lower", 8, 3.0, 5, 5),
    ]
    monkeypatch.setattr("ikura.diagnose.recipe_rule.borders", lambda *_: borders)
    monkeypatch.setattr(varied, "searched", space)
    found = prescribe(judge_errors(rates(0.15, 0.16, 50_000, 50_000), ZERO), varied)
    wider = next(one for one in found if one.name == "wider-space")
    moved = space.replace(**wider.change.space)
    assert moved["learning_rate"] == ikura.log(1e-4, 0.05)
    assert moved["units"] == ikura.integer(3, 300, log=True)
    assert "upper edge of learning_rate" in wider.reason


def test_a_bigger_network_begins_with_the_chosen_one(varied: Study) -> None:
    found = prescribe(judge_errors(rates(0.15, 0.16, 50_000, 50_000), ZERO), varied)
    space = next(one.change.space for one in found if one.name == "bigger-network")
    assert space == {
        "units": {"scale": "integer-log", "low": 128, "high": 512},
        "layers": {"scale": "integer", "low": 2, "high": 4},
    }


def test_further_kinds_of_regularisation_follow_the_usual_ones(varied: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    found = judge_errors(rates(0.01, 0.11, 50_000, 50_000), ZERO)
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
    found = prescribe(judge_errors(rates(0.15, 0.16, 50_000, 50_000), ZERO), study)
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
    found = prescribe(judge_errors(rates(0.01, 0.11, 50_000, 50_000), ZERO), varied, curve)
    assert found[0].name == first
    more = next(one for one in found if one.name == "more-data")
    assert "480" in more.expected


def test_networks_of_ones_own_are_tuned_again_from_python(tuned: Any) -> None:
    from torch import nn

    study = tuned("iris", network=lambda hp: nn.Linear(hp.inputs, hp.outputs), epochs=3, space={"learning_rate": 0.05})
    found = prescribe(judge_errors(rates(0.15, 0.16, 50_000, 50_000), ZERO), study)
    longer = next(one for one in found if one.name == "longer-training")
    assert longer.command.startswith("ikura.tune('iris', network=…")
    assert "epochs=6" in longer.command
    assert "bigger-network" not in [one.name for one in found]


def _named(prescriptions: Any, wanted: str) -> Any:
    return next((one for one in prescriptions if one.name == wanted), None)


@pytest.mark.sweep
def test_printed_commands_do_what_they_say(
    biased: Study, varied: Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each command is run as it is printed, and what it names is seen to have changed."""
    seen = set()
    for study, diagnosis in (
        (biased, judge_errors(rates(0.45, 0.46, 50_000, 50_000), ZERO)),
        (varied, judge_errors(rates(0.01, 0.11, 50_000, 50_000), ZERO)),
        (varied, judge_errors(rates(0.2, 0.2, 50_000, 50_000), Estimate(0.1, 0.02, 0.2), "estimate")),
    ):
        found = prescribe(diagnosis, study)
        keep_spaces(study, found)
        for one in found:
            if one.name in seen or one.name == "stop" or not one.command:
                continue
            seen.add(one.name)
            program, *words = shlex.split(one.command)
            assert program == "ikura"
            if words[0] == "tune":
                out = tmp_path / one.name
                with short_report():
                    assert main([*words, "--out", str(out), "--quiet"]) == 0, one.command
                new = ikura.open_study(out)
                for name, form in one.change.space.items():
                    assert Space.from_dict({name: form})[name] == new.space[name], one.name
                    assert name not in study.space or new.space[name] != study.space[name], one.name
                for name, value in one.change.settings.items():
                    assert new.config[name] == value != study.config[name], one.name
                new.close()
            else:
                capsys.readouterr()
                assert main([*words, "--quiet", "--json"]) in (0, 3), one.command
                told = json.loads(capsys.readouterr().out)
                if "--learning-curve" in words:
                    assert told["learning_curve"] is not None
                if "--bayes-error" in words:
                    assert told["diagnosis"]["optimal_source"] == "given"
                    assert told["diagnosis"]["bias"]["verdict"] != "cannot tell"
        capsys.readouterr()
    assert {"bigger-network", "stronger-regularisation", "more-data", "best-achievable-error"} <= seen


def test_more_seeds_are_trained_and_counted(varied: Study, capsys: pytest.CaptureFixture[str]) -> None:
    before = varied.diagnosis.networks
    assert main(["diagnose", str(varied.run), "--seeds", "2", "--no-learning-curve", "--json", "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)["diagnosis"]
    assert found["networks"] == before + 2
    assert found["variance"]["seeds"] == before + 2


def test_what_needs_new_rows_prints_no_command(varied: Study) -> None:
    [one] = prescribe(judge_errors(rates(0.01, 0.02, 50, 50), ZERO), varied)
    assert (one.name, one.command) == ("more-data-to-measure", "")
    assert "Add rows" in one.reason


def test_what_was_tried_in_vain_comes_last_and_says_so(biased: Study, tuned: Any) -> None:
    from ikura.diagnose.recipe_rule import RuleContext
    from ikura.diagnose.tried_prescriptions import tried

    diagnosis = judge_errors(rates(0.45, 0.46, 50_000, 50_000), ZERO)
    prescribed = prescribe(diagnosis, biased)
    bigger = _named(prescribed, "bigger-network")
    # A bigger network at a learning rate that learns nothing brings nothing.
    space = biased.searched.replace(**bigger.change.space).replace(learning_rate=ikura.choice(0.03, 1e-6))
    after = tuned(board(2500), "colour", space=space, epochs=15, trials=1, prior=biased)
    done = tried(RuleContext.of(diagnosis, after))["bigger-network"]
    assert (done.before, done.after) == (biased.best.dev, after.best.dev)
    order = prescribe(diagnosis, after)
    again = _named(order, "bigger-network")
    assert again is not None
    if done.better:
        assert "tried already" not in again.reason
    else:
        assert order[-1].name == "bigger-network"
        assert f"{biased.best.dev:.4g} before" in again.reason


def test_a_bias_of_an_early_epoch_is_judged_by_the_fit_that_training_reaches(tuned: Any) -> None:
    """Labels of which a third are wrong: the dev loss is least early, and training on learns the noise by heart."""
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 20))
    y = (x[:, 0] > 0) ^ (random.random(400) < 0.33)
    frame = pd.DataFrame(x).add_prefix("x").assign(y=np.where(y, "a", "b"))
    space = {"learning_rate": 0.003, "units": 128, "layers": 2, "batch_size": 16}
    study = tuned(frame, "y", space=space, epochs=80, trials=1)
    found = study.diagnosis
    assert found.reached is not None
    assert found.train.value > 0.1
    assert found.reached.value < 0.02
    assert found.bias.verdict == "low"
    assert found.variance.verdict == "high"
    assert "bigger-network" not in [one.name for one in study.prescriptions]
    assert "early stopping traded the fit for the dev error" in found.sentence


def test_one_interval_for_the_dev_error(varied: Study) -> None:
    best, dev = varied.best, varied.diagnosis.dev
    assert best is not None
    assert (1 - dev.value, 1 - dev.high, 1 - dev.low) == pytest.approx((best.dev, *best.interval))


def test_what_has_no_effect_on_a_network_without_hidden_layers_is_not_prescribed(tuned: Any) -> None:
    study = tuned("iris", space={"learning_rate": ikura.log(1e-3, 1), "layers": 0}, epochs=3, trials=2)
    for train, dev in ((0.15, 0.16), (0.01, 0.11), (0.15, 0.3)):
        found = judge_errors(rates(train, dev, 50_000, 50_000), optimal=ZERO)
        opened = {name for one in prescribe(found, study) for name in one.change.space}
        assert not opened & {"units", "dropout", "layers"}
        assert dev == 0.16 or "l2" in opened
