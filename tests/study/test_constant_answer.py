"""The best constant answer is that of scikit-learn's dummies, and told where the model is no better."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, log_loss, mean_pinball_loss

import ikura
from ikura.cli import main
from ikura.cli.result_summary import summary
from ikura.metric import metric
from ikura.report.calibration_section import others
from ikura.report.view import View
from ikura.study.constant_answer import constant_answer

RANDOM = np.random.default_rng(0)
KNOWN, ASKED = (np.random.default_rng(seed).choice(2, 500, p=[0.97, 0.03]) for seed in (0, 1))
PRICES, NEW_PRICES = (np.exp(np.random.default_rng(seed).normal(size=300)) for seed in (0, 1))
NOTHING = np.zeros((300, 1))


def named(name: str, known: np.ndarray, asked: np.ndarray, task: str = "binary") -> tuple[str, float]:
    classes = None if task == "regression" else ["no", "yes"] if task == "binary" else ["a", "b", "c"]
    ours = np.zeros((len(asked), 3)) if task == "multiclass" else np.zeros(len(asked))
    found = constant_answer(task, metric(name, task), known, asked, ours, classes, 0)
    assert found is not None
    assert found.constant
    assert found.rows == len(known)
    return found.name, found.value


def test_of_two_classes() -> None:
    rate = np.full(len(ASKED), KNOWN.mean())
    ones = np.ones(len(ASKED))
    for name, answer, expected in (
        ("accuracy", "always 'no'", 1 - ASKED.mean()),
        ("balanced_accuracy", "always 'no'", 0.5),
        ("mcc", "always 'no'", 0.0),
        ("f1", "always 'yes'", f1_score(ASKED, ones)),
        ("average_precision", "always 'no'", average_precision_score(ASKED, rate)),
        ("log_loss", "always the base rate", log_loss(ASKED, rate)),
        ("brier", "always the base rate", brier_score_loss(ASKED, rate)),
    ):
        assert named(name, KNOWN, ASKED) == (answer, pytest.approx(expected, abs=1e-12)), name


def test_of_several_classes() -> None:
    known, asked = RANDOM.choice(3, (2, 400), p=[0.2, 0.7, 0.1])
    dummy = DummyClassifier(strategy="prior").fit(np.zeros((400, 1)), known)
    assert named("accuracy", known, asked, "multiclass") == ("always 'b'", pytest.approx((asked == 1).mean()))
    expected = log_loss(asked, dummy.predict_proba(np.zeros((400, 1))))
    assert named("log_loss", known, asked, "multiclass") == ("always the base rates", pytest.approx(expected))


def test_of_values() -> None:
    def dummy(strategy: str, **given: float) -> np.ndarray:
        predicted: np.ndarray = DummyRegressor(strategy=strategy, **given).fit(NOTHING, PRICES).predict(NOTHING)
        return predicted

    assert named("mae", PRICES, NEW_PRICES, "regression") == (
        "always the median",
        pytest.approx(np.abs(NEW_PRICES - dummy("median")).mean()),
    )
    assert named("r2", PRICES, NEW_PRICES, "regression") == (
        "always the mean",
        pytest.approx(DummyRegressor().fit(NOTHING, PRICES).score(NOTHING, NEW_PRICES)),
    )
    expected = mean_pinball_loss(NEW_PRICES, dummy("quantile", quantile=0.9), alpha=0.9)
    assert named("quantile:0.9", PRICES, NEW_PRICES, "regression") == (
        "always the 0.9 quantile",
        pytest.approx(expected),
    )


def test_a_metric_of_the_callers_own_has_none() -> None:
    study_of_one = metric("accuracy", "binary")
    own = type(study_of_one)("mine", True, study_of_one.tasks, study_of_one.function, made_by=len)
    assert constant_answer("binary", own, KNOWN, ASKED, ASKED.astype(float), ["no", "yes"], 0) is None


GIVEN = {"trials": 2, "epochs": 4, "finalists": 0, "ensemble": "none", "checks": False}


def test_a_study_that_learns_nothing_of_a_rare_class_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the model is as good as always naming the common class, summary and prescription say it."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(2)
    table = pd.DataFrame(random.normal(size=(1500, 3)), columns=list("abc"))
    table["state"] = np.where(random.random(1500) < 0.02, "ill", "well")
    table.to_csv("patients.csv", index=False)
    words = ["tune", "patients.csv", "--target", "state", "--trials", "2", "--epochs", "4", "--finalists", "0"]
    words += ["--ensemble", "none", "--no-checks", "--out", "run"]
    assert main(words) == 0
    told, said = capsys.readouterr()
    always = f"{(table.state == 'well').mean() * 100:.3g} % of the rows"
    assert f"always naming 'well' is right in {always}" in said
    assert "always 'well'" in told
    assert "other metric" in told
    study = ikura.open_study("run")
    first = study.prescriptions[0]
    assert first.name == "other-metric"
    assert "stop" not in [one.name for one in study.prescriptions]
    assert "--metric average_precision" in first.command
    assert not any("--worth" in one.command for one in study.prescriptions), "nobody set another border"
    assert study.diagnosis.worth == pytest.approx(study.diagnosis.constant / 5)
    assert "--prior" not in first.command, "what the trials were scored by is another metric"
    assert main([*first.command.split()[1:], "--no-checks", "--quiet", "--out", "again"]) == 0
    again = ikura.open_study("again")
    assert again.metric.name == "average_precision"
    assert "other-metric" not in [one.name for one in again.prescriptions]
    assert "always the most common answer" not in again.diagnosis.sentence


def test_a_model_that_is_better_leaves_the_constant_to_the_report(tmp_path: Path) -> None:
    study = ikura.tune("digits", out=tmp_path / "run", **GIVEN)
    [constant] = study.baselines
    assert constant.name.startswith("always ")
    assert constant.worse
    assert constant.name not in summary(study)
    assert constant.name in str(others(View(study)))
