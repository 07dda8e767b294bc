"""The model: predictions, and what is saved of it."""

from __future__ import annotations

import ast
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file, save_file
from sklearn.datasets import load_iris
from torch import nn

import ikura
from ikura.api.study import Study
from ikura.data import load_bundled
from ikura.data.options import DataOptions
from ikura.errors import DataError, RunError, UsageError

from ..sweep import swept
from .unreported import short_report

Tune = Callable[..., Study]


@pytest.fixture(scope="module")
def tabular(tmp_path_factory: pytest.TempPathFactory, mixed: pd.DataFrame) -> Study:
    """Two classes from a table with categories, an embedded column and gaps."""
    folder = tmp_path_factory.mktemp("tabular")
    with short_report():
        return ikura.tune(mixed, "kept", trials=4, epochs=6, finalists=1, jobs=1, out=folder / "run")


@pytest.fixture(scope="module")
def regression(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("regression")
    with short_report():
        return ikura.tune("diabetes", trials=8, epochs=8, finalists=1, jobs=1, out=folder / "run")


def one_line(error: Any) -> str:
    line = str(error.value)
    assert "\n" not in line
    return line


# Predictions.


def test_classes_are_the_likeliest_and_probabilities_add_up(tabular: Study, mixed: pd.DataFrame) -> None:
    model = tabular.model
    found, p = model.predict(mixed), model.predict_proba(mixed)
    assert model.classes == ["no", "yes"]
    assert list(p.columns) == ["no", "yes"]
    assert found.shape == (160,)
    assert (found == p.idxmax(axis=1)).all()
    assert ((p >= 0) & (p <= 1)).all(axis=None)
    # A probability and its complement, in double precision.
    assert np.abs(p.sum(axis=1) - 1).max() <= 2**-52


def test_three_classes(iris: Study) -> None:
    frame, target = load_bundled("iris")
    p = iris.model.predict_proba(frame.drop(columns=target))
    assert list(p.columns) == ["setosa", "versicolor", "virginica"]
    # A softmax over three classes in single precision: a few roundings of 2^-24.
    assert np.abs(p.sum(axis=1) - 1).max() <= 2**-21
    assert (iris.model.predict(frame) == p.idxmax(axis=1)).all()
    assert np.mean(iris.model.predict(frame) == frame[target]) > 0.7


def test_values_are_in_the_target_s_units(regression: Study) -> None:
    frame, target = load_bundled("diabetes")
    found = regression.model.predict(frame)
    assert found.dtype == np.float64
    residual = np.mean((found - frame[target]) ** 2)
    assert residual < np.var(frame[target])
    with pytest.raises(UsageError, match="a task of regression has no probabilities; use predict"):
        regression.model.predict_proba(frame)
    assert list(regression.model.predict_frame(frame).columns) == ["prediction"]
    assert (regression.model.predict_frame(frame)["prediction"] == found).all()


def test_the_table_of_predictions(tabular: Study, mixed: pd.DataFrame) -> None:
    table = tabular.model.predict_frame(mixed)
    assert list(table.columns) == ["prediction", "probability_no", "probability_yes"]
    assert (table["prediction"] == tabular.model.predict(mixed)).all()
    assert (table["probability_yes"] == tabular.model.predict_proba(mixed)["yes"]).all()


def test_the_saved_model_is_the_tested_one(tabular: Study, mixed: pd.DataFrame) -> None:
    from ikura.data import prepare

    rows = prepare(mixed, DataOptions("kept")).split.test
    found = tabular.model.predict(mixed.iloc[rows])
    assert np.mean(found == mixed["kept"].iloc[rows]) == pytest.approx(tabular.test.value, abs=2**-24)
    classes = tabular.predictions["classes"]
    assert [classes[code] for code in tabular.predictions["prediction"]] == found.tolist()
    assert [classes[int(code)] for code in tabular.predictions["target"]] == mixed["kept"].iloc[rows].tolist()


def test_more_rows_than_a_block_are_predicted_row_by_row(tabular: Study, mixed: pd.DataFrame) -> None:
    many = pd.concat([mixed] * 60, ignore_index=True)
    assert len(many) > 8192
    # The size of a block may change the last bits of a product: a few roundings of single precision.
    once = np.tile(tabular.model.predict_proba(mixed)["yes"], 60)
    np.testing.assert_allclose(tabular.model.predict_proba(many)["yes"], once, atol=2**-20, rtol=0)


@pytest.mark.parametrize("rows", [0, 1])
def test_no_row_and_one_row(rows: int, tabular: Study, mixed: pd.DataFrame) -> None:
    assert tabular.model.predict(mixed.iloc[:rows]).shape == (rows,)
    assert tabular.model.predict_proba(mixed.iloc[:rows]).shape == (rows, 2)


def test_columns_may_come_in_any_order_and_in_company(tabular: Study, mixed: pd.DataFrame) -> None:
    expected = tabular.model.predict_proba(mixed)
    turned = mixed[mixed.columns[::-1]].assign(more=1)
    pd.testing.assert_frame_equal(tabular.model.predict_proba(turned), expected, check_exact=True)
    pd.testing.assert_frame_equal(tabular.model.predict_proba(mixed.drop(columns="kept")), expected, check_exact=True)


def test_the_caller_s_frame_is_left_as_it_was(tabular: Study, mixed: pd.DataFrame) -> None:
    before = mixed.copy()
    tabular.model.predict(mixed)
    pd.testing.assert_frame_equal(mixed, before)


def test_unseen_categories_count_as_no_category(tabular: Study, mixed: pd.DataFrame) -> None:
    model = tabular.model
    unseen = model.predict_proba(mixed.assign(colour="purple", town="elsewhere"))
    other = model.predict_proba(mixed.assign(colour="violet", town="nowhere"))
    pd.testing.assert_frame_equal(unseen, other, check_exact=True)
    assert unseen.notna().all(axis=None)


def test_missing_values_are_predicted(tabular: Study, mixed: pd.DataFrame) -> None:
    gone = mixed.assign(size=np.nan, colour=None, town=None, old=None)
    p = tabular.model.predict_proba(gone)
    assert p.notna().all(axis=None)
    assert p["yes"].nunique() == 1
    assert p["yes"][0] != tabular.model.predict_proba(mixed)["yes"][0]


def test_values_missing_where_training_had_none_become_the_mean(iris: Study) -> None:
    frame, _ = load_bundled("iris")
    p = iris.model.predict_proba(frame.assign(petal_width=np.nan))
    assert p.notna().all(axis=None)


def test_a_missing_column_is_named_with_the_nearest(tabular: Study, mixed: pd.DataFrame) -> None:
    for ask in (tabular.model.predict, tabular.model.predict_proba, tabular.model.predict_frame):
        with pytest.raises(DataError) as caught:
            ask(mixed.rename(columns={"colour": "color"}))
        assert "'colour'" in one_line(caught)
        assert "did you mean 'color'?" in one_line(caught)


@pytest.mark.parametrize("value", [np.inf, "tall"])
def test_a_value_that_is_no_number_is_named(value: Any, tabular: Study, mixed: pd.DataFrame) -> None:
    frame = mixed.astype({"size": object})
    frame.loc[4, "size"] = value
    with pytest.raises(DataError) as caught:
        tabular.model.predict(frame)
    assert "'size'" in one_line(caught)
    assert "5" in one_line(caught)


def test_arrays_are_predicted_as_arrays(tune: Tune) -> None:
    x, y = load_iris(return_X_y=True)
    study = tune((x, y), trials=4)
    assert study.model.classes == [0, 1, 2]
    assert set(study.model.predict(x)) <= {0, 1, 2}
    with pytest.raises(DataError) as caught:
        study.model.predict(x[:, :3])
    one_line(caught)


@pytest.mark.parametrize(
    "values",
    swept(
        {"text": ["no", "yes"], "truth": [False, True], "int": [3, 10], "sign": [-1, 1], "float": [0.0, 1.0]},
        core=["text", "sign"],
    ),
)
def test_classes_come_back_as_they_were_given(values: list[Any], tune: Tune) -> None:
    x, y = load_iris(return_X_y=True)
    target = np.array(values)[(y > 0).astype(int)]
    study = tune((x, target), trials=4, epochs=8)
    assert set(study.model.predict(x)) == set(values)
    assert [type(one) for one in ikura.load(study.run).classes] == [type(one) for one in study.model.classes]
    assert np.mean(study.model.predict(x) == target) > 0.9


# Saved and loaded.


@pytest.mark.parametrize("name", ["tabular", "regression", "iris"])
def test_a_model_is_the_same_after_saving_and_loading(name: str, request: Any, tmp_path: Path) -> None:
    study: Study = request.getfixturevalue(name)
    frame = request.getfixturevalue("mixed") if name == "tabular" else load_bundled(study.config["data"]["name"])[0]
    expected = study.model.predict_frame(frame)
    assert study.model.save(tmp_path / "copy") == tmp_path / "copy"
    again = ikura.load(tmp_path / "copy").save(tmp_path / "again")
    for folder in (study.run, study.run / "model", tmp_path / "copy", again):
        pd.testing.assert_frame_equal(ikura.load(folder).predict_frame(frame), expected, check_exact=True)
    for file in ("model.json", "weights.safetensors"):
        assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "copy" / file).read_bytes()


def test_a_model_of_one_s_own_network_takes_its_factory_and_no_other(tune: Tune) -> None:
    def network(hp: Any) -> nn.Module:
        return nn.Sequential(nn.Linear(hp.inputs, hp.width), nn.BatchNorm1d(hp.width), nn.Linear(hp.width, hp.outputs))

    space = {"learning_rate": 0.05, "width": ikura.integer(3, 6)}
    study = tune(network=network, space=space, trials=4)
    frame, _ = load_bundled("iris")
    expected = study.model.predict_frame(frame)
    for model in (ikura.load(study.run), ikura.open_study(study.run).model):
        # The recorded operations, of which one may be fused otherwise: a rounding of single precision.
        pd.testing.assert_frame_equal(model.predict_frame(frame), expected, rtol=1e-5)
    pd.testing.assert_frame_equal(ikura.load(study.run, network).predict_frame(frame), expected, check_exact=True)
    for wrong in (lambda hp: nn.Linear(4, 3), lambda hp: nn.Linear(hp.height, 3), lambda hp: None):
        with pytest.raises(UsageError) as caught:
            ikura.load(study.run, wrong)
        one_line(caught)


def test_loading_leaves_random_numbers_alone(tune: Tune) -> None:
    def network(hp: Any) -> nn.Module:
        return nn.Linear(hp.inputs, hp.outputs)

    study = tune(network=network, trials=4)
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    ikura.load(study.run, network)
    assert torch.equal(torch.rand(1), expected)


def test_a_model_can_go_on_training(iris: Study) -> None:
    model = ikura.load(iris.run)
    assert not model.network.training
    loss = model.network(torch.ones(2, 4)).sum()
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.network.parameters())


def test_no_model_yet(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(RunError, match="no model there") as caught:
            ikura.load(folder)
        assert str(folder) in one_line(caught)


def change(name: str, value: Any) -> Callable[[Path], None]:
    def damage(model: Path) -> None:
        content = json.loads((model / "model.json").read_text())
        if value is None:
            del content[name]
        else:
            content[name] = value
        (model / "model.json").write_text(json.dumps(content))

    return damage


def cut(name: str, size: int) -> Callable[[Path], None]:
    def damage(model: Path) -> None:
        (model / name).write_bytes((model / name).read_bytes()[:size])

    return damage


def other_weights(model: Path) -> None:
    arrays = load_file(model / "weights.safetensors")
    save_file({**arrays, "layers.0.weight": arrays["layers.0.weight"][:1]}, model / "weights.safetensors")


def fewer_weights(model: Path) -> None:
    arrays = load_file(model / "weights.safetensors")
    arrays.popitem()
    save_file(arrays, model / "weights.safetensors")


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "weights cut": cut("weights.safetensors", 300),
    "weights empty": cut("weights.safetensors", 0),
    "weights gone": lambda model: (model / "weights.safetensors").unlink(),
    "weights junk": lambda model: (model / "weights.safetensors").write_bytes(b"junk" * 100),
    "weights of another shape": other_weights,
    "weights missing": fewer_weights,
    "description cut": cut("model.json", 100),
    "description empty": cut("model.json", 0),
    "description binary": lambda model: (model / "model.json").write_bytes(b"\xff\xfe\x00"),
    "description a list": lambda model: (model / "model.json").write_text("[]"),
    "format of the future": change("format", 99),
    "no format": change("format", None),
    "no encoder": change("encoder", None),
    "no network": change("network", None),
    "no classes": change("classes", None),
    "no task": change("task", None),
    "another task": change("task", "ranking"),
    "encoder of text": change("encoder", "x"),
    "encoder of nothing": change("encoder", {}),
    "network of text": change("network", "big"),
    "network of other arguments": change("network", {"colour": "red"}),
    "network too wide": change("network", {"inputs": 4, "outputs": 3, "units": [5, 5]}),
    "network of an unknown activation": change(
        "network", {"inputs": 4, "outputs": 3, "units": [64, 64], "activation": "?"}
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_is_one_line(damage: str, iris: Study, tmp_path: Path) -> None:
    model = shutil.copytree(iris.run / "model", tmp_path / "model")
    DAMAGES[damage](model)
    with pytest.raises(RunError) as caught:
        ikura.load(model)
    assert one_line(caught).startswith(str(model))


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "classes in another order": lambda form: form["classes"].reverse(),
    "another mean": lambda form: form["encoder"]["encodings"][1]["standard"].update(mean=7.5),
    "columns in another order": lambda form: form["encoder"]["encodings"].reverse(),
    "another activation": lambda form: form["network"].update(activation="tanh"),
    "another word for missing": lambda form: form["encoder"]["missing"].append("5.1"),
    "another target": lambda form: form.update(target="other"),
    "no digest of the weights": lambda form: form.pop("weights"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_description_is_refused_also_where_each_field_could_be(
    change: str, iris: Study, tmp_path: Path
) -> None:
    model = shutil.copytree(iris.run / "model", tmp_path / "model")
    form = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps(form))
    ikura.load(model).save(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "model.json").read_text()) == form
    CHANGES[change](form)
    (model / "model.json").write_text(json.dumps(form))
    with pytest.raises(RunError, match=r"model\.json: was changed since ikura wrote it") as caught:
        ikura.load(model)
    one_line(caught)


def test_nothing_that_could_run_code_is_saved_or_read(iris: Study, tabular: Study) -> None:
    """No pickle: neither in the files of a run nor in the source."""
    for run in (iris.run, tabular.run):
        names = {path.suffix for path in run.rglob("*") if path.is_file()}
        assert names <= {
            ".toml",
            ".db",
            ".db-wal",
            ".db-shm",
            ".json",
            ".safetensors",
            ".html",
            ".parquet",
            ".npz",
            ".md",
            "",
        }
    forbidden = {"pickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}
    source = Path(ikura.__file__).parent
    # What travels inside of a Ray cluster, which runs what its own users send anyway; nothing of it is on disk.
    inside_of_ray = source / "engine" / "cluster" / "placed_setup.py"
    for path in sorted({*source.rglob("*.py")} - {inside_of_ray}):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not {alias.name.split(".")[0] for alias in node.names} & forbidden, path
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in forbidden, path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = ast.unparse(node.func)
                if called == "torch.load" and "weights_only=True" in ast.unparse(node):
                    continue
                assert called not in {"torch.load", "torch.save", "pd.read_pickle", "numpy.load"}, path
                if called in {"np.load", "np.save", "np.savez", "np.savez_compressed"}:
                    allowed = {k.arg: ast.unparse(k.value) for k in node.keywords}
                    assert allowed.get("allow_pickle") == "False", f"{path}:{node.lineno} may pickle"
