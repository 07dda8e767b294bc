"""Run folders of studies that were never trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ikura.population.outcome import Outcome
from ikura.study.record.facts import DONE, SECONDS, STAGES, StageRecord
from ikura.study.record.store import Store
from ikura.study.record.trial import Purpose, Trial
from ikura.trial_state import State

CONFIG = """
target = "species"
task = "multiclass"
trials = {trials}
epochs = 5
search = "random"
schedule = "none"
metric = "{metric}"
seed = 0
network = "mlp"
version = "0.1.0"

[data]
kind = "file"
path = "/somewhere/penguins.csv"

[space.learning_rate]
scale = "log"
low = 1e-4
high = 1.0

[space.optimizer]
choices = ["adam", "sgd"]

# the end
"""


def outcome(number: int, score: float, epochs: int = 5, state: State = State.COMPLETE) -> Outcome:
    """What became of a member, with a curve that ends at its score."""
    curve = np.array([[1.0 / epoch, 1.5 / epoch, score * epoch / epochs] for epoch in range(1, epochs + 1)])
    return Outcome(
        number=number, tile=0, place=number, state=state, curve=curve, best_epoch=epochs,
        dev_score=score, dev_loss=1 - score, train_score=score, train_loss=1 - score, seconds=0.25,
    )  # fmt: skip


def make_run(run: Path, trials: int = 8, ended: int | None = None, metric: str = "accuracy", **names: Any) -> Store:
    """Write a run folder; the store is open and may be written to."""
    run.mkdir(parents=True, exist_ok=True)
    (run / "config.toml").write_text(CONFIG.format(trials=trials, metric=metric))
    (run / ".lock").touch()
    store = Store(run / "study.db", create=True)
    store.set_fact(SECONDS, {"coarse": 1.5})
    store.set_fact(STAGES, [StageRecord(0, "coarse", trials, 5)])
    store.add_trials(
        [
            Trial(
                i,
                Purpose.SEARCH,
                0,
                0,
                {"learning_rate": 10.0 ** -(i % 4), "optimizer": ("adam", "sgd")[i % 2]} | names,
            )
            for i in range(trials)
        ]
    )
    many = trials if ended is None else ended
    if many:
        store.record([outcome(i, 0.5 + 0.4 * i / trials) for i in range(many)])
    if many == trials:
        store.set_fact(DONE, True)
    return store
