"""Channels first or last: understood, or asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ikura.data import prepare
from ikura.data.images.channel_layout import arrange, looks_last
from ikura.data.options import DataOptions
from ikura.errors import DataError, UsageError

RANDOM = np.random.default_rng(2)
Y = np.arange(40) % 2


def images(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 256, (40, *shape), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["numpy", "torch", "torch, channels last in memory", "npz"])
@pytest.mark.parametrize("channels", [1, 3])
def test_channels_last_are_the_same_images_everywhere(kind: str, channels: int, tmp_path: Path) -> None:
    first = images(channels, 6, 5)
    last: Any = first.transpose(0, 2, 3, 1)
    data: Any = (last, Y)
    if kind == "torch":
        data = (torch.from_numpy(last.copy()), torch.from_numpy(Y))
    elif kind.startswith("torch"):
        data = (torch.from_numpy(first).contiguous(memory_format=torch.channels_last), Y)
    elif kind == "npz":
        np.savez(tmp_path / "a.npz", x=last, y=Y)
        data = tmp_path / "a.npz"
    dataset = prepare(data)
    assert dataset.summary.images.channels == channels
    np.testing.assert_array_equal(dataset.dev.x, first[dataset.split.dev])
    found, _ = dataset.encoder.transform(last)
    np.testing.assert_array_equal(found, first)


def test_grey_bytes_of_three_dimensions_are_images_as_in_npz(tmp_path: Path) -> None:
    grey = images(6, 5)
    dataset = prepare((grey, Y))
    assert dataset.summary.images.channels == 1
    assert "numbers that are no images are given as floats" in dataset.summary.notes[0]
    assert prepare((grey.astype(np.float32), Y)).summary.images is None


@pytest.mark.parametrize("shape", [(3, 12, 3), (1, 28, 1), (3, 3, 3), (3, 9, 1)])
def test_what_fits_both_is_asked(shape: tuple[int, ...], tmp_path: Path) -> None:
    x = images(*shape)
    np.savez(tmp_path / "a.npz", x=x, y=Y)
    for data in ((x, Y), tmp_path / "a.npz"):
        with pytest.raises(DataError, match=r"channels first or last; say which, channels='first' or channels='last'"):
            prepare(data)
        for channels, moved in (("first", x), ("last", x.transpose(0, 3, 1, 2))):
            dataset = prepare(data, DataOptions(channels=channels))
            np.testing.assert_array_equal(dataset.dev.x, moved[dataset.split.dev])
            np.testing.assert_array_equal(dataset.encoder.transform(x)[0], moved)
            again = type(dataset.encoder).read_form(dataset.encoder.to_dict())
            np.testing.assert_array_equal(again.transform(x)[0], moved)


def test_numbers_are_moved_only_when_told() -> None:
    x = RANDOM.normal(size=(40, 6, 5, 3)).astype(np.float32)
    assert prepare((x, Y)).train.x.shape[1:] == (6, 5, 3)
    dataset = prepare((x, Y), DataOptions(channels="last"))
    assert dataset.train.x.shape[1:] == (3, 6, 5)
    np.testing.assert_array_equal(dataset.encoder.transform(x)[0][dataset.split.dev], dataset.dev.x)
    with pytest.raises(DataError, match=r"shape \(n, 6, 5, 3\) is expected"):
        dataset.encoder.transform(x.transpose(0, 3, 1, 2))


def test_where_a_layout_does_not_belong() -> None:
    with pytest.raises(UsageError, match="channels is first or last, but is 'lst', did you mean 'last'"):
        arrange(images(6, 5, 3), "lst")
    with pytest.raises(DataError, match="leave it out"):
        prepare((RANDOM.normal(size=(40, 3)), Y), DataOptions(channels="last"))
    with pytest.raises(DataError, match="leave it out"):
        prepare("iris", DataOptions(channels="last"))
    assert not looks_last((3, 28, 28))
    assert looks_last((28, 28, 4))
