"""Temperature, threshold, costs and other learners reach the model, its files, the page and the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import ikura
from ikura.cli import main
from ikura.errors import UsageError
from ikura.metric import metric
from ikura.metric.calibration import at_temperature, heated
from ikura.report.view import View
from ikura.report.write import render
from ikura.study.calibration import as_answered, calibrate


def patients(rows: int, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3))
    chance = 1 / (1 + np.exp(3 - 2 * x[:, 0]))
    return pd.DataFrame(x, columns=list("abc")).assign(state=np.where(random.random(rows) < chance, "ill", "well"))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> ikura.Study:
    """A network that is far too sure: nothing holds it back, and the last epoch's weights would be kept."""
    space = {"learning_rate": 0.3, "units": 64, "layers": 1, "batch_size": 16, "momentum": 0.9, "activation": "tanh"}
    return ikura.tune(
        patients(800), "state", space=space, trials=1, epochs=60, finalists=0, schedule="none", stop_on="f1",
        metric="f1", metrics=["log_loss"], baselines=True, checks=False,
        out=tmp_path_factory.mktemp("patients") / "run",
    )  # fmt: skip


def test_too_sure_a_network_is_cooled(study: ikura.Study) -> None:
    found = study.calibration
    assert found is not None
    assert found.temperature.value > 1
    assert found.temperature.matters
    assert found.temperature.after < found.temperature.before
    assert "too sure" in found.sentences[0]


def test_the_model_answers_at_that_temperature(study: ikura.Study) -> None:
    rows = patients(50, seed=1)
    x, codes = study.model.encoder.transform(rows)
    with torch.no_grad():
        logits = study.model.module(torch.from_numpy(x), torch.from_numpy(codes)).double().squeeze()
    assert study.calibration is not None
    expected = torch.sigmoid(logits / study.calibration.temperature_used).numpy()
    shares = study.model.predict_proba(rows)[study.model.classes[1]].to_numpy()
    np.testing.assert_allclose(shares, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("size", [10.0, 29.0, 36.0])
@pytest.mark.parametrize("temperature", [0.5, 4.0])
def test_a_temperature_is_that_of_the_logits_however_sure_a_network_is(size: float, temperature: float) -> None:
    logits = torch.tensor([size, -size, 0.3], dtype=torch.float64)
    shares = torch.sigmoid(logits).numpy()
    # 1 - p has an absolute rounding of 1e-16.
    tolerance = 1e-16 / np.exp(-size) / temperature
    expected = torch.sigmoid(logits / temperature).numpy()
    np.testing.assert_allclose(at_temperature(shares, temperature), expected, rtol=max(tolerance, 1e-12))
    np.testing.assert_allclose(heated(torch.from_numpy(shares), temperature), expected, rtol=max(tolerance, 1e-12))
    three = torch.tensor([[size, -size, 0.3], [-8 * size, 8 * size, 5.0]], dtype=torch.float64)
    expected = torch.softmax(three / temperature, 1).numpy()
    shares = torch.softmax(three, 1).numpy()
    np.testing.assert_allclose(at_temperature(shares, temperature), expected, rtol=1e-11)
    np.testing.assert_allclose(heated(torch.from_numpy(shares), temperature), expected, rtol=1e-11)


def test_the_test_set_is_measured_with_it(study: ikura.Study) -> None:
    dataset = study.setting.prepare(study.run)
    rows = patients(800).iloc[dataset.split.test]
    shares = study.model.predict_proba(rows).to_numpy()
    truth = (rows.state == study.model.classes[1]).to_numpy().astype(int)
    log_loss = -np.log(shares[np.arange(len(truth)), truth]).mean()
    [measured] = study.measures.query("metric == 'log_loss'").test
    assert measured == pytest.approx(log_loss, rel=1e-4)
    told = torch.from_numpy((study.model.predict(rows) == study.model.classes[1]).astype(float))
    assert study.test.value == pytest.approx(float(metric("f1", "binary")(told, torch.from_numpy(truth).double())))


def test_an_exported_file_has_it(study: ikura.Study, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    # Writing tries the file beside the model, to 1e-5.
    assert study.model.export(tmp_path / "m.onnx").exists()


def test_costs_change_the_answer(study: ikura.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = patients(200, seed=2)
    careful = study.model.predict(rows, costs={("ill", "well"): 30})
    shares = study.model.predict_proba(rows)["ill"].to_numpy()
    np.testing.assert_array_equal(careful == "ill", shares > 1 / 31)
    rows.to_csv(tmp_path / "new.csv", index=False)
    told = tmp_path / "told.csv"
    given = ["predict", str(study.run), str(tmp_path / "new.csv"), "-o", str(told), "--quiet"]
    assert main([*given, "--cost", "ill:well=30"]) == 0
    assert pd.read_csv(told).prediction.tolist() == careful.tolist()
    assert main([*given, "--cost", "ill:wel=30"]) == 2
    assert "there is no class 'wel', did you mean 'well'" in capsys.readouterr().err
    assert main([*given, "--cost", "ill=30"]) == 2


def test_the_page_and_the_summary_say_it(study: ikura.Study, capsys: pytest.CaptureFixture[str]) -> None:
    page = render(View(study))
    for words in ("gradient boosting", "a linear model", "taken at their word", "too sure"):
        assert words in page
    assert study.reliability is not None
    assert sum(one.rows for one in study.reliability.bins) == study.summary["parts"]["test"]
    told = study.to_json()
    assert json.dumps(told["baselines"])
    assert told["calibration"]["temperature"]["value"] > 1


def test_none_leaves_the_network_as_it_is(tmp_path: Path) -> None:
    given = {"trials": 1, "epochs": 2, "finalists": 0, "checks": False}
    study = ikura.tune(patients(100), "state", calibration="none", baselines=False, out=tmp_path / "run", **given)
    assert study.calibration is None
    assert study.baselines == []
    assert "temperature" not in study.model.description
    with pytest.raises(UsageError, match="calibration must be 'auto' or 'none', but is 'no'"):
        ikura.tune(patients(100), "state", calibration="no", out=tmp_path / "other", **given)


def test_a_threshold_counts_for_metrics_of_answers_only() -> None:
    random = np.random.default_rng(0)
    shares = 1 / (1 + np.exp(3.5 - 1.5 * random.normal(size=4000)))
    truth = (random.random(4000) < shares).astype(float)
    f1 = metric("f1", "binary")
    found = calibrate("binary", f1, shares, truth, 0)
    assert found is not None
    assert found.threshold_used is not None
    given = shares
    assert float(f1(as_answered(found, f1, given), truth)) > float(f1(given, truth))
    assert as_answered(found, metric("roc_auc", "binary"), given) is given
    assert calibrate("regression", metric("r2", "regression"), given, truth, 0) is None


def test_temperature_is_of_the_softmax() -> None:
    logits = np.random.default_rng(0).normal(size=(2000, 3)) * 3
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    true = at_temperature(shares, 3.0)
    target = (true.cumsum(1) > np.random.default_rng(1).random((2000, 1))).argmax(1)
    found = calibrate("multiclass", metric("accuracy", "multiclass"), shares, target, 0)
    assert found is not None
    assert found.temperature.low <= 3.0 <= found.temperature.high
    assert found.threshold is None
