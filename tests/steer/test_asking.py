"""Requests are looked at when they are asked, recorded one after another by any number of processes, and listed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import ikura
from ikura.api.study import Study
from ikura.cli import main
from ikura.errors import UsageError
from ikura.space.limits import BOUNDS, WHOLE
from ikura.steer import ask
from ikura.steer.new_values import changeable, changeable_values, check_values
from ikura.study.record.facts import SECONDS
from ikura.study.record.intervention import Action, Request, Status
from ikura.study.record.store import Store
from ikura.study.record.study_tables import row_of

from .conftest import SPACE


def test_a_request_is_recorded_as_it_was_asked(left: Study) -> None:
    made = left.steer.set(2, learning_rate=0.5, l2=0.001, at=3, why="too slow")
    [found] = ikura.open_study(left.run).interventions
    assert found == made
    assert (found.number, found.trial, found.action, found.at, found.why) == (1, 2, Action.SET, 3, "too slow")
    assert found.values == {"learning_rate": 0.5, "l2": 0.001}
    assert (found.state, found.reason, found.epoch, found.made) == (Status.ASKED, "", None, None)
    assert found.who
    assert found.when > 1.7e9


@pytest.mark.parametrize(
    ("trial", "values", "words"),
    [
        (9, {"learning_rate": 0.1}, "no trial 9: the study has trials 0 to 3"),
        (0, {}, "nothing to set; name a hyperparameter"),
        (0, {"learning_rat": 0.1}, "no hyperparameter 'learning_rat', did you mean 'learning_rate'?"),
        (0, {"learning_rate": "fast"}, "learning_rate must be a number, but is 'fast'"),
        (0, {"learning_rate": True}, "learning_rate must be a number, but is True"),
        (0, {"learning_rate": float("nan")}, "learning_rate must be a number, but is nan"),
        (0, {"learning_rate": -1}, "learning_rate must be a number of at least 0, but is -1"),
        (0, {"momentum": 1}, "momentum must be a number of at least 0 and below 1, but is 1"),
        (0, {"batch_size": 2.5}, "batch_size must be a whole number of at least 1"),
        (0, {"units": 16}, "units stays as it is while a network trains; what can change: learning_rate, "),
        (0, {"optimizer": "sgd"}, "optimizer stays as it is while a network trains"),
        (0, {"beta1": 0.5}, "beta1 would have no effect: it acts only with optimizer adam or adamw, but trial 0 has"),
        (0, {"clip_steps": 5}, "clip_steps would have no effect: it acts only with clip_norm above 0"),
        (0, {"schedule_shape": "cosin"}, "unknown schedule_shape 'cosin', did you mean 'cosine'?: use constant, "),
        (0, {"schedule_shape": 3}, "unknown schedule_shape 3: use constant, inverse_time, "),
        (
            0,
            {"schedule_shape": "cosine", "peak_at": 0.2},
            "peak_at would have no effect: it acts only with schedule_sh",
        ),
        (0, {"schedule_shape": "step"}, "step_epochs 10 would have no effect: it needs more epochs than that"),
        (
            0,
            {"schedule_shape": "exponential"},
            "the same as constant without learning_rate_decay above 0; set learning_",
        ),
        (0, {"schedule_shape": "pieces"}, "schedule_shape pieces is the same as constant without pieces; set pieces="),
        (0, {"schedule_shape": "pieces", "pieces": "9:0.1"}, "pieces 9:0.1 would have no effect: it needs that many e"),
        (0, {"schedule_shape": "pieces", "pieces": 3}, "pieces must be epoch:share pairs such as '81:0.1 122:0.01'"),
        (
            0,
            {"pieces": "3:0.1"},
            "pieces would have no effect: it acts only with schedule_shape pieces, but trial 0 has",
        ),
        (
            0,
            {"schedule_shape": "inverse_time", "learning_rate_decay": 0},
            "schedule_shape inverse_time is the same as constant from epoch 1 to 6 with learning_rate_decay 0; set o",
        ),
        (0, {"schedule_shape": "cosine", "final_share": 1}, "cosine is the same as constant from epoch 1 to 6 with f"),
        (0, {"schedule_shape": "one_cycle", "final_share": 1, "initial_share": 1}, "peak_at 0.3; set other values too"),
        (0, {"schedule_shape": "step", "step_epochs": 2, "step_factor": 1}, "step_factor 1, final_share 0; set other"),
        (0, {"schedule_shape": "pieces", "pieces": "2:1 4:1"}, "with pieces 2:1 4:1, final_share 0; set other values"),
        (
            0,
            {"schedule_shape": "exponential", "learning_rate_decay": 0.1, "final_share": 1.0},
            "exponential is the same as",
        ),
        (0, {"schedule_shape": "plateau", "plateau_patience": 4}, "plateau is the same as constant from epoch 1 to 6 "),
        (0, {"schedule_shape": "plateau", "plateau_patience": 1, "at": 3}, "from epoch 4 to 6 with step_factor 0.1, "),
        (0, {"schedule_shape": "distance", "step_factor": 1}, "distance is the same as constant"),
        (0, {"schedule_shape": "pieces", "pieces": "2:0.1 4:1", "at": 4}, "the same as constant from epoch 5"),
        (0, {"flip": 0.5}, "flip stays as it is while a network trains"),
        (0, {"learning_rate": 0.1, "at": 6}, "at must be at least 0 and below 6, but is 6"),
        (0, {"learning_rate": 0.1, "at": -1}, "at must be at least 0 and below 6, but is -1"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(left: Study, trial: int, values: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as refused:
        left.steer.set(trial, **values)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert left.interventions == []


def test_values_that_act_together_may_be_set_together(left: Study) -> None:
    left.steer.set(0, clip_norm=1, clip_steps=5, dropout=0.5, dropout_1=0.25)
    assert len(left.interventions) == 1


def test_values_that_were_asked_for_count_for_what_is_asked_next(left: Study) -> None:
    left.steer.set(0, schedule_shape="step", step_epochs=2, at=2)
    left.steer.set(0, step_factor=0.5, at=3)
    with pytest.raises(UsageError, match="step_factor would have no effect"):
        left.steer.set(0, step_factor=0.5, at=1)
    left.steer.set(1, clip_norm=1.0)
    left.steer.set(1, clip_steps=5)
    left.steer.fork(0, step_factor=0.2, at=4)
    assert changeable_values(left.steer.record, row_of(left.store, 1))["clip_norm"] == 1.0


def test_another_shape_of_the_schedule_brings_the_numbers_that_the_trial_has_not(
    left: Study, caplog: pytest.LogCaptureFixture
) -> None:
    asked = left.steer.set(0, schedule_shape="one_cycle", peak_at=0.5)
    assert asked.values == {"schedule_shape": "one_cycle", "peak_at": 0.5, "final_share": 0.0, "initial_share": 0.04}
    # Those that it has by now stay.
    assert left.steer.set(0, schedule_shape="cosine").values == {"schedule_shape": "cosine"}
    assert left.steer.set(1, schedule_shape="constant").values == {"schedule_shape": "constant"}
    caplog.clear()
    with caplog.at_level("WARNING", "ikura"):
        left.steer.rewind(0, 3, schedule_shape="constant")
        left.steer.set(2, schedule_shape="plateau")
    told = "trial 0: of its fork initial_share 0.04, peak_at 0.5 have no effect with schedule_shape constant"
    assert [one.getMessage() for one in caplog.records] == [told]


def test_what_is_offered_acts_and_what_is_not_would_have_no_effect(left: Study) -> None:
    record = left.steer.record
    trial = row_of(record.store, 0)
    offered, known = changeable_values(record, trial), changeable(record)
    assert (offered["momentum"], offered["l1"], offered["label_smoothing"]) == (0.9, 0, 0)
    assert offered["learning_rate"] == trial.hyperparameters["learning_rate"]
    assert 8 < len(offered) < len(known)
    shapes = {"schedule_shape": "cosine", "pieces": "pieces", "initial_share": "one_cycle", "peak_at": "one_cycle"}
    shapes |= {"distance_growth": "distance", "plateau_patience": "plateau"}
    shapes |= dict.fromkeys(("step_epochs", "step_factor", "final_share"), "step")
    for name in known:
        least = BOUNDS.get(name, (0, 1))[0]
        probe: dict[str, Any] = {"clip_norm": 1.0, name: 2 if name in WHOLE else max(least, 0.3)}
        if name == "pieces":
            probe[name] = "3:0.1"
        if name in shapes:
            probe["schedule_shape"] = shapes[name]
        if name in ("step_factor", "final_share"):
            probe["step_epochs"] = 2
        if name in offered:
            check_values(record, trial, probe)
        else:
            with pytest.raises(UsageError, match="would have no effect"):
                check_values(record, trial, probe)


def test_a_study_that_was_tested_is_left_alone(tmp_path: Path) -> None:
    study = ikura.tune("iris", space=SPACE, trials=2, epochs=2, finalists=1, jobs=1, out=tmp_path / "run")
    with pytest.raises(UsageError, match="the test set was opened; what is changed after that is another study"):
        study.steer.set(0, learning_rate=0.1)


ASKING = """
import sys
import ikura
study = ikura.open_study(sys.argv[1])
for place in range(15):
    study.steer.set(int(sys.argv[2]), learning_rate=0.001 * (place + 1), why=sys.argv[2])
"""


def test_two_processes_ask_while_a_third_writes_and_no_row_is_lost(left: Study) -> None:
    asking = [subprocess.Popen([sys.executable, "-c", ASKING, str(left.run), name]) for name in "12"]
    store = Store(left.run / "study.db")
    while any(one.poll() is None for one in asking):
        store.set_fact(SECONDS, {"read": 1.0})
        time.sleep(0.02)
    assert [one.returncode for one in asking] == [0, 0]
    found = left.interventions
    assert [one.number for one in found] == list(range(1, 31))
    for name in "12":
        rates = [one.values["learning_rate"] for one in found if one.why == name]
        assert rates == [0.001 * (place + 1) for place in range(15)]


def test_any_process_says_who_asks(left: Study) -> None:
    ask(left, [Request(action=Action.SET, trial=0, values={"l2": 0.1})], who="the page")
    assert left.interventions[0].who == "the page"


def test_the_command_line_asks_and_lists(left: Study, capsys: pytest.CaptureFixture[str]) -> None:
    def steer(*words: object) -> str:
        assert main(["steer", str(left.run), *map(str, words)]) == 0
        return capsys.readouterr().out

    assert steer() == "nothing was asked of this study\n"
    asked = steer("set", 1, "learning_rate=0.003", "batch_size=32", "--at", 2, "--why", "a try")
    assert asked == "asked: set trial 1 learning_rate=0.003 batch_size=32 at epoch 2 (intervention 1)\n"
    again = json.loads(steer("set", 1, "l2=1e-4", "--json"))
    assert (again["number"], again["values"], again["state"]) == (2, {"l2": 1e-4}, "asked")
    listed = steer()
    assert [line.split()[0] for line in listed.splitlines()] == ["number", "1", "2"]
    assert "a try" in listed
    found = json.loads(steer("--json"))["interventions"]
    assert [one["values"] for one in found] == [{"learning_rate": 0.003, "batch_size": 32}, {"l2": 1e-4}]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ("sett", 1, "l2=1"),
            "range, add, ban, budget, stop-worst, end, but got 'sett', did you mean 'set'?",
        ),
        (("set", 1), "set needs more words: ikura steer RUN set TRIAL NAME=VALUE …"),
        (("set", "one", "l2=1"), "the number of a trial is needed, but got 'one'"),
        (("set", 1, "l2"), "NAME=VALUE is needed, such as learning_rate=0.003, but got 'l2'"),
        (("set", 1, "l2=much"), "l2 must be a number, but is 'much'"),
        (("set", 1, "l2=1", "l2=2"), "l2 is given twice"),
        (("set", 7, "l2=1"), "no trial 7: the study has trials 0 to 3"),
    ],
)
def test_the_command_line_refuses_in_one_line(
    left: Study, words: tuple[object, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["steer", str(left.run), *map(str, words)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert complaint in said.err
    assert said.err.count("\n") == 1
