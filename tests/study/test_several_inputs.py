"""Own networks that take several inputs, sequences, or arrays that stay on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import ikura
from ikura.api.study import Study
from ikura.data import input_arrays, torch_dataset
from ikura.data.encoder import vector
from ikura.data.images.archive import read_inputs
from ikura.data.network_inputs import is_on_disk
from ikura.data.torch_dataset import read_items
from ikura.errors import UsageError

Tune = Callable[..., Study]
RATE = {"learning_rate": 0.05, "optimizer": "adam", "batch_size": 32}
RANDOM = np.random.default_rng(0)
ROWS = 160
TABLE = RANDOM.normal(3, 2, (ROWS, 4)).astype(np.float32)
TOKENS = RANDOM.integers(0, 12, (ROWS, 6))
MASK = RANDOM.random((ROWS, 6)) < 0.7
USER = RANDOM.integers(0, 5, ROWS)
Y = (TABLE[:, 0] + USER > 5).astype(int)
BY_NAME = {"user": USER, "table": TABLE, "mask": MASK, "tokens": TOKENS}


@pytest.fixture
def tune(tune: Tune) -> Tune:
    return partial(tune, trials=2, epochs=3, finalists=0, space=RATE)


class Both(nn.Module):
    """A table, users, tokens, and which of these count."""

    def __init__(self, hp: Any) -> None:
        super().__init__()
        columns = hp.inputs["table"] if isinstance(hp.inputs, dict) else hp.inputs[1]
        self.user, self.tokens = nn.Embedding(5, 4), nn.Embedding(12, 4)
        self.out = nn.Linear(columns + 8, hp.outputs)

    def forward(self, user: Tensor, table: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        assert (user.dtype, tokens.dtype, mask.dtype) == (torch.int64, torch.int64, torch.bool)
        bag = (self.tokens(tokens) * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return self.out(torch.cat([self.user(user), table, bag], 1))


def same_study(study: Study) -> None:
    """A replay repeats each trial, whether it ran alone or with others."""
    for number in range(2):
        assert study.replay(number)["dev_loss"].tolist() == study.curve(number)["dev_loss"].tolist()


def test_inputs_by_name(tune: Tune) -> None:
    study = tune((BY_NAME, Y), network=Both, epochs=20)
    assert study.test.value > 0.7
    same_study(study)
    assert study.model.description["hyperparameters"]["shape"] == {"user": [], "table": [4], "mask": [6], "tokens": [6]}
    notes = " ".join(study.summary["notes"])
    assert "x['table']: standardised, each column by itself" in notes
    assert "x['tokens']: whole numbers reach your network as they are" in notes
    again = ikura.load(study.run, Both)
    expected = study.model.predict_proba(BY_NAME)
    assert again.predict_proba(dict(reversed(BY_NAME.items()))).equals(expected)
    assert ikura.resume(study.run, Both).test == study.test
    with pytest.raises(UsageError, match=r"x has no input 'mask' \(inputs: user, table, tokens\)"):
        again.predict({name: BY_NAME[name] for name in ("user", "table", "tokens")})
    with pytest.raises(UsageError, match="x was a dictionary of user, table, mask, tokens in training; give it so"):
        again.predict((USER, TABLE, TOKENS, MASK))


def test_inputs_by_place_are_those_by_name(tune: Tune) -> None:
    one = tune(((USER, torch.from_numpy(TABLE), TOKENS, MASK), Y), network=Both)
    other = tune((BY_NAME, Y), network=Both)
    assert one.trials["dev_loss"].tolist() == other.trials["dev_loss"].tolist()
    given = (USER.tolist(), TABLE, TOKENS, MASK)
    assert one.model.predict_proba(given).equals(other.model.predict_proba(BY_NAME))


class Reader(nn.Module):
    """A mean over the steps that count."""

    def __init__(self, hp: Any) -> None:
        super().__init__()
        self.table, self.out = nn.Embedding(12, 8), nn.Linear(8, hp.outputs)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        counts = torch.arange(x.shape[1]) < lengths[:, None]
        return self.out((self.table(x) * counts[..., None]).sum(1) / lengths.clamp(min=1)[:, None])


class Masked(Reader):
    """The same, of a mask."""

    def forward(self, x: Tensor, *, padding_mask: Tensor) -> Tensor:
        return super().forward(x, (~padding_mask).sum(1))


def sequences() -> tuple[list[np.ndarray], np.ndarray]:
    random = np.random.default_rng(1)
    x = [random.integers(1, 12, length) for length in random.integers(0, 9, ROWS)]
    x[0] = np.arange(1, 9)
    return x, np.array([(one == 3).any() for one in x]).astype(int)


def test_sequences_of_different_lengths_are_padded(tune: Tune) -> None:
    x, y = sequences()
    study = tune((x, y), network=Reader, epochs=40)
    assert study.test.value > 0.85
    same_study(study)
    assert any("160 sequences of 0 to 8 steps, padded with zeros at the end" in one for one in study.summary["notes"])
    masked = tune(([one.tolist() for one in x], y), network=Masked, epochs=40)
    assert masked.trials["dev_loss"].tolist() == study.trials["dev_loss"].tolist()
    again = ikura.load(study.run, Reader)
    expected = study.model.predict_proba(x)
    assert again.predict_proba(x[:5]).equals(expected[:5])
    assert again.predict_proba([[3, 4], [2]]).shape == (2, 2)
    long = again.predict_proba([np.full(30, 3)])
    np.testing.assert_allclose(long, again.predict_proba([[3]]), rtol=1e-5)
    assert ikura.resume(study.run, Reader).test == study.test


@pytest.fixture
def on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """A table in a file, on a machine whose memory is too small for it."""
    np.save(tmp_path / "x.npy", TABLE)
    for module in (input_arrays, torch_dataset, vector):
        monkeypatch.setattr(module, "memory_limit", lambda: 1000)
    mapped: np.ndarray = np.load(tmp_path / "x.npy", mmap_mode="r")
    return mapped


def linear(hp: Any) -> nn.Module:
    return nn.Linear(hp.inputs, hp.outputs)


def test_an_array_on_disk_stays_there(tune: Tune, on_disk: np.ndarray) -> None:
    held = tune((TABLE, Y), network=linear)
    study = tune((on_disk, Y), network=linear)
    assert study.trials["dev_loss"].tolist() == held.trials["dev_loss"].tolist()
    same_study(study)
    kept = np.load(study.run / "data.npz")
    assert kept.files == ["y"]
    assert study.setting.data["mapped"]["x"]["path"] == str(on_disk.filename)
    expected = held.model.predict_proba(TABLE)
    assert ikura.load(study.run, linear).predict_proba(on_disk).equals(expected)
    assert study.test == held.test
    dataset = study.setting.prepare(study.run)
    assert is_on_disk(dataset.train.x.inputs[0].array)
    # A part of a file, and dev and test sets in files of their own.
    parts = tune(None, train=(on_disk[:100], Y[:100]), dev=(on_disk[100:130], Y[100:130]), test=(TABLE[130:], Y[130:]),
                 network=linear)  # fmt: skip
    whole = tune(None, train=(TABLE[:100], Y[:100]), dev=(TABLE[100:130], Y[100:130]), test=(TABLE[130:], Y[130:]),
                 network=linear)  # fmt: skip
    assert parts.trials["dev_loss"].tolist() == whole.trials["dev_loss"].tolist()
    assert parts.test == whole.test
    changed = np.load(on_disk.filename)
    changed[0] += 1
    np.save(on_disk.filename, changed)
    with pytest.raises(UsageError, match="the data have changed since"):
        study.replay(0)
    with pytest.raises(UsageError, match=r"x lies in a file and takes .* networks of ikura's take what fits"):
        tune((on_disk, Y))


def test_several_inputs_some_of_which_are_on_disk(tune: Tune, on_disk: np.ndarray) -> None:
    one = tune(({**BY_NAME, "table": on_disk}, Y), network=Both)
    other = tune((BY_NAME, Y), network=Both)
    assert one.trials["dev_loss"].tolist() == other.trials["dev_loss"].tolist()
    same_study(one)


def some(rows: slice) -> tuple[dict[str, np.ndarray], np.ndarray]:
    return {name: array[rows] for name, array in BY_NAME.items()}, Y[rows]


def test_explicit_parts(tune: Tune, tmp_path: Path) -> None:
    train, dev, test = (some(rows) for rows in (slice(100), slice(100, 130), slice(130, None)))
    study = tune(None, train=train, dev=dev, test=test, network=Both)
    assert study.summary["parts"] == {"train": 100, "dev": 30, "test": 30}
    same_study(study)
    assert ikura.resume(study.run, Both).test == study.test
    named = {f"x{part}_{name}": array for part, (x, _) in zip(("", "_dev", "_test"), (train, dev, test), strict=True)
             for name, array in x.items()}  # fmt: skip
    np.savez(tmp_path / "data.npz", y=train[1], y_dev=dev[1], y_test=test[1], **named)
    filed = tune(tmp_path / "data.npz", network=Both)
    assert filed.trials["dev_loss"].tolist() == study.trials["dev_loss"].tolist()
    same_study(filed)
    without = tune(None, train=train, dev=dev, network=Both)
    assert any("the test set is taken from the training set" in one for one in without.summary["notes"])
    with pytest.raises(UsageError, match=r"x\['tokens'\] has examples of shape \(5,\), but those of training are of"):
        tune(None, train=train, dev=({**dev[0], "tokens": dev[0]["tokens"][:, :5]}, dev[1]), network=Both)
    with pytest.raises(UsageError, match=r"x\['tokens'\] holds float64, but that of training int64"):
        tune(None, train=train, dev=({**dev[0], "tokens": dev[0]["tokens"] / 1}, dev[1]), network=Both)
    with pytest.raises(UsageError, match="give the data once"):
        tune(train, train=train, network=Both)


def test_a_file_of_several_inputs_is_predicted(tune: Tune, tmp_path: Path) -> None:
    study = tune((BY_NAME, Y), network=Both)
    np.savez(tmp_path / "new.npz", **{f"x_{name}": array for name, array in BY_NAME.items()})
    found = read_inputs(tmp_path / "new.npz")
    assert study.model.predict(found).tolist() == study.model.predict(BY_NAME).tolist()


class Items(Dataset[Any]):
    """The items that a caller's dataset gives."""

    def __init__(self, make: Callable[[int], Any], count: int = ROWS) -> None:
        self.make, self.count = make, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> Any:
        return self.make(place)


def item_by_name(place: int) -> Any:
    return {name: torch.from_numpy(array)[place] for name, array in BY_NAME.items()}, int(Y[place])


@pytest.mark.parametrize("workers", [None, 0, 2])
def test_a_dataset_is_read_once(tune: Tune, workers: int | None) -> None:
    data: Any = Items(item_by_name)
    if workers is not None:
        data = DataLoader(data, batch_size=7, shuffle=True, num_workers=workers)
    study = tune(data, network=Both)
    held = tune((BY_NAME, Y), network=Both)
    assert study.trials["dev_loss"].tolist() == held.trials["dev_loss"].tolist()
    assert study.model.predict_proba(BY_NAME).equals(held.model.predict_proba(BY_NAME))


def test_items_of_other_forms() -> None:
    tensors = [torch.from_numpy(one) for one in (USER, TABLE, TOKENS, MASK, Y)]
    x, y, notes = read_items(TensorDataset(*tensors))
    assert [one.tolist() for one in x] == [one.tolist() for one in (USER, TABLE, TOKENS, MASK)]
    assert y.tolist() == Y.tolist()
    assert any("The last of the 5 values of an item is the target" in one for one in notes)
    x, y, _ = read_items(Items(lambda place: {"table": TABLE[place], "user": USER[place], "labels": Y[place]}))
    assert (list(x), x["table"].tolist(), y.tolist()) == (["table", "user"], TABLE.tolist(), Y.tolist())
    x, y, _ = read_items(Items(lambda place: (np.arange(place % 5), "odd" if place % 2 else "even"), 20))
    assert (x[3].tolist(), y[:2].tolist()) == ([0, 1, 2], ["even", "odd"])

    class Stream(IterableDataset[Any]):
        def __iter__(self) -> Iterator[Any]:
            return ((TABLE[place], Y[place]) for place in range(ROWS))

    x, y, _ = read_items(Stream())
    assert (x.tolist(), y.tolist()) == (TABLE.tolist(), Y.tolist())
    noisy = np.random.default_rng(0)
    notes = read_items(Items(lambda place: (noisy.random(3), place), 4))[2]
    assert any("differ from one reading to the next" in one for one in notes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda place: TABLE[place], r"item 1 of the Items is a ndarray; \(x, y\) is expected"),
        (lambda place: (np.zeros((2, 2 + place)), 0), r"item 2 of the Items: x is of shape \(2, 3\)"),
        (lambda place: (np.zeros(2), np.zeros(place + 1)), r"item 2 of the Items: y is of shape \(2,\)"),
        (lambda place: ({"a": 1, "b": 2} if place else {"a": 1, "c": 2}, 0), "item 2 of the Items holds a, b, y"),
        (lambda place: {"a": 1, "b": 2}, "the items of the Items are dictionaries of a, b; say which"),
        (lambda place: (1 / (place - 3), 0), "item 4 of the Items cannot be read: ZeroDivisionError"),
    ],
)
def test_items_that_are_refused(make: Callable[[int], Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_items(Items(make, 6))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ({"user": USER, "table": TABLE[:9]}, r"x\['table'\] has 9 rows and x\['user'\] has 160"),
        ({"my table": TABLE, "user": USER}, "keys are names of forward's arguments, but 'my table' can be none"),
        ((USER, np.array(["a"] * ROWS)), r"x\[1\] holds <U1; an input of a network holds numbers or booleans"),
        (
            {"user": USER, "tokens": sequences()[0]},
            r"x\['tokens'\] holds sequences of different lengths; give them alone",
        ),
        ((USER[:9], TABLE[:9]), r"x\[0\] has 9 rows and y has 160"),
        ({"user": USER, "size": 3}, r"x\['size'\] is a single value; give one for each example"),
        ([["a"], ["b", "c"]] * 80, r"x\[0\] holds <U1; sequences of numbers are expected"),
    ],
)
def test_inputs_that_are_refused(tune: Tune, x: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        tune((x, Y), network=Both)


def test_floats_that_mark_are_not_standardised(tune: Tune) -> None:
    study = tune(((TABLE, MASK.astype(np.float32)), Y), network=Beside)
    assert [type(one).__name__ for one in study.model.encoder.encoders] == ["VectorEncoder", "GivenEncoder"]
    plain = tune(((TABLE, MASK.astype(np.float32)), Y), network=Beside, standardise=False)
    assert [type(one).__name__ for one in plain.model.encoder.encoders] == ["GivenEncoder", "GivenEncoder"]


class Beside(nn.Module):
    """Two tables side by side."""

    def __init__(self, hp: Any) -> None:
        super().__init__()
        self.out = nn.Linear(sum(hp.inputs), hp.outputs)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return self.out(torch.cat([first, second], 1))


def test_steps_of_sequences_are_standardised_and_padding_is_zero(tune: Tune) -> None:
    random = np.random.default_rng(2)
    x = [random.normal(50, [3, 9], (length, 2)) for length in random.integers(1, 7, ROWS)]
    y = np.array([one[-1, 0] for one in x])
    study = tune((x, y), network=Last)
    found, lengths = study.model.encoder.transform(x)[0].read()
    rows = study.setting.prepare(study.run).split.train
    steps = np.concatenate([found[row, : lengths[row]] for row in rows])
    np.testing.assert_allclose(steps.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(steps.std(0), 1, atol=1e-5)
    assert not any(found[row, lengths[row] :].any() for row in range(ROWS))
    assert study.model.description["hyperparameters"]["shape"] == [6, 2]
    same_study(study)


class Last(nn.Module):
    """A linear function of the last step."""

    def __init__(self, hp: Any) -> None:
        super().__init__()
        self.out = nn.Linear(hp.shape[-1], hp.outputs)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return self.out(x[torch.arange(len(x)), lengths - 1])
