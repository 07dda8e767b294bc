"""What does not come with ikura: by entry points of a package on the command line, by `ikura.register` in Python."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

import ikura
from ikura.cli import main
from ikura.data import load_bundled
from ikura.metric import METRICS
from ikura.plugins import KINDS
from ikura.search import Proposer
from ikura.search.schedule import NoSchedule
from ikura.testing import PROPOSER_CHECKS, check_schedule

MINE = Path(__file__).with_name("mine.py")
POINTS = {
    "searches": "mine = ikura_mine:Uniform",
    "schedules": "mine = ikura_mine:BestGoesOn",
    "metrics": "mine = ikura_mine:METRIC",
    "losses": "mine = ikura_mine:surprise",
    "networks": "mine = ikura_mine:network",
    "checks": "mine = ikura_mine:ManyRows",
    "formats": "lines = ikura_mine:read_lines",
}
OPTIONS = ["--search", "mine", "--schedule", "mine", "--metric", "mine", "--loss", "mine", "--network", "mine"]
SMALL = ["--trials", "4", "--epochs", "3", "--finalists", "1", "--jobs", "2", "--no-checks"]


@pytest.fixture(scope="module")
def mine() -> ModuleType:
    spec = importlib.util.spec_from_file_location("ikura_mine", MINE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def things(mine: ModuleType) -> dict[str, Any]:
    return {
        "search": mine.Uniform,
        "schedule": mine.BestGoesOn,
        "metric": mine.METRIC,
        "loss": mine.surprise,
        "network": mine.network,
        "check": mine.ManyRows,
    }


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in KINDS.values():
        monkeypatch.setattr(registry, "registered", {})


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with an installed package that brings one of each kind."""
    folder = tmp_path / "site"
    info = folder / "ikura_mine-1.0.dist-info"
    info.mkdir(parents=True)
    shutil.copy(MINE, folder / "ikura_mine.py")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ikura-mine\nVersion: 1.0\n")
    groups = (f"[ikura.{group}]\n{line}\n" for group, line in POINTS.items())
    (info / "entry_points.txt").write_text("\n".join(groups))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:

    place = tmp_path / "flowers.lines"
    load_bundled("iris")[0].to_json(place, orient="records", lines=True)
    return place


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(*words: Any, path: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "120"}
        environment |= {} if path is None else {"PYTHONPATH": str(path)}
        command = [sys.executable, "-m", "ikura", *map(str, words)]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    return call


def test_a_package_brings_one_of_each_to_the_command_line(
    run: Run,
    package: Path,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = run("tune", data, *OPTIONS, *SMALL, "--out", "run", path=package)
    assert done.returncode == 0, done.stderr
    assert "Test mine" in done.stdout
    done = run("check", data, "--only", "mine", path=package)
    assert done.returncode == 0, done.stderr
    assert "90 training rows" in done.stdout
    done = run("predict", "run", data, path=package)
    assert len(done.stdout.splitlines()) == 151, done.stderr

    with_all = run("tune", data, "--search", "mien", path=package)
    assert "but got 'mien', did you mean 'mine'?" in with_all.stderr
    monkeypatch.chdir(tmp_path)
    for words in (("report", "run"), ("resume", "run"), ("predict", "run", str(data))):
        assert main([*words]) == 2
        [line] = [one for one in capsys.readouterr().err.splitlines() if "error" in one]
        assert "'mine' of ikura-mine 1.0 is not here; install the package that brings it, or register it" in line


def test_what_is_registered_trains_in_worker_processes(
    things: dict[str, Any], mine: ModuleType, tmp_path: Path
) -> None:
    for kind, thing in things.items():
        ikura.register(kind, "mine", thing)
    ikura.register("format", "lines", mine.read_lines)
    names = dict.fromkeys(("search", "schedule", "metric", "loss", "network"), "mine")
    options: dict[str, Any] = {"trials": 4, "epochs": 3, "finalists": 1, "jobs": 2}
    study = ikura.tune("iris", **names, **options, out=tmp_path / "run")
    plain = ikura.tune("iris", **names | {"network": mine.network}, **options, out=tmp_path / "plain")
    assert study.metric.name == "mine"
    assert list(study.trials["dev_score"]) == list(plain.trials["dev_score"])
    assert sum(study.trials["state"].head(4) == "complete") == 1
    assert ikura.load(tmp_path / "run").predict(load_bundled("iris")[0]).shape == (150,)
    assert ikura.resume(tmp_path / "run").choice == study.choice
    assert "mine" in [one.name for one in ikura.check("iris")]
    KINDS["network"].registered.clear()
    with pytest.raises(ikura.UsageError, match=r"the network 'mine' of ikura_mine:network is not here"):
        ikura.resume(tmp_path / "run")


def test_what_lacks_something_is_not_registered(mine: ModuleType) -> None:
    abstract = type("Half", (Proposer,), {"name": "half"})
    wrong: list[tuple[str, str, Any, str]] = [
        ("search", "half", abstract, "the search 'half' has no ask and no stages; ikura.search.Proposer says"),
        ("search", "mine", NoSchedule, "the search 'mine' must be a subclass of ikura.search.Proposer"),
        ("search", "other", mine.Uniform, "does not call itself so; write name = 'other' in Uniform"),
        ("schedule", "mine", 5, "must be a subclass of ikura.search.schedule.Schedule, but is 5"),
        ("check", "mine", mine.ManyRows(), "must be a subclass of ikura.checks.Check"),
        (
            "metric",
            "mine",
            mine.share_right,
            "does not say whether a greater value is better: give ikura.metric.own_me",
        ),
        ("metric", "mine", 5, "must be an ikura.metric.Metric"),
        ("loss", "mine", 5, "a loss is a name or a function of .outputs, target., not 5"),
        ("loss", "mse", mine.surprise, "the loss 'mse' exists already"),
        ("metric", "mine", replace(mine.METRIC, greater_is_better=None), "must say greater_is_better=True for a score"),
        ("metric", "mine", replace(mine.METRIC, tasks=frozenset({"ranking"})), "must be some of binary"),
        ("network", "mine", torch.nn.Linear(2, 2), "must be a function from hyperparameters to an nn.Module"),
        ("network", "mlp", mine.network, "the network 'mlp' exists already"),
        ("format", "csv", mine.read_lines, "the data format 'csv' exists already"),
        ("metrics", "mine", mine.METRIC, "unknown kind 'metrics', did you mean 'metric'"),
    ]
    for kind, name, thing, message in wrong:
        with pytest.raises(ikura.UsageError, match=message):
            ikura.register(kind, name, thing)
    assert not any(registry.registered for registry in KINDS.values())
    assert "mine" not in METRICS


def test_the_suites_are_for_all(mine: ModuleType) -> None:
    for check in PROPOSER_CHECKS.values():
        check(mine.Uniform, 20)
    check_schedule(mine.BestGoesOn)
