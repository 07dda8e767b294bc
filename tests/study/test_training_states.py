"""What trials go on from, read from a file."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from ikura.population.snapshot import packed
from ikura.study.batch import TrainOptions
from ikura.study.training_states import REQUIRED, States

STATE = {name: np.arange(3.0) for name in (*REQUIRED, "tile.weights")}


def known(path: Path) -> list[tuple[int, int]]:
    """Trials and epochs of the states that a resumed study finds."""
    return list(States(Mock(), path, TrainOptions(None, 9)).known)


@pytest.mark.parametrize("missing", sorted(REQUIRED))
def test_a_state_that_was_written_under_other_names_is_made_again(tmp_path: Path, missing: str) -> None:
    """As runs before the present names have it, with `brake` for what is now `feedback`."""
    other = {"brake" if name == missing else name: array for name, array in STATE.items()}
    arrays = {f"{number}/2/{name}": array for number, one in enumerate([STATE, other]) for name, array in one.items()}
    (tmp_path / "states").write_bytes(packed(arrays))
    assert known(tmp_path / "states") == [(0, 2)]


def test_a_missing_or_damaged_file_counts_as_empty(tmp_path: Path) -> None:
    assert known(tmp_path / "states") == []
    whole = packed({f"0/2/{name}": array for name, array in STATE.items()})
    (tmp_path / "states").write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert known(tmp_path / "states") == []
