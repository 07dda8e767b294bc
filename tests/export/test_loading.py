"""A network of one's own comes back: as its class, and without it."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import ikura
from ikura.api.study import Study
from ikura.errors import RunError

from .conftest import TINY
from .users_own import Net, factory

Arrays = tuple[np.ndarray, np.ndarray]
SPACE = {"units": 4, "learning_rate": 0.05}


@pytest.fixture(scope="module")
def own(arrays: Arrays, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return ikura.tune(arrays, network=factory, space=SPACE, out=tmp_path_factory.mktemp("own") / "run", **TINY)


def test_the_module_is_the_user_s_class_in_plain_pytorch(own: Study, arrays: Arrays) -> None:
    module = own.model.module
    assert type(module) is Net
    assert not module.training
    fresh = factory(own.model.hyperparameters)
    assert list(module.state_dict()) == list(fresh.state_dict())
    fresh.load_state_dict(module.state_dict())
    x = torch.from_numpy(own.model.encoder.transform(arrays[0])[0])
    with torch.no_grad():
        outputs = fresh.eval()(x)[:, 0].double() * own.model.description["target_std"]
    np.testing.assert_array_equal(outputs + own.model.description["target_mean"], own.model.predict(arrays[0]))


@pytest.mark.parametrize("way", ["compiled", "parallel", "pretrained"])
def test_wrappers_come_off(way: str, arrays: Arrays, tmp_path: Path) -> None:
    network = {
        "compiled": lambda hp: torch.compile(factory(hp), backend="eager"),
        "parallel": lambda hp: nn.DataParallel(factory(hp)),
        "pretrained": ikura.pretrained(Net(6, 4, 3), freeze="all"),
    }[way]
    space = {name: value for name, value in SPACE.items() if way != "pretrained" or name != "units"}
    study = ikura.tune(arrays, network=network, space=space, out=tmp_path / "run", **TINY)
    module = study.model.module
    assert type(module) is Net
    Net(6, 4, 1).load_state_dict(module.state_dict())
    x = torch.from_numpy(study.model.encoder.transform(arrays[0])[0])
    with torch.no_grad():
        np.testing.assert_array_equal(module(x), study.model.network.eval()(x))


def test_it_is_loaded_without_its_class(own: Study, arrays: Arrays) -> None:
    code = f"""
import sys, numpy as np, ikura
model = ikura.load({str(own.run)!r})
assert "users_own" not in " ".join(sys.modules)
print(model.predict(np.load({str(own.run / "data.npz")!r})["x"]).tolist(), list(model.module.state_dict()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    values, _, names = done.stdout.strip().partition("] [")
    # The same operations: to the bit, or a rounding where one is fused.
    np.testing.assert_allclose(json.loads(values + "]"), own.model.predict(arrays[0]), rtol=1e-6)
    assert "[" + names == str(list(own.model.module.state_dict()))


def test_it_is_saved_and_loaded_again(own: Study, arrays: Arrays, tmp_path: Path) -> None:
    model = ikura.load(ikura.load(own.run).save(tmp_path / "again"))
    np.testing.assert_allclose(model.predict(arrays[0]), own.model.predict(arrays[0]), rtol=1e-6)


def test_a_graph_that_was_changed_is_refused(own: Study, tmp_path: Path) -> None:
    folder = own.model.save(tmp_path / "model")
    path = folder / "graph.json"
    path.write_text(path.read_text().replace("relu", "tanh"))
    with pytest.raises(RunError, match=r"graph\.json: not what was saved with the model"):
        ikura.load(folder)


class Branch(Net):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = super().forward(x)
        return found if found.mean().item() > -1e9 else -found


def test_what_cannot_be_recorded_needs_its_factory(arrays: Arrays, tmp_path: Path) -> None:
    network = lambda hp: Branch(hp.inputs, hp.units, hp.outputs)  # noqa: E731
    study = ikura.tune(arrays, network=network, space=SPACE, out=tmp_path / "run", **TINY)
    with pytest.raises(RunError, match=r"could not be recorded \(its forward takes values .*\); give its factory"):
        ikura.load(study.run)
    assert type(study.model.module) is Branch


def test_models_and_studies_are_copied_and_pickled(own: Study, arrays: Arrays) -> None:
    expected = own.model.predict(arrays[0])
    for copy in (deepcopy(own.model), pickle.loads(pickle.dumps(own.model))):
        np.testing.assert_array_equal(copy.predict(arrays[0]), expected)
    recorded = ikura.load(own.run)
    for copy in (deepcopy(recorded), pickle.loads(pickle.dumps(recorded))):
        np.testing.assert_allclose(copy.predict(arrays[0]), expected, rtol=1e-6)
    for study in (deepcopy(own), pickle.loads(pickle.dumps(own))):
        assert study.run == own.run
        assert study.best == own.best
