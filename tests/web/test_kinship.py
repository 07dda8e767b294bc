"""What trials were made as, and where two of them part, to the epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ikura.study.record.intervention import Action, Request
from ikura.study.record.interventions import Interventions
from ikura.study.record.ledger import Ledger, RoundRecord, Segment
from ikura.study.record.store import Store
from ikura.web.study_reader import StudyReader
from tests.web.runs_on_disk import outcome

Make = Callable[..., Store]
FORKED, LONG = 50, 700


def curve(epochs: int, since: int, own: float) -> np.ndarray:
    """A curve that is everybody's until an epoch, and one's own from there on."""
    found = np.repeat(1.0 / np.arange(1, epochs + 1), 3).reshape(-1, 3)
    found[since:] += own
    return found


def record(store: Store, number: int, points: np.ndarray) -> None:
    store.record([replace(outcome(number, 0.5, len(points)), curve=points)])


@pytest.fixture
def family(make: Make, tmp_path: Path) -> Path:
    """A trial, its fork at epoch 50, a fork of that at epoch 60, a longer copy, and a copy that a schedule made."""
    store = make(tmp_path, trials=2, ended=0)
    record(store, 0, curve(LONG, LONG, 0.0))
    record(store, 1, curve(LONG, 0, 0.5))
    asked = Interventions(store)
    making = [(0, Action.FORK, FORKED), (2, Action.FORK, 60), (2, Action.LONGER, LONG)]
    for made, (parent, action, since) in enumerate(making, 2):
        values = {"epochs": 900} if action is Action.LONGER else {"learning_rate": 0.5}
        [number] = asked.add([Request(action=action, trial=parent, values=values)], who="ada")
        asked.make(number, replace(store.trials()[parent].copy(made, 0), epochs=since))
        Ledger(store).add_segments([Segment(made, 0, made, since, 900)])
        record(store, made, curve(900 if action is Action.LONGER else LONG, FORKED, 0.25))
    record(store, 3, np.concatenate([curve(60, FORKED, 0.25), curve(LONG, 0, 0.125)[60:]]))
    Ledger(store).add_round(RoundRecord(0, 1, copies={5: LONG}), [store.trials()[0].copy(5, 0)])
    return tmp_path


@pytest.mark.parametrize("looked_at", range(6))
def test_each_of_a_family_is_called_what_it_is(family: Path, looked_at: int) -> None:
    kinds = {one["number"]: one["kind"] for one in StudyReader(family).family(looked_at)}
    assert kinds == ({1: ""} if looked_at == 1 else {0: "", 2: "fork", 3: "fork", 4: "longer", 5: "copy"})


@pytest.mark.parametrize(
    ("a", "b", "epoch"), [(0, 2, 51), (2, 0, 51), (2, 3, 61), (0, 3, 51), (2, 4, None), (0, 5, None), (0, 1, None)]
)
def test_two_part_at_the_first_epoch_that_differs(family: Path, a: int, b: int, epoch: int | None) -> None:
    assert StudyReader(family).parted(a, b) == epoch


def test_where_a_fork_parts_is_known_before_what_it_has_of_its_parent_is_recorded(family: Path) -> None:
    store = Store(family / "study.db")
    store.write(lambda connection: connection.exec_driver_sql("DELETE FROM curves WHERE trial = 3 AND epoch <= 60"))
    store.close()
    assert [StudyReader(family).parted(other, 3) for other in (0, 2, 1)] == [51, 61, None]


def test_a_family_and_a_log_need_no_scrolling_of_a_narrow_page(
    family: Path, served: Callable[..., Any], visit: Callable[..., Any]
) -> None:
    client = served(family)
    for path in ("/study", "/trial", "/log", "/compare"):
        page = visit(client, f"{path}?run={family.name}&trial=2&a=0&b=2", viewport={"width": 320, "height": 700})
        page.wait_for_selector("main h1")
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
