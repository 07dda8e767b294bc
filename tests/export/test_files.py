"""Files that others run: ONNX with ONNX Runtime alone, .pt2 with torch alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

import ikura
from ikura.api.study import Study
from ikura.data.encoder import TableEncoder
from ikura.errors import UsageError
from ikura.export import onnx_file
from ikura.export.exported_file import CLOSE
from ikura.export.input_encoding import encoding_of
from ikura.export.raw_columns import raw_table

from .conftest import TINY

STRANGER = """
import json, sys
import numpy as np, onnxruntime, pandas as pd
session = onnxruntime.InferenceSession(sys.argv[1])
frame = pd.read_csv(sys.argv[2], dtype={"colour": "str", "town": "str"}, parse_dates=["when"])
numbers = {
    "size": frame["size"],
    "old": frame["old"].astype(float),
    "when": (frame["when"] - pd.Timestamp(0)).dt.total_seconds(),
    "paid": frame["paid"].str.removesuffix(" €").astype(float),
}
feeds = {name: column.to_numpy(np.float64)[:, None] for name, column in numbers.items()}
feeds |= {name: frame[[name]].fillna("").to_numpy(object) for name in ("colour", "town")}
label, probabilities = session.run(["label", "probabilities"], feeds)
about = json.loads(session.get_modelmeta().custom_metadata_map["ikura"])
assert not [name for name in sys.modules if name.partition(".")[0] in ("ikura", "torch")]
print(json.dumps({"label": label.tolist(), "probabilities": probabilities.tolist(), "classes": about["classes"]}))
"""


@pytest.mark.parametrize("ending", ["onnx", "pt2"])
@pytest.mark.parametrize("kind", ["values", "labels"])
def test_several_targets(kind: str, ending: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.normal(size=(90, 3)), columns=["a", "b", "c"])
    frame["big"], frame["small"] = 1e6 * frame["a"] + 1e7, 1e-3 * frame["b"]
    if kind == "labels":
        frame["big"], frame["small"] = np.where(frame["a"] > 0, "yes", "no"), frame["b"] > 0.5
    study = ikura.tune(frame, "big,small", **TINY, out=tmp_path / "run")
    path = study.model.export(tmp_path / f"model.{ending}")
    numbers = frame[["a", "b", "c"]].to_numpy(copy=True)
    if ending == "pt2":
        about = {"about.json": ""}
        program = torch.export.load(path, extra_files=about).module()
        found, said = program(torch.from_numpy(numbers)).detach().numpy(), json.loads(about["about.json"])
    else:
        session = onnxruntime.InferenceSession(path)
        feeds = {name: numbers[:, [k]] for k, name in enumerate("abc")}
        *label, found = session.run(None, feeds)
        said = json.loads(session.get_modelmeta().custom_metadata_map["ikura"])
        if kind == "labels":
            np.testing.assert_array_equal(label[0], study.model.predict(frame) == np.array(["yes", True], object))
    assert said["targets"] == ["big", "small"]
    if kind == "labels":
        assert said["levels"] == [["no", "yes"], [False, True]]
        np.testing.assert_allclose(found, study.model.predict_proba(frame), atol=CLOSE)
    else:
        expected = study.model.predict(frame)
        np.testing.assert_allclose(found / frame[["big", "small"]].std().to_numpy(),
                                   expected / frame[["big", "small"]].std().to_numpy(), atol=1e-3)  # fmt: skip


def test_a_stranger_predicts_a_table_with_onnx_runtime_alone(tabular: Study, tmp_path: Path) -> None:
    path = tabular.model.export(tmp_path / "model.onnx")
    data = tabular.run.parent / "table.csv"
    done = subprocess.run([sys.executable, "-c", STRANGER, path, data], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    table = ikura.load(tabular.run).predict_frame(pd.read_csv(data, dtype=str))
    assert found["classes"] == ["in", "out"]
    assert found["label"] == table["prediction"].tolist()
    expected = table[["probability_in", "probability_out"]].to_numpy()
    np.testing.assert_allclose(found["probabilities"], expected, atol=CLOSE, rtol=0)


def test_the_encoding_of_a_table_is_the_encoder_s(tabular: Study, table: pd.DataFrame) -> None:
    encoder = tabular.model.encoder
    assert isinstance(encoder, TableEncoder)
    rows = pd.concat([table, table.assign(colour="unseen", town=None)]).astype({"size": object})
    x, codes = encoder.transform(rows)
    found = encoding_of(encoder)(*raw_table(encoder, rows).tensors())
    # The same operations in double precision, rounded once to single precision.
    np.testing.assert_allclose(found[0].numpy(), x, atol=1e-6, rtol=1e-6)
    np.testing.assert_array_equal(found[1].numpy(), codes)


def test_pt2_predicts_with_torch_alone(tabular: Study, tmp_path: Path) -> None:
    path = tabular.model.export(tmp_path / "model.pt2")
    about = {"about.json": ""}
    program = torch.export.load(path, extra_files=about).module()
    numbers, codes = json.loads(about["about.json"])["inputs"]
    assert [one["name"] for one in numbers["columns"]] == ["size", "old", "when", "paid"]
    assert [one["name"] for one in codes["columns"]] == ["colour", "town"]
    frame = pd.read_csv(tabular.run.parent / "table.csv", dtype=str)
    encoder = tabular.model.encoder
    assert isinstance(encoder, TableEncoder)
    found = program(*raw_table(encoder, frame).tensors()).detach().numpy()
    np.testing.assert_allclose(found, tabular.model.predict_proba(frame), atol=CLOSE, rtol=0)


def test_values_of_an_own_network(arrays: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    from .users_own import factory

    space = {"units": 4, "learning_rate": 0.05}
    study = ikura.tune(arrays, network=factory, space=space, out=tmp_path / "run", **TINY)
    # Also without the class: what was recorded is exported.
    path = ikura.load(study.run).export(tmp_path / "own.onnx")
    [found] = onnxruntime.InferenceSession(path).run(["prediction"], {"x": arrays[0].astype(np.float64)})
    expected = study.model.predict(arrays[0])
    np.testing.assert_allclose(found, expected, atol=CLOSE * np.abs(expected).max(), rtol=0)


def test_images_and_classes_that_are_booleans(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    y = np.arange(60) % 2 == 0
    x = random.integers(0, 200, (60, 8, 8, 3)).astype(np.uint8)
    x[..., 0] += (y * 40).astype(np.uint8)[:, None, None]
    study = ikura.tune((x, y), space={"learning_rate": 0.05}, out=tmp_path / "run", **TINY)
    path = study.model.export(tmp_path / "images.onnx")
    session = onnxruntime.InferenceSession(path)
    label, found = session.run(["label", "probabilities"], {"images": x.transpose(0, 3, 1, 2)})
    np.testing.assert_allclose(found, study.model.predict_proba(x), atol=CLOSE, rtol=0)
    assert label.dtype == np.bool_
    assert label.tolist() == study.model.predict(x).tolist()


class Noisy(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.head = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x) + torch.rand(len(x), 1)


def test_a_network_that_is_never_the_same_is_not_written(arrays: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    network = lambda hp: Noisy(hp.inputs, hp.outputs)  # noqa: E731
    study = ikura.tune(arrays, network=network, space={"learning_rate": 0.05}, out=tmp_path / "run", **TINY)
    path = tmp_path / "noisy.pt2"
    with pytest.raises(UsageError, match=r"differs from the model by .* it was not written"):
        study.model.export(path)
    assert not path.exists()


def test_a_missing_extra_and_other_names_are_refused(
    tabular: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"to a \.onnx or \.pt2 file, but got '.*model\.onx', did you mean '\.onnx'"):
        tabular.model.export(tmp_path / "model.onx")
    with pytest.raises(UsageError, match="there is no folder"):
        tabular.model.export(tmp_path / "nowhere" / "model.onnx")
    with pytest.raises(UsageError, match="it is what is read"):
        tabular.model.export(tabular.run / "config.toml")

    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(onnx_file.importlib, "import_module", missing)
    with pytest.raises(UsageError, match=r"exporting to ONNX needs onnx: pip install 'ikura\[onnx\]'"):
        tabular.model.export(tmp_path / "model.onnx")


def test_without_its_data_a_model_is_tried_on_made_up_rows(
    tabular: Study, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import shutil

    shutil.copytree(tabular.run, tmp_path / "run")
    config = tmp_path / "run" / "config.toml"
    config.write_text(config.read_text().replace("table.csv", "gone.csv"))
    assert ikura.load(tmp_path / "run").export(tmp_path / "model.pt2").is_file()
    assert "tried on made-up rows" in caplog.text
    # And where there is no run at all.
    model = ikura.load(shutil.copytree(tabular.run / "model", tmp_path / "model"))
    assert model.export(tmp_path / "other.pt2").is_file()
