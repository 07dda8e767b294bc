"""Columns that count: kept where the target follows them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ikura.data import prepare
from ikura.data.options import DataOptions
from ikura.data.row_numbers import follows
from ikura.errors import DataError

N = 300
COUNT = np.arange(N)
RANDOM = np.random.default_rng(4)
NOISE = RANDOM.normal(size=N)
CAUSES = {
    "a line": 0.01 * COUNT + NOISE,
    "a wave": np.sin(COUNT / 15) + 0.5 * NOISE,
    "a parabola": (COUNT - 150) ** 2 / 5000.0 + NOISE,
    "steps": np.where(COUNT // 50 % 2 == 0, "low", "high"),
    "a trend of classes": np.where(RANDOM.random(N) < COUNT / N, "new", "old"),
}


def kinds(frame: pd.DataFrame, **more: str) -> dict[str, str]:
    return {one.name: one.kind for one in prepare(frame, DataOptions("y", kinds=more or None)).summary.columns}


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("first", [0, 1, 1700])
def test_a_cause_is_kept(cause: str, first: int) -> None:
    frame = pd.DataFrame({"year": COUNT + first, "b": NOISE[::-1], "y": CAUSES[cause]})
    order = RANDOM.permutation(N)
    for one in (frame, frame.iloc[order], frame[["year", "y"]]):
        assert kinds(one)["year"] == "numeric"
    assert "--kind year=ignore" in prepare(frame, DataOptions("y")).summary.notes[0]


def test_what_the_target_does_not_follow_is_left_out_and_how_to_keep_it_is_said() -> None:
    frame = pd.DataFrame({"step": COUNT, "b": NOISE, "y": RANDOM.normal(size=N)})
    dataset = prepare(frame, DataOptions("y"))
    [note] = [note for note in dataset.summary.notes if "'step'" in note]
    assert note == "Column 'step' is left out: it numbers the rows, from 0 to 299; to keep it, --kind step=numeric."
    assert kinds(frame, step="numeric")["step"] == "numeric"
    with pytest.raises(DataError, match="to keep it, --kind step=numeric"):
        prepare(frame[["step", "y"]], DataOptions("y"))


def test_what_is_called_an_identifier_is_kept_only_as_the_last_resort() -> None:
    frame = pd.DataFrame({"id": COUNT, "b": NOISE, "y": CAUSES["steps"]})
    assert kinds(frame)["id"] == "identifier"
    assert kinds(frame[["id", "y"]])["id"] == "numeric"


def test_rows_of_dev_and_test_decide_nothing() -> None:
    target = RANDOM.normal(size=N)
    frame = pd.DataFrame({"step": COUNT, "b": NOISE, "y": target})
    held = np.concatenate([prepare(frame, DataOptions("y")).split.dev, prepare(frame, DataOptions("y")).split.test])
    frame.loc[held, "y"] = held * 100.0
    assert kinds(frame)["step"] == "identifier"


@pytest.mark.parametrize("classes", [False, True])
def test_chance_is_not_taken_for_a_cause(classes: bool) -> None:
    # Four standard deviations: some 6e-5 for a trend and 3e-5 for neighbours; with three classes 0.01 for 50 columns.
    for seed in range(50):
        random = np.random.default_rng(seed)
        n = int(random.integers(30, 400))
        target = random.integers(0, 3, n).astype(float) if classes else random.normal(size=n)
        assert not follows(np.arange(float(n)), target, classes)
