"""Progress never falls and stays within its total: over tiles, rounds and copies, with a hand, and when resumed."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

import ikura

SPACE: dict[str, Any] = {"learning_rate": ikura.log(1e-3, 1e-1), "optimizer": "momentum", "units": 4, "batch_size": 30}
OPTIONS: dict[str, Any] = {"space": SPACE, "search": "random", "finalists": 1, "ensemble": "none", "checks": False}


class Rising(ikura.Progress):
    """Keeps what it is told of each stage.

    Args:
        leaves: after so many epochs of the first stage it leaves the study; 0 for never.
        asking: what is asked of the study when its first stage begins.
    """

    def __init__(self, leaves: int = 0, asking: Any = None) -> None:
        self.leaves, self.asking, self.run = leaves, asking, Path()
        self.stages: list[tuple[str, int, list[tuple[int, int]]]] = []

    @override
    def opened(self, run: str | Path) -> None:
        self.run = Path(run)

    @override
    def start(self, stage: str, total: int) -> None:
        if self.asking is not None and not self.stages:
            self.asking(ikura.open_study(self.run))
        self.stages.append((stage, total, []))

    @override
    def update(self, done: int, trials: int, best: float | None) -> None:
        self.stages[-1][2].append((done, trials))
        if self.leaves and done >= self.leaves:
            raise KeyboardInterrupt

    def check(self) -> None:
        """All that was told rises and stays within its total."""
        for stage, total, told in self.stages:
            for (done, trials), (more, others) in pairwise(told):
                assert (stage, done, trials) <= (stage, more, others)
                assert trials <= others
            assert not told or (stage, told[-1][0]) <= (stage, total)


@pytest.mark.parametrize("schedule", ["pbt", "successive-halving", "asha", "racing", "early-stopping"])
def test_over_rounds_of_many_tiles(tmp_path: Path, schedule: str) -> None:
    told = Rising()
    ikura.tune(
        "iris", schedule=schedule, trials=20, epochs=10, jobs=3, progress=told, out=tmp_path / "run", **OPTIONS
    )  # fmt: skip
    told.check()
    assert told.stages[0][1] == 200
    assert len({done for done, _ in told.stages[0][2]}) > 2


@pytest.mark.parametrize("schedule", ["pbt", "successive-halving"])
def test_a_resumed_study_goes_on_from_where_it_was(tmp_path: Path, schedule: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        ikura.tune(
            "iris", schedule=schedule, trials=20, epochs=10, jobs=2, progress=Rising(leaves=90), out=tmp_path / "run",
            **OPTIONS,
        )  # fmt: skip
    told = Rising()
    ikura.resume(tmp_path / "run", progress=told)
    told.check()
    assert told.stages[0][2][0][0] >= 40


def test_with_forks_longer_training_and_a_pause(tmp_path: Path) -> None:
    def asking(study: ikura.Study) -> None:
        for trial in range(4):
            study.steer.fork(trial, learning_rate=0.01, at=6)
        study.steer.longer(1, 12)
        study.steer.pause(2, at=3)
        study.steer.go_on(2)

    told = Rising(asking=asking)
    ikura.tune("iris", schedule="none", trials=8, epochs=8, jobs=1, progress=told, out=tmp_path / "run", **OPTIONS)
    told.check()
    hands = [(total, last[-1]) for stage, total, last in told.stages if stage == "by hand"]
    assert hands
    assert all(done == total for total, (done, _) in hands)
