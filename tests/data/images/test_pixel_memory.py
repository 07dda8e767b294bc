"""Images that are larger than memory allows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ikura.data import prepare
from ikura.data.images import pixel_memory
from ikura.data.images.pixel_memory import is_mapped, take_rows
from ikura.errors import StorageError


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixel_memory, "memory_limit", lambda: 100)


def test_what_fits_is_not_mapped() -> None:
    assert not is_mapped(pixel_memory.allocate((10, 10)))
    assert pixel_memory.memory_limit() > 1 << 20


@pytest.mark.usefixtures("little_memory")
def test_what_does_not_fit_is_mapped_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    array = pixel_memory.allocate((50, 1, 4, 4))
    array[:] = np.arange(50, dtype=np.uint8)[:, None, None, None]
    assert is_mapped(array)
    assert is_mapped(array[3:9])
    assert list(tmp_path.iterdir()) == []
    taken = take_rows(array, np.array([40, 2, 7] * 5))
    assert is_mapped(taken)
    assert taken[:, 0, 0, 0].tolist() == [40, 2, 7] * 5


def test_rows_that_lie_together_are_not_copied() -> None:
    array = pixel_memory.allocate((9, 2))
    assert np.shares_memory(take_rows(array, np.arange(3, 7)), array)
    assert not np.shares_memory(take_rows(array, np.array([3, 5])), array)


@pytest.mark.usefixtures("little_memory")
def test_data_sets_are_the_same_mapped_or_not(
    photos: Callable[..., Path], mnist: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (photos(each=12), mnist()):
        mapped = prepare(folder)
        with monkeypatch.context() as plenty:
            plenty.setattr(pixel_memory, "memory_limit", lambda: 1 << 30)
            held = prepare(folder)
        for part in ("train", "dev", "test"):
            np.testing.assert_array_equal(getattr(mapped, part).x, getattr(held, part).x)
        assert is_mapped(mapped.train.x)
        assert not is_mapped(held.train.x)
        assert mapped.encoder == held.encoder
        assert mapped.summary.images.mapped


@pytest.mark.usefixtures("little_memory")
def test_no_room_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(StorageError, match=r"no room for 0\.0 GB of decoded images .*TMPDIR"):
        pixel_memory.allocate((20, 20))
