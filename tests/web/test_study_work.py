"""How far a study has come is told from epochs, those that pass included, as the command line tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ikura
from ikura.study.record.intervention import Action, Request
from ikura.study.record.interventions import Interventions
from ikura.study.record.ledger import Ledger, Segment
from ikura.study.record.progress import Progress
from ikura.study.record.store import Store
from ikura.web.run_setting import RunSetting
from ikura.web.study_reader import StudyReader
from ikura.web.study_summary import overview, summary
from ikura.web.study_work import work_of_study
from tests.web.runs_on_disk import outcome

Make = Callable[..., Store]
CURVE = np.full((5, 3), 0.5)


def told(run: Path) -> dict[str, Any]:
    reader = StudyReader(run)
    return summary("run", run, reader.snapshot(), reader.pace)


def test_epochs_that_pass_count(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path, ended=2)
    assert told(tmp_path)["work"] == {"of": "search", "done": 10, "total": 40}
    store.add_live_points({2: CURVE[:4], 3: CURVE[:1]}, {2: 0, 3: 0})
    found = told(tmp_path)
    assert found["work"]["done"] == 15
    assert [(one["done"], one["total"], one["ended"]) for one in found["stages"]] == [(15, 40, 2)]


def test_trials_that_train_are_running_in_the_list_of_runs_too(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path, ended=2)
    assert overview("run", tmp_path)["counts"] == {"complete": 2, "waiting": 6}
    store.add_live_points({2: CURVE[:4], 3: CURVE[:1]}, {2: 0, 3: 0})
    assert overview("run", tmp_path)["counts"] == {"complete": 2, "running": 2, "waiting": 4}


def test_one_that_ended_early_has_come_as_far_as_its_tile_but_not_one_that_stands_still(
    make: Make, tmp_path: Path
) -> None:
    store = make(tmp_path, ended=2)
    Ledger(store).add_segments([Segment(0, place, trial, 0, 5) for place, trial in enumerate((2, 3, 4))])
    store.add_live_points({2: CURVE[:4], 3: CURVE[:1], 4: CURVE[:2]}, {2: 0, 3: 0, 4: 0})
    [number] = Interventions(store).add([Request(action=Action.PAUSE, trial=4)], who="ada")
    Interventions(store).apply(number, 2)
    assert told(tmp_path)["work"]["done"] == 10 + 4 + 4 + 2


def test_what_a_hand_made_is_none_of_the_search(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path, ended=2)
    [number] = Interventions(store).add([Request(action=Action.FORK, trial=1, at=3)], who="ada")
    Interventions(store).make(number, store.trials()[1].copy(8, 0, {"learning_rate": 0.1}))
    assert told(tmp_path)["work"] == {"of": "search", "done": 10, "total": 40}


def test_where_the_search_has_nothing_to_train_what_a_hand_made_is_told(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path, trials=2, ended=0)
    interventions = Interventions(store)

    def made(number: int, action: Action, parent: int, since: int, **values: Any) -> None:
        [asked] = interventions.add([Request(action=action, trial=parent, values=values)], who="ada")
        copy = store.trials()[parent].copy(number, 0, {"learning_rate": 0.1})
        interventions.make(asked, replace(copy, epochs=since))

    store.add_live_points({0: CURVE[:4], 1: CURVE[:4]}, {0: 0, 1: 0})
    made(2, Action.FORK, 0, 3)
    assert told(tmp_path)["work"] == {"of": "search", "done": 8, "total": 10}
    assert (told(tmp_path)["ended"], told(tmp_path)["searched"]) == (0, 3)
    store.record([outcome(0, 0.5), outcome(1, 0.5)])
    assert told(tmp_path)["work"] == {"of": "trials made by hand", "done": 0, "total": 2}
    # A copy that trains longer, and a fork of it, which trains as long.
    made(3, Action.LONGER, 1, 5, epochs=20)
    made(4, Action.FORK, 3, 12)
    store.add_live_points({2: CURVE[:4]}, {2: 3})
    assert told(tmp_path)["work"] == {"of": "trials made by hand", "done": 1, "total": 2 + 15 + 8}
    store.record([outcome(2, 0.5), outcome(3, 0.5, 20), outcome(4, 0.5, 20)])
    assert told(tmp_path)["work"] == {"of": "search", "done": 10, "total": 10}
    assert overview("run", tmp_path)["searched"] == 5


def test_the_time_left_is_told_from_epochs(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make(tmp_path, ended=0)
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("ikura.web.study_reader.is_live", lambda run: True)
    reader = StudyReader(tmp_path)
    reader.snapshot()
    store.add_live_points(dict.fromkeys(range(8), CURVE[:2]), dict.fromkeys(range(8), 0))
    now[0] += 8.0
    # 16 of 40 epochs took 8 seconds.
    assert summary("run", tmp_path, reader.snapshot(), reader.pace)["left"] == pytest.approx(12.0)


def test_stages_that_have_not_begun_count_with_their_own_lengths(make: Make, tmp_path: Path) -> None:
    make(tmp_path, trials=10, ended=0)
    study = StudyReader(tmp_path).snapshot()
    begun = [{"stage": 0, "name": "coarse", "trials": 14, "epochs": 33}]

    def total(search: str, recorded: Any) -> float:
        setting = RunSetting("accuracy", 47, 100, about={"search": search})
        return work_of_study(setting, recorded, study.trials, study.counted, study.made).total

    planned = ikura.search.CoarseToFine(ikura.Space(), 0).stages(47, 100)
    assert (planned[0].trials, planned[0].epochs) == (14, 33)
    assert total("coarse-to-fine", begun) == pytest.approx(sum(one.trials * one.epochs for one in planned))
    assert total("random", None) == 4700


class Beside(Progress):
    """Compares what the command line shows with what the page does at the same moment."""

    def __init__(self, run: Path) -> None:
        self.run, self.stage, self.total = run, "", 0
        self.pairs: dict[str, list[tuple[int, float]]] = {}

    def start(self, stage: str, total: int) -> None:
        self.stage, self.total = stage, total

    def update(self, done: int, trials: int, best: float | None) -> None:
        [found] = [one for one in told(self.run)["stages"] if one["name"] == self.stage]
        assert found["total"] == self.total
        self.pairs.setdefault(self.stage, []).append((done, found["done"]))


@pytest.mark.parametrize("schedule", ["early-stopping", "successive-halving", "pbt"])
def test_it_is_what_the_command_line_shows(schedule: str, tmp_path: Path) -> None:
    beside = Beside(tmp_path / "run")
    study = ikura.tune(
        "iris", trials=8, epochs=9, search="random", schedule=schedule, finalists=1, jobs=1, ensemble="none",
        out=tmp_path / "run", progress=beside,
    )  # fmt: skip
    assert "random" in beside.pairs
    for pairs in beside.pairs.values():
        shown = [page for _, page in pairs]
        assert shown == sorted(shown)
        assert pairs[-1][0] == pairs[-1][1]
    rounds = len(study.rounds)
    assert sum(page == command for command, page in beside.pairs["random"]) >= rounds
