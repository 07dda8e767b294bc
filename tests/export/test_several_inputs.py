"""Networks of several inputs, and of sequences, in files that others run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

import ikura
from ikura.export.exported_file import CLOSE

from .conftest import TINY

RANDOM = np.random.default_rng(0)
WORDS, TABLE = RANDOM.integers(0, 9, (80, 4)), RANDOM.normal(3, 2, (80, 3))
VALUES = (WORDS < 4).sum(1) + TABLE[:, 0]


class TwoInputs(nn.Module):
    def __init__(self, hp: Any) -> None:
        super().__init__()
        self.words, self.head = nn.EmbeddingBag(9, 3), nn.Linear(6, hp.outputs)

    def forward(self, words: Tensor, table: Tensor) -> Tensor:
        out: Tensor = self.head(torch.cat([self.words(words), table], 1))
        return out


class Masked(nn.Module):
    def __init__(self, hp: Any) -> None:
        super().__init__()
        self.step, self.head = nn.Linear(hp.shape[-1], 4), nn.Linear(4, hp.outputs)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        real = mask[..., None].to(x.dtype)
        out: Tensor = self.head((self.step(x).tanh() * real).sum(1) / real.sum(1))
        return out


def _program(path: Path, feeds: dict[str, np.ndarray]) -> tuple[list[str], np.ndarray]:
    about = {"about.json": ""}
    program = torch.export.load(path, extra_files=about).module()
    found = program(*map(torch.from_numpy, feeds.values())).detach().numpy()
    return [one["name"] for one in json.loads(about["about.json"])["inputs"]], found


@pytest.mark.parametrize("named", [True, False])
def test_inputs_go_by_the_names_of_forward_or_by_their_places(named: bool, tmp_path: Path) -> None:
    x: Any = {"words": WORDS, "table": TABLE} if named else (WORDS, TABLE)
    study = ikura.tune((x, VALUES), network=TwoInputs, space={"learning_rate": 0.05}, out=tmp_path / "run", **TINY)
    names = ["words", "table"] if named else ["x0", "x1"]
    session = onnxruntime.InferenceSession(study.model.export(tmp_path / "two.onnx"))
    about = json.loads(session.get_modelmeta().custom_metadata_map["ikura"])["inputs"]
    assert [(one["name"], one["type"], one["shape"]) for one in about] == [
        (names[0], "int64", ["rows", 4]),
        (names[1], "float64", ["rows", 3]),
    ]
    feeds = {names[0]: WORDS, names[1]: TABLE}
    [found] = session.run(["prediction"], feeds)
    expected, told = study.model.predict(x), f"{named}"
    np.testing.assert_allclose(found, expected, atol=CLOSE * np.abs(expected).max(), rtol=0, err_msg=told)
    given, found = _program(study.model.export(tmp_path / "two.pt2"), feeds)
    assert given == names
    np.testing.assert_allclose(found, expected, atol=CLOSE * np.abs(expected).max(), rtol=0, err_msg=told)


def test_sequences_come_padded_with_their_lengths(tmp_path: Path) -> None:
    lengths = RANDOM.integers(1, 7, 90)
    x = [RANDOM.normal(length % 2, 1, (length, 2)) for length in lengths]
    y = np.where(lengths % 2, "odd", "even")
    study = ikura.tune((x, y), network=Masked, space={"learning_rate": 0.05}, out=tmp_path / "run", **TINY)
    padded = np.full((90, lengths.max(), 2), 1e6)
    for row, sequence in zip(padded, x, strict=True):
        row[: len(sequence)] = sequence
    feeds = {"x": padded, "lengths": lengths}
    session = onnxruntime.InferenceSession(study.model.export(tmp_path / "odd.onnx"))
    label, found = session.run(["label", "probabilities"], feeds)
    np.testing.assert_allclose(found, study.model.predict_proba(x), atol=CLOSE, rtol=0)
    assert label.tolist() == study.model.predict(x).tolist()
    given, found = _program(study.model.export(tmp_path / "odd.pt2"), feeds)
    assert given == ["x", "lengths"]
    np.testing.assert_allclose(found, study.model.predict_proba(x), atol=CLOSE, rtol=0)
