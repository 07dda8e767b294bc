"""Any sequence of requests, with the process killed at any moment, comes to the same curves, each request done once.

`IKURA_SEQUENCES=200 pytest -n 0 -m sweep tests/steer/test_random_sequences.py` tries as many; the sweep tries a few.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import ikura
from ikura.api.study import Study

from .killing import killed, told, undisturbed

SEQUENCES = int(os.environ.get("IKURA_SEQUENCES", "3"))
TRIALS = 4
LOG = Path(os.environ.get("IKURA_SEQUENCES_LOG", os.devnull))
"""Where each sequence that held is counted."""


@dataclass(frozen=True)
class Step:
    """One request.

    Attributes:
        action: what is asked.
        trial: of which trial.
        at: after how many of its epochs.
        rate: a learning rate, or another number.
        size: a mini-batch size.
        shape: of the schedule, with the numbers that it needs.
    """

    action: str
    trial: int
    at: int
    rate: float
    size: int
    shape: str

    def ask(self, study: Study) -> None:
        """Ask for it; what has no effect is refused, the same each time."""
        steer, trial, at, rate = study.steer, self.trial, self.at, {"learning_rate": self.rate}
        with suppress(ikura.UsageError):
            match self.action:
                case "set":
                    steer.set(trial, at=at, batch_size=self.size, **rate)
                case "set at once":
                    steer.set(trial, l2=self.rate)
                case "shape":
                    steer.set(trial, at=at, schedule_shape=self.shape, **SHAPES[self.shape])
                case "fork with a shape":
                    steer.fork(trial, at=at, schedule_shape=self.shape, **SHAPES[self.shape])
                case "stop":
                    steer.stop(trial, at=at)
                case "fork":
                    steer.fork(trial, at=at, **rate)
                case "rewind":
                    steer.rewind(trial, at, l2=self.rate)
                case "pause":
                    steer.pause(trial, at=at)
                    steer.go_on(trial)
                case "pause all":
                    steer.pause()
                    steer.go_on()
                case "longer":
                    steer.longer(trial, at + 6)
                case "pin":
                    steer.pin(trial)
                case "unpin":
                    steer.unpin(trial)
                case "prioritise":
                    steer.prioritise(trial)
                case "note":
                    steer.note("a note", trial=trial)
                case "inject":
                    steer.inject(**dict(study.records()[trial].hyperparameters) | rate)
                case "range":
                    steer.range("learning_rate", min(self.rate, 0.02), 0.08)
                case "ban":
                    steer.ban(optimizer="sgd")
                case "budget":
                    steer.budget(trials=12 + at, epochs=at + 2)
                case "end":
                    steer.end()


SHAPES: dict[str, dict[str, Any]] = {
    "constant": {},
    "inverse_time": {"learning_rate_decay": 0.1},
    "exponential": {"learning_rate_decay": 0.1},
    "step": {"step_epochs": 2},
    "pieces": {"pieces": "2:0.5 3:0.1"},
    "cosine": {},
    "flat_cos": {},
    "coslog": {},
    "one_cycle": {},
    "plateau": {"plateau_patience": 0},
    "distance": {"distance_growth": 1.1},
}
ACTIONS = (
    "set", "set", "set at once", "shape", "shape", "fork with a shape", "stop", "fork", "rewind", "pause", "pause all",
    "longer", "pin", "unpin", "prioritise", "note", "inject", "range", "ban", "budget", "end",
)  # fmt: skip
STEPS = st.builds(
    Step,
    st.sampled_from(ACTIONS),
    st.integers(0, TRIALS - 1),
    st.integers(1, 5),
    st.floats(0.001, 0.1),
    st.sampled_from([8, 16, 32]),
    st.sampled_from(sorted(SHAPES)),
)


def copied(base: Path, run: Path, steps: list[Step]) -> Path:
    """A study whose trials wait, of which these things are asked."""
    study = ikura.open_study(copytree(base, run))
    for step in steps:
        step.ask(study)
    study.close()
    return run


@pytest.mark.sweep
@pytest.mark.timeout(0 if SEQUENCES > 10 else 600)
@settings(
    max_examples=SEQUENCES,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    steps=st.lists(STEPS, min_size=1, max_size=9),
    moments=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=2),
    stages=st.booleans(),
)
def test_killed_and_resumed_it_is_as_undisturbed(
    waiting: Path, waiting_with_stages: Path, steps: list[Step], moments: list[float], stages: bool
) -> None:
    base = waiting_with_stages if stages else waiting
    folder = Path(tempfile.mkdtemp())
    try:
        whole = copied(base, folder / "whole", steps)
        seconds = undisturbed(whole)
        run = _killed_once(base, folder, steps, moments[0] * seconds)
        for share in moments[1:]:
            killed(run, share * seconds)
        undisturbed(run)
        assert told(run) == told(whole)
    finally:
        rmtree(folder)
    with LOG.open("a") as log:
        log.write(f"{'stages' if stages else 'one stage'}: {', '.join(step.action for step in steps)}\n")


def _killed_once(base: Path, folder: Path, steps: list[Step], seconds: float) -> Path:
    """A study in the middle of which its process was killed: sooner, where it had come to its end."""
    for attempt in range(20):
        run = copied(base, folder / f"killed-{attempt}", steps)
        if killed(run, seconds):
            return run
        seconds *= 0.7
    raise AssertionError("the process was never in time to be killed")
