"""Repetitions, resuming, refusals, and what is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ikura.errors import RunError, UsageError
from ikura.experiments import EXPERIMENTS, experiment, reproduce, running
from ikura.experiments._base import Experiment, Findings, Repetition, Section, Tables
from ikura.experiments.claim import Claim
from ikura.page.markup import element


class Coin(Experiment):
    """Throws a coin."""

    name = "log-scale"
    says = "Heads & tails <are> equal."
    method = "Thrown."
    fails_at = -1

    def __init__(self) -> None:
        self.thrown: list[int] = []

    def repeat(self, repetition: Repetition) -> Tables:
        if repetition.index == self.fails_at:
            raise KeyboardInterrupt
        assert repetition.folder.is_dir()
        self.thrown.append(repetition.index)
        value = float(np.random.default_rng(repetition.seed).random())
        return {"throws": [{"value": value, "nothing": float("nan")}], "rare": [{"x": 1}] if repetition.index else []}

    def find(self, tables: Mapping[str, pd.DataFrame], quick: bool) -> Findings:
        claim = Claim.of_mean("It is positive", "mean", tables["throws"]["value"].to_numpy(), least=0)
        return Findings([claim], [Section("Throws", "Throws", element("p", "text"))], ["A note."])


@pytest.fixture
def coin(monkeypatch: pytest.MonkeyPatch) -> Coin:
    coin = Coin()
    monkeypatch.setattr(running, "experiment", lambda name: coin)
    return coin


def test_every_name_has_an_experiment() -> None:
    for name in EXPERIMENTS:
        one = experiment(name)
        assert one.name == name
        # Whole trainings of networks are too long for twenty; their differences are paired.
        assert one.repetitions >= {"large-batch": 5, "large-batch-controls": 5, "diffusion": 10}.get(name, 20)
        assert one.says.endswith(".")
        assert one.method.endswith(".")


def test_what_is_written(coin: Coin, tmp_path: Path) -> None:
    told: list[tuple[float, int]] = []
    done = reproduce("log-scale", tmp_path / "a", repetitions=4, progress=lambda *both: told.append(both))
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    assert {path.name for path in (tmp_path / "a").iterdir()} >= {
        "report.html", "results.json", "throws.csv", "rare.csv", "experiment.json", "repetitions",
    }  # fmt: skip
    assert not (tmp_path / "a" / "work").exists()
    results = json.loads((tmp_path / "a" / "results.json").read_text())
    assert results == done.results
    assert results["claims"][0]["verdict"] in ("holds", "does not hold", "not decided")
    throws = pd.read_csv(tmp_path / "a" / "throws.csv")
    assert throws["repetition"].tolist() == [0, 1, 2, 3]
    assert throws["value"].nunique() == 4
    assert throws["nothing"].isna().all()
    page = done.report.read_text()
    assert "Heads &amp; tails &lt;are&gt; equal." in page
    assert results["claims"][0]["claim"] in page


def test_a_stopped_experiment_goes_on(coin: Coin, tmp_path: Path) -> None:
    coin.fails_at = 2
    with pytest.raises(KeyboardInterrupt):
        reproduce("log-scale", tmp_path / "a", repetitions=4)
    assert not (tmp_path / "a" / "results.json").exists()
    coin.fails_at = -1
    reproduce("log-scale", tmp_path / "a", repetitions=4)
    assert coin.thrown == [0, 1, 2, 3]
    reproduce("log-scale", tmp_path / "b", repetitions=4)
    assert (tmp_path / "a" / "throws.csv").read_bytes() == (tmp_path / "b" / "throws.csv").read_bytes()


def test_more_repetitions_keep_the_first(coin: Coin, tmp_path: Path) -> None:
    reproduce("log-scale", tmp_path, repetitions=2)
    before = pd.read_csv(tmp_path / "throws.csv")
    reproduce("log-scale", tmp_path, repetitions=5)
    assert coin.thrown == [0, 1, 2, 3, 4]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "throws.csv").head(2), before)


def test_another_seed_gives_other_numbers(coin: Coin, tmp_path: Path) -> None:
    for seed in (0, 1):
        reproduce("log-scale", tmp_path / f"{seed}", repetitions=2, seed=seed)
    one, other = (pd.read_csv(tmp_path / f"{seed}" / "throws.csv")["value"] for seed in (0, 1))
    assert not set(one) & set(other)


def test_refusals(coin: Coin, tmp_path: Path) -> None:
    reproduce("log-scale", tmp_path / "a", repetitions=2)
    for settings in ({"seed": 3}, {"quick": True}):
        with pytest.raises(RunError, match="holds another experiment"):
            reproduce("log-scale", tmp_path / "a", repetitions=2, **settings)  # type: ignore[arg-type]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("words")
    with pytest.raises(RunError, match="not empty"):
        reproduce("log-scale", tmp_path / "full")
    with pytest.raises(RunError, match="is a file"):
        reproduce("log-scale", tmp_path / "full" / "thesis.txt")
    with pytest.raises(UsageError, match="at least 2"):
        reproduce("log-scale", tmp_path / "b", repetitions=1)
    with pytest.raises(UsageError, match="at least 0"):
        reproduce("log-scale", tmp_path / "b", seed=-1)
    coin.most_repetitions = 3  # type: ignore[misc]
    with pytest.raises(UsageError, match="3 repetitions at most"):
        reproduce("log-scale", tmp_path / "b", repetitions=4)
    assert not (tmp_path / "b").exists()
    assert [path.name for path in (tmp_path / "full").iterdir() if path.name != ".lock"] == ["thesis.txt"]


def test_an_unknown_name_is_told_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean 'log-scale'"):
        experiment("logscale")
