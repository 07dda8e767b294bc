"""Training longer: trials of an earlier search that go on from their weights to more epochs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ikura.population.job import Outcome
from ikura.study.repetition import trained_again
from ikura.study.searches import SearchPlan
from ikura.study.setting import Setting
from ikura.study.states import as_copy
from ikura.study.tiles import Floor, Order, State

__all__ = ["train_longer"]


def train_longer(
    floor: Floor, plan: SearchPlan, patience: int | None, keep: Callable[[list[Outcome]], None] | None
) -> None:
    """Carry out the first stage of a search that continues trials: copies of them train on to its epochs.

    What a copy goes on from is its parent trained again, which is the same to the bit.

    Args:
        floor: where it happens.
        plan: the search.
        patience: epochs without improvement before a trial stops.
        keep: takes the outcomes of a tile, as in `search`.
    """
    setting = Setting.load(floor.run)
    rows = {row["number"]: row for row in floor.store.trials()}
    if not floor.store.trials(plan.first):
        copies = [_copy(rows[parent], len(rows) + i, plan.first) for i, parent in enumerate(plan.warm)]
        content = {"train": {}, "fresh": {}, "copies": {one["number"]: plan.epochs for one in copies}, "drop": {}}
        floor.ledger.add_round(plan.first, 0, content, copies)
    waiting = [row for row in floor.store.trials(plan.first) if row["state"] == "waiting"]
    if not waiting:
        return

    def state(number: int, epochs: int) -> State:
        outcome = trained_again(setting, floor.store, floor.workshop, floor.engine, rows[parents[number]])
        assert outcome.going_on is not None
        return as_copy(outcome.going_on)

    parents = {row["number"]: row["parent"] for row in waiting}
    order = Order(patience, plan.epochs, state=state)
    if keep is not None:
        order = replace(order, best=True, each=keep)
    floor.carry_out(waiting, {row["number"]: plan.epochs for row in waiting}, order)


def _copy(parent: dict[str, Any], number: int, stage: int) -> dict[str, Any]:
    taken = {name: parent[name] for name in ("seed", "hyperparameters", "epochs")}
    return {"number": number, "purpose": "search", "parent": parent["number"], "stage": stage, **taken}
