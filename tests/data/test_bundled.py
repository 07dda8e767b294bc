from __future__ import annotations

from pathlib import Path

import pytest

from ikura.built_in import BUNDLED
from ikura.data import load_bundled, prepare
from ikura.errors import DataError

SHAPES = {
    "digits": (1797, 65, "multiclass"),
    "iris": (150, 5, "multiclass"),
    "wine": (178, 14, "multiclass"),
    "breast_cancer": (569, 31, "binary"),
    "diabetes": (442, 11, "regression"),
}


def test_every_bundled_set_has_a_known_shape() -> None:
    assert set(BUNDLED) == set(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_bundled_set(name: str) -> None:
    rows, columns, task = SHAPES[name]
    frame, target = load_bundled(name)
    assert frame.shape == (rows, columns)
    assert target in frame.columns
    dataset = prepare(name)
    assert dataset.task.name == task
    assert len(dataset.train) + len(dataset.dev) + len(dataset.test) == rows
    assert dataset.summary.source == name
    assert dataset.summary.drift == []


def test_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(DataError, match="did you mean 'iris'"):
        load_bundled("irsi")
    with pytest.raises(DataError, match="digts: no such file or bundled data set, did you mean 'digits'"):
        prepare("digts")


def test_a_file_comes_before_a_bundled_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "iris").write_text("x,target\n" + "".join(f"{row * row},{row % 2}\n" for row in range(20)))
    monkeypatch.chdir(tmp_path)
    assert prepare("iris").summary.rows == 20
