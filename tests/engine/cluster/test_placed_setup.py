"""What is sent to a node is there what it is here, but for what only that machine can know."""

from __future__ import annotations

import importlib
import pickle
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ikura.engine.cluster.placed_setup import PlacedSetup, place, taken
from ikura.errors import DataError, UsageError
from ikura.metric import METRICS
from ikura.population.examples import Examples
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup

pytest.importorskip("ray", reason="Ray is not installed: pip install 'ikura[ray]'")


def setup(x: np.ndarray, **given: Any) -> TrainingSetup:
    rows = len(x)
    examples = Examples(x, np.zeros((rows, 0), np.int32), np.zeros(rows, np.float32))
    return TrainingSetup(examples, examples, Scorer("regression", METRICS["r2"]), outputs=1, **given)


def as_ray_has_it(placed: PlacedSetup) -> PlacedSetup:
    """What is taken from Ray's store cannot be written."""
    for array in placed.arrays:
        array.flags.writeable = False
    return placed


def test_arrays_come_back_as_compiled_code_knows_them() -> None:
    x = np.arange(12, dtype=np.float32).reshape(6, 2)
    placed = as_ray_has_it(place(setup(x)))
    found = taken(placed).train.array
    assert (found == x).all()
    assert found.flags.writeable
    # No copy was made.
    assert any(np.shares_memory(found.view(np.uint8), array) for array in placed.arrays)


def test_metrics_of_ikura_are_the_same_objects() -> None:
    assert taken(place(setup(np.zeros((2, 1), np.float32)))).scorer.metric is METRICS["r2"]


def test_a_network_without_a_module_travels_by_value() -> None:
    size = 3
    found = taken(place(setup(np.zeros((2, 1), np.float32), network=lambda hp: size)))
    assert found.network is not None
    assert found.network({}) == 3  # type: ignore[comparison-overlap, arg-type]


def test_what_cannot_be_sent_is_refused() -> None:
    lock = threading.Lock()
    with pytest.raises(UsageError, match="what the study is given cannot be sent to the nodes of a cluster"):
        place(setup(np.zeros((2, 1), np.float32), network=lambda hp: lock))


@pytest.fixture
def mapped(tmp_path: Path) -> np.ndarray:
    np.save(tmp_path / "x.npy", np.arange(100_000, dtype=np.float32).reshape(-1, 4))
    return np.load(tmp_path / "x.npy", mmap_mode="r")


def test_an_array_in_a_file_is_opened_where_it_lies(mapped: np.ndarray) -> None:
    placed = place(setup(mapped[100:, 1:3]))
    assert sum(array.nbytes for array in placed.arrays) < mapped.nbytes
    assert (taken(placed).train.array == mapped[100:, 1:3]).all()


def test_a_node_without_the_file_is_told(mapped: np.ndarray, tmp_path: Path) -> None:
    placed = place(setup(mapped))
    (tmp_path / "x.npy").unlink()
    with pytest.raises(DataError, match=r"x.npy is not there; data mapped from a file must lie at the same path"):
        taken(placed)


def test_a_node_with_another_file_of_that_name_is_told(mapped: np.ndarray, tmp_path: Path) -> None:
    placed = place(setup(mapped))
    np.save(tmp_path / "x.npy", np.ones((25_000, 4), np.float32))
    with pytest.raises(DataError, match="is another file there"):
        taken(placed)


def test_a_module_that_is_missing_is_named() -> None:
    body = b"cnowhere_to_be_found\nmake\n."
    with pytest.raises(UsageError, match=r"the module nowhere_to_be_found .* cannot be imported there"):
        taken(PlacedSetup(body, []))


@pytest.fixture
def layers_of_mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of the caller's that takes a number from another one."""
    (tmp_path / "sizes_of_mine.py").write_text("WIDTH = 3\n")
    (tmp_path / "layers_of_mine.py").write_text(
        "import sizes_of_mine\n\ndef make(hp):\n    return sizes_of_mine.WIDTH\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("layers_of_mine")
    for name in ("layers_of_mine", "sizes_of_mine"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", ["layers_of_mine", "sizes_of_mine"])
@pytest.mark.parametrize("by_name", [True, False])
def test_a_module_that_is_another_one_there_is_named(
    name: str, by_name: bool, layers_of_mine: Any, tmp_path: Path
) -> None:
    placed = place(
        setup(np.zeros((2, 1), np.float32), network=layers_of_mine.make if by_name else lambda hp: layers_of_mine)
    )
    assert taken(placed).network is not None
    file = tmp_path / f"{name}.py"
    file.write_text(file.read_text().replace("WIDTH", "DEPTH"))
    with pytest.raises(UsageError, match=rf"^the module {name} of what .* is another one there, .*\.py;"):
        taken(placed)


def test_a_module_that_fails_there_is_one_line(layers_of_mine: Any, tmp_path: Path) -> None:
    placed = place(setup(np.zeros((2, 1), np.float32), network=layers_of_mine.make))
    (tmp_path / "layers_of_mine.py").write_text("raise ValueError('no weights\\nhere')\n")
    del sys.modules["layers_of_mine"]
    importlib.invalidate_caches()
    with pytest.raises(UsageError, match=r"given cannot be made there: ValueError: no weights here$"):
        taken(placed)


def test_libraries_whose_versions_are_compared_are_not_looked_at() -> None:
    assert not place(setup(np.zeros((2, 1), np.float32), network=torch.nn.Linear)).sources


def test_what_was_found_out_about_networks_stays_here() -> None:
    made = setup(np.zeros((2, 1), np.float32))
    made.own.traits[0] = None  # type: ignore[assignment]
    assert not taken(place(made)).own.traits
    assert pickle.dumps(replace(made, own=made.own))
