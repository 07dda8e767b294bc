"""`ikura tune` and `ikura resume`: what they call, what goes to stdout and what to stderr."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import ikura
from ikura.cli import data_options, main, search_options
from ikura.cli.app import command
from ikura.study.record.facts import ChoiceRecord


def test_every_option_reaches_the_call(calls: dict[str, Any], table: str, tmp_path: Path) -> None:
    space = tmp_path / "space.toml"
    space.write_text('[learning_rate]\nscale = "log"\nlow = 1e-3\nhigh = 0.1\n')
    options = (
        "--target y --task binary --trials 7 --epochs 3 --time-limit 1.5h --search random "
        "--schedule successive-halving --finalists 2 --metric f1 --seed 5 --jobs 2 --device cpu --dtype float64 "
        "--group g --time t --kind a=category --kind b=numeric --image-size 64 --broken skip "
        f"--channels last --dev {table} --test {table} --positive late "
        "--missing -999 --missing n.k. --decimal , --dates dayfirst "
        "--objective parameters --objective training_seconds --prefer parameters --within 0.02 --max-parameters 5000 "
        "--auto --human-error 1% --no-checks --loss focal:gamma=3 --class-weight early=1,late=2.5 "
        "--metrics roc_auc,brier --sample-weight w --copies apart --optimizer nadam --stop-on f1 --overwrite "
        "--report-script shared"
    )
    run = tmp_path / "earlier"
    run.mkdir()
    options += f" --prior {run}"
    assert main(["tune", table, *options.split(), "--space", str(space), "--out", str(tmp_path / "out")]) == 0
    arguments, named = calls["tune"]
    named = dict(named)
    assert arguments == (table, "y")
    assert list(named.pop("space")) == ["learning_rate"]
    assert named.pop("progress") is not None
    assert named == {
        "task": "binary",
        "network": None,
        "trials": 7,
        "epochs": 3,
        "time_limit": 5400.0,
        "search": "random",
        "schedule": "successive-halving",
        "finalists": 2,
        "ensemble": "auto",
        "folds": None,
        "repeats": 1,
        "calibration": "auto",
        "baselines": None,
        "test_set": True,
        "copies": "apart",
        "store": None,
        "name": None,
        "report_script": "shared",
        "loss": "focal:gamma=3",
        "optimizer": "nadam",
        "stop_on": "f1",
        "class_weight": {"early": 1.0, "late": 2.5},
        "sample_weight": "w",
        "metric": "f1",
        "metrics": ["roc_auc", "brier"],
        "objectives": ["parameters", "training_seconds"],
        "prefer": "parameters",
        "within": 0.02,
        "max_parameters": 5000,
        "auto": True,
        "ask": None,
        "bayes_error": None,
        "human_error": 0.01,
        "checks": False,
        "seed": 5,
        "jobs": 2,
        "engine": "auto",
        "address": None,
        "workers": None,
        "device": "cpu",
        "dtype": "float64",
        "out": tmp_path / "out",
        "overwrite": True,
        "group": "g",
        "time": "t",
        "image_size": 64,
        "broken": "skip",
        "channels": "last",
        "dev": table,
        "test": table,
        "positive": "late",
        "missing": ["-999", "n.k."],
        "decimal": ",",
        "dates": "dayfirst",
        "prior": calls["study"],
        "kinds": {"a": "category", "b": "numeric"},
    }


def test_the_defaults_are_those_of_the_python_call() -> None:
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(ikura.tune).parameters.items()
        # Only Python can hand over networks of one's own (standardise), sets that are not read (train), and functions.
        if name not in ("data", "train", "callbacks", "training_step", "progress", "ask", "standardise")
    }
    names = {"kind": "kinds", "objective": "objectives"}
    options = {
        names.get(parameter.name, parameter.name): None if parameter.multiple else parameter.default
        for parameter in command().commands["tune"].params
        if parameter.param_type_name == "option"
        and parameter.name not in ("json", "quiet", "verbose", "pretrained", "freeze", "ask")
    }
    assert options == defaults


def test_the_names_in_the_help_are_those_of_the_rooms() -> None:
    from ikura.data.columns import ASKABLE
    from ikura.data.images import CHOICES
    from ikura.data.notation import DATES, DECIMALS
    from ikura.study.record.objectives import OBJECTIVES

    assert set(search_options.OBJECTIVES) == set(OBJECTIVES)
    assert data_options.BROKEN == CHOICES
    assert set(data_options.KINDS) == set(ASKABLE)
    assert data_options.DECIMALS == DECIMALS
    assert data_options.DATES == DATES


@pytest.mark.parametrize(
    ("option", "word", "offered"),
    [
        ("--search", "randon", "random"),
        ("--schedule", "succesive-halving", "successive-halving"),
        ("--metric", "acuracy", "accuracy"),
        ("--objective", "parameter", "parameters"),
        ("--prefer", "inference_second", "inference_seconds"),
    ],
)
def test_a_mistyped_room_name_is_told(
    option: str, word: str, offered: str, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tune", table, option, word]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"ikura: error: {option} must be one of ")
    assert f"did you mean '{offered}'?" in err
    assert err.count("\n") == 1


def test_a_file_that_is_not_there_is_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "penguins.csv").touch()
    assert main(["tune", str(tmp_path / "penguin.csv")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("ikura: error: ")
    assert "penguins.csv" in err
    assert err.count("\n") == 1


@pytest.mark.usefixtures("calls")
def test_the_summary_goes_to_stdout_and_progress_to_stderr(table: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", table]) == 0
    out, err = capsys.readouterr()
    assert "Best trials by dev accuracy" in out
    assert "0.955 (95 % interval 0.91 to 0.98), measured once" in out
    assert "stray" not in out
    assert err.splitlines() == [
        f"ikura {ikura.__version__}: reading {table}",
        "a stray print of a library",
        "5 rows, 2 features",
        "coarse: 10 epochs to train",
    ]


@pytest.mark.usefixtures("calls")
def test_quiet_silences_stderr_only(table: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["tune", table, "--quiet", "--json"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["best"]["dev"] == 0.97
    assert err == "a stray print of a library\n"


@pytest.mark.parametrize("words", [["tune"], ["resume"]])
def test_json_is_one_object_and_strict(
    words: list[str], calls: dict[str, Any], table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(constant: str) -> None:
        raise ValueError(constant)

    (tmp_path / "config.toml").touch()
    assert main([*words, table if words == ["tune"] else str(tmp_path), "--json"]) == 0
    read = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert read == {"best": {"dev": 0.97, "worst": None}, "run": str(calls["study"].run)}


NOISY = """
import os, subprocess, sys, ikura
def tune(*arguments, progress, **named):
    print("printed")
    os.write(1, b"written\\n")
    subprocess.run([sys.executable, "-c", "print('from a child')"])
    progress.start("coarse", 10)
    class Study:
        class best: dev = 1.0
        def to_json(self): return {"seed": 0}
    return Study()
ikura.tune = tune
from ikura.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_json_stays_pure_whatever_libraries_and_children_print(table: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", NOISY, "tune", table, "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"seed": 0}
    for stray in ("printed", "written", "from a child"):
        assert stray in done.stderr


FIRST_LINE = """
import sys, ikura
from ikura.cli import session
loaded = []
def say(self, line):
    loaded.append((line, [name for name in ("torch", "pandas", "numpy", "sklearn") if name in sys.modules]))
session.Session.say = say
def tune(*arguments, **named):
    raise KeyboardInterrupt
ikura.tune = tune
from ikura.cli import main
main(sys.argv[1:])
print(loaded[0])
"""


def test_the_first_line_comes_before_heavy_imports(table: str) -> None:
    done = subprocess.run([sys.executable, "-c", FIRST_LINE, "tune", table], capture_output=True, text=True, check=True)
    assert done.stdout == f"{(f'ikura {ikura.__version__}: reading {table}', [])}\n"


def test_a_warning_becomes_one_line(
    table: str, calls: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def tune(*arguments: Any, **named: Any) -> Any:
        warnings.simplefilter("always")
        warnings.warn("a library\nis worried", stacklevel=1)
        return calls["study"]

    monkeypatch.setattr(ikura, "tune", tune, raising=False)
    assert main(["tune", table]) == 0
    assert capsys.readouterr().err.splitlines()[1:] == ["ikura: warning: a library is worried"]


def test_verbose_shows_log_lines(
    table: str, calls: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import logging

    def tune(*arguments: Any, **named: Any) -> Any:
        logging.getLogger("ikura.study").debug("packed %d tiles", 3)
        return calls["study"]

    monkeypatch.setattr(ikura, "tune", tune, raising=False)
    assert main(["tune", table, "-v"]) == 0
    assert "ikura: debug: packed 3 tiles\n" in capsys.readouterr().err
    assert main(["tune", table]) == 0
    assert "packed" not in capsys.readouterr().err


def test_a_study_without_a_trained_trial_fails_its_check(
    table: str, calls: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    calls["study"].best = calls["study"].test = None
    assert main(["tune", table]) == 3
    assert "no trial could be trained to its end (1 diverged)" in capsys.readouterr().out


def test_a_folder_that_is_no_run_cannot_be_resumed(
    calls: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["resume", str(tmp_path)]) == 2
    line = f"ikura: error: {tmp_path}: not a run folder of ikura (it has no config.toml)\n"
    assert capsys.readouterr() == ("", line)
    assert "resume" not in calls


def test_resume_continues_the_run(calls: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.toml").touch()
    assert main(["resume", str(tmp_path)]) == 0
    arguments, named = calls["resume"]
    assert arguments == ()
    assert list(named) == ["run", "data", "progress", "ask", "engine", "address", "workers"]
    assert (named["run"], named["data"]) == (tmp_path, None)
    assert (named["ask"], named["engine"], named["address"], named["workers"]) == (None, "auto", None, None)
    assert main(["resume", str(tmp_path), "--engine", "ray", "--address", "head:6379", "--workers", "2"]) == 0
    _, named = calls["resume"]
    assert (named["engine"], named["address"], named["workers"]) == ("ray", "head:6379", 2)
    out, err = capsys.readouterr()
    assert "Best trials" in out
    assert err.startswith(f"ikura {ikura.__version__}: resuming {tmp_path}\n")


def test_report_writes_into_the_run_folder_or_where_told(
    calls: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", str(tmp_path)]) == 0
    assert capsys.readouterr() == (f"{calls['study'].run / 'report.html'}\n", "")
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "other.html")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'other.html'}\n"
    assert calls["open_study"] == ((), {"run": tmp_path})


def test_the_summary_shows_the_front_and_how_it_chose(
    calls: dict[str, Any], table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    study = calls["study"]
    study.objectives = ["accuracy", "parameters"]
    study.pareto = pd.DataFrame(
        {"number": [0, 1], "dev_score": [0.97, 0.91], "parameters": [910.0, 77.0], "units": [64.0, 16.0]}
    ).assign(chosen=[False, True])
    study.choice = ChoiceRecord("parameters", 0.06, 0, 0.97, 910.0, 77.0)
    assert main(["tune", table]) == 0
    out, _ = capsys.readouterr()
    assert "Pareto front of dev accuracy, parameters (2 of 2 trials)" in out
    assert any(line.split() == ["1", "0.91", "77", "16", "chosen"] for line in out.splitlines())
    assert "the fewest parameters within 0.06 of the best dev accuracy: 77; trial 0 has 910 and 0.97" in out


def test_without_a_test_set_nothing_is_tested(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    given = ["--trials", "2", "--epochs", "3", "--finalists", "0", "--quiet", "--no-test-set", "--out", str(out)]
    assert main(["tune", "iris", *given]) == 0
    assert "no rows were kept for it" in capsys.readouterr().out
    assert "no rows were kept for it" in (out / "report.html").read_text()
    assert main(["report", str(out)]) == 0
    assert main(["check", str(out), "--quiet"]) == 0
