"""What a run is opened with: its setting as it began, edits that are refused or taken over, versions."""

from __future__ import annotations

import logging
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import torch

import ikura
from ikura.errors import RunError, UsageError
from ikura.study.record.facts import SETTING, VERSIONS
from ikura.study.record.open_run import HARMLESS
from ikura.study.record.progress import Progress
from ikura.study.record.setting import END
from ikura.study.record.store import Store

from .dying import KilledError, Life
from .unreported import short_report

OPTIONS: dict[str, Any] = {"data": "iris", "trials": 4, "epochs": 3, "finalists": 1, "jobs": 1, "search": "random"}
EDITS: dict[str, Any] = {
    "seed": 7, "metric": "balanced_accuracy", "dtype": "float64", "search": "halton", "schedule": "none", "trials": 5,
    "epochs": 4, "finalists": 0, "replicates": 2, "network": "linear", "space_note": "another", "group": "petal_width",
    "time": "petal_width", "image_size": 8, "max_parameters": 10**6, "within": 0.1, "space.learning_rate.high": 2.0,
    "space.units.value": 8, "kinds.petal_width": "ignore", "data.name": "wine", "version": "0.0.9",
}  # fmt: skip


class Listener(Progress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        Life(patch, 8)
        with pytest.raises(KilledError):
            ikura.tune(out=tmp_path / "run", **OPTIONS)
    return tmp_path / "run"


def edit(run: Path, field: str, value: Any) -> None:
    path = run / "config.toml"
    inner = values = tomllib.loads(path.read_text())
    *above, last = field.split(".")
    for part in above:
        inner = inner.setdefault(part, {})
    assert inner.get(last) != value
    inner[last] = value
    path.write_text(f"{tomli_w.dumps(values)}\n{END}\n")


def test_every_edit_of_a_waiting_run_is_refused_with_its_field_and_what_it_was(killed: Path) -> None:
    config = (killed / "config.toml").read_text()
    for field, value in EDITS.items():
        edit(killed, field, value)
        for opening in (ikura.resume, ikura.open_study):
            with pytest.raises(RunError, match=r"config\.toml: ") as caught:
                opening(killed)
            assert field in str(caught.value), (field, str(caught.value))
        (killed / "config.toml").write_text(config)
    with short_report():
        assert ikura.resume(killed).test is not None


@pytest.mark.parametrize("name", ["auto", "meta", "gpu", "cpu0", "CPU"])
def test_a_device_must_be_the_name_of_one(name: str, killed: Path) -> None:
    edit(killed, "device", name)
    for opening in (ikura.resume, ikura.open_study):
        with pytest.raises(RunError, match=r"config\.toml: device: ") as caught:
            opening(killed)
        assert "write cpu, cuda" in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one here")
def test_a_device_that_is_not_here_is_asked_for_only_to_train(killed: Path) -> None:
    edit(killed, "device", "cuda")
    ikura.open_study(killed).close()
    with pytest.raises(UsageError, match="device 'cuda' cannot be used here"):
        ikura.resume(killed)


def test_harmless_edits_are_taken_over_and_said_once(killed: Path) -> None:
    assert {"jobs", "time_limit"} <= set(HARMLESS)
    edit(killed, "jobs", 2)
    edit(killed, "time_limit", 1000.0)
    listener = Listener()
    with short_report():
        study = ikura.resume(killed, progress=listener)
    assert [line for line in listener.lines if line.startswith("config.toml: ")] == [
        f"config.toml: jobs is 2 now, and was 1; {HARMLESS['jobs']}",
        f"config.toml: time_limit is 1000.0 now, and was nothing; {HARMLESS['time_limit']}",
    ]
    assert study.store.fact(SETTING)["jobs"] == 2


def test_other_versions_are_said_by_resume_replay_and_load(killed: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(killed / "study.db")
    store.set_fact(VERSIONS, store.fact(VERSIONS) | {"torch": "1.2", "processor": "abacus"})
    store.close()
    listener = Listener()
    with short_report():
        study = ikura.resume(killed, progress=listener)
    [said] = [line for line in listener.lines if "made with" in line]
    assert "torch 1.2 (here " in said
    assert "processor abacus (here " in said
    with caplog.at_level(logging.WARNING, "ikura"):
        study.replay(0)
    assert "made with torch 1.2" in caplog.text
    caplog.clear()
    path = killed / "model" / "model.json"
    found = Store(killed / "study.db").fact(VERSIONS)
    assert found["torch"] == "1.2"
    content = path.read_text()
    path.write_text(content.replace('"numpy": "', '"numpy": "0.0.'))
    with caplog.at_level(logging.WARNING, "ikura"):
        ikura.load(killed)
    assert "made with numpy 0.0." in caplog.text


def test_a_run_of_an_earlier_version_is_resumed(killed: Path) -> None:
    """Nothing is compared where nothing is on record."""
    store = Store(killed / "study.db")
    forget = "delete from facts where name in ('setting', 'versions')"
    store.write(lambda connection: connection.exec_driver_sql(forget))
    store.close()
    with short_report():
        assert ikura.resume(killed).test is not None
