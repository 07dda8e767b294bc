"""Snapshots: training goes on to the bit, and files are written whole or not at all."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save
from torch import Tensor, nn

from ikura.errors import StorageError
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.population.snapshot import load_snapshot, save_snapshot
from ikura.population.training import TrainingRun

from ..sweep import swept
from .table import FORMS
from .table import ROWS as TABLE

EPOCHS = 6
ROWS: list[dict[str, Any]] = [row.hyperparameters | {"units": 5 + n % 4} for n, row in enumerate(TABLE)]
WILD = {"optimizer": "sgd", "learning_rate": 1e30, "units": 5}


class Own(nn.Module):
    """A caller's network with noise, statistics and a counter."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = nn.Sequential(
            nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Raw outputs."""
        out: Tensor = self.stack(x)
        return out


def begun(
    setup: Callable[..., TrainingSetup], way: str, rows: list[dict[str, Any]], patience: int | None
) -> TrainingRun:
    """A new course."""
    network = (lambda hp: Own()) if way == "own" else None
    made = setup("regression", dtype="float32", rows=100, stacked=way != "compiled", network=network)
    return made.training([Member(3 * n, one, 4) for n, one in enumerate(rows)], patience, EPOCHS)


def state(training: TrainingRun) -> dict[str, np.ndarray]:
    """Everything of a course but its clock."""
    places = range(len(training.tile.members))
    every = {f"{place}/{name}": array for place in places for name, array in training.extract(place).items()}
    every |= {f"{place}/best": training.tile.best(place)[0] for place in places}
    return {name: array for name, array in every.items() if not name.endswith("/seconds")}


def assert_same(one: TrainingRun, other: TrainingRun) -> None:
    """Compare every bit."""
    first, second = state(one), state(other)
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name], err_msg=name)


@pytest.mark.parametrize("patience", swept([None, 1], core=["1"]))
@pytest.mark.parametrize("way", ["compiled", "stacked", "own"])
@pytest.mark.parametrize("at", swept([1, 3], core=["3"]))
def test_training_goes_on_to_the_bit(
    setup: Callable[..., TrainingSetup], tmp_path: Path, way: str, at: int, patience: int | None
) -> None:
    others = [row.hyperparameters for row in FORMS if way == "compiled"]
    rows = [*ROWS, WILD, {"learning_rate": 0.2, "units": 30, "batch_size": 32}, *others]
    whole, first, second = (begun(setup, way, rows, patience) for _ in range(3))
    whole.run(EPOCHS)
    first.run(at)
    save_snapshot(tmp_path / "snapshots" / "tile", first)
    assert load_snapshot(tmp_path / "snapshots" / "tile", second)
    assert second.epoch == at
    assert_same(second, first)
    second.run(EPOCHS)
    assert_same(second, whole)
    assert whole.diverged.tolist() == [False] * len(ROWS) + [True] + [False] * (len(rows) - len(ROWS) - 1)
    if patience is not None and way != "own":
        assert (whole.epochs[~whole.diverged] < EPOCHS).any()


@pytest.mark.parametrize("way", swept(["compiled", "stacked", "own"], core=["compiled", "stacked"]))
def test_a_member_goes_on_in_another_tile(setup: Callable[..., TrainingSetup], way: str) -> None:
    rows = [*ROWS, *(row.hyperparameters for row in FORMS if way == "compiled")]
    whole, first = begun(setup, way, rows, None), begun(setup, way, rows, None)
    whole.run(4)
    first.run(2)
    # Stacked products of fewer members may be summed in another order: 6e-8 an operation in float32, and a few epochs.
    tolerance = 0.0 if way == "compiled" else 1e-4
    for one in range(len(rows)):
        other = begun(setup, way, [rows[one], rows[one], rows[3]], None)
        for place in range(2):
            other.insert(place, first.extract(one))
        other.run(4)
        for place in range(2):
            np.testing.assert_allclose(other.curve(place), whole.curve(one), rtol=tolerance, err_msg=str(rows[one]))


def test_no_file_counts_as_none(setup: Callable[..., TrainingSetup], tmp_path: Path) -> None:
    assert not load_snapshot(tmp_path / "missing", begun(setup, "compiled", ROWS, None))
    assert not load_snapshot(tmp_path, begun(setup, "compiled", ROWS, None))
    (tmp_path / "empty").touch()
    assert not load_snapshot(tmp_path / "empty", begun(setup, "compiled", ROWS, None))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 1, exclude_max=True), st.binary(max_size=20))
def test_a_damaged_file_counts_as_none(
    setup: Callable[..., TrainingSetup], tmp_path: Path, share: float, tail: bytes
) -> None:
    path, training = tmp_path / "tile", begun(setup, "compiled", ROWS[:2], None)
    training.run(1)
    save_snapshot(path, training)
    whole = path.read_bytes()
    damaged = whole[: int(share * len(whole))] + tail
    assume(len(damaged) != len(whole) or damaged == whole)
    path.write_bytes(damaged)
    anew = begun(setup, "compiled", ROWS[:2], None)
    before = state(anew)
    assert load_snapshot(path, anew) == (damaged == whole)
    if damaged != whole:
        assert anew.epoch == 0
        for name, array in state(anew).items():
            np.testing.assert_array_equal(array, before[name])


def test_a_file_with_something_else_in_it_counts_as_none(setup: Callable[..., TrainingSetup], tmp_path: Path) -> None:
    training = begun(setup, "compiled", ROWS[:2], None)
    training.run(1)
    save_snapshot(tmp_path / "tile", training)
    arrays = load_file(tmp_path / "tile")
    for change in (
        {"weights": np.zeros(3)},
        {name: array for name, array in arrays.items() if name != "numbers"},
        {name: array for name, array in arrays.items() if name != "1/curve"},
        {name.replace("/feedback", "/brake"): array for name, array in arrays.items()},
        arrays | {"2/curve": np.zeros(3)},
    ):
        (tmp_path / "tile").write_bytes(save(change))
        assert not load_snapshot(tmp_path / "tile", begun(setup, "compiled", ROWS[:2], None))


def test_a_file_of_other_members_counts_as_none(setup: Callable[..., TrainingSetup], tmp_path: Path) -> None:
    training = begun(setup, "compiled", ROWS[:2], None)
    training.run(1)
    save_snapshot(tmp_path / "tile", training)
    assert not load_snapshot(tmp_path / "tile", begun(setup, "compiled", ROWS[:3], None))
    assert not load_snapshot(tmp_path / "tile", begun(setup, "compiled", ROWS[:1], None))


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """Let no file grow beyond `room` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_snapshot_that_cannot_be_written_leaves_the_one_before(
    setup: Callable[..., TrainingSetup], tmp_path: Path
) -> None:
    path, training = tmp_path / "tile", begun(setup, "compiled", ROWS, None)
    training.run(1)
    save_snapshot(path, training)
    training.run(2)
    with full_disk(4096), pytest.raises(StorageError):
        save_snapshot(path, training)
    again = begun(setup, "compiled", ROWS, None)
    assert load_snapshot(path, again)
    assert again.epoch == 1
