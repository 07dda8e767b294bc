"""What a model looks at, against scikit-learn's own measures and made-up data of known answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import partial_dependence, permutation_importance

import ikura
from ikura.cli import main
from ikura.errors import UsageError
from ikura.explain.dev_rows import dev_rows

SPACE = {"learning_rate": 0.03, "units": 32, "layers": 1, "batch_size": 16, "momentum": 0.9}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> ikura.Study:
    random = np.random.default_rng(0)
    a, b, noise = random.normal(size=(3, 600))
    group = random.choice(["red", "blue"], 600)
    frame = pd.DataFrame({"a": a, "b": b, "noise": noise, "group": group})
    frame["price"] = 3 * a + np.where(group == "red", 2.0, -2.0) + 0.3 * b
    out = tmp_path_factory.mktemp("explained") / "run"
    return ikura.tune(frame, "price", space=SPACE, trials=1, epochs=40, finalists=0, out=out)


class Answers(RegressorMixin, BaseEstimator):
    """The model as scikit-learn takes it."""

    def __init__(self, model: Any = None) -> None:
        self.model = model

    def fit(self, x: Any, y: Any) -> Answers:
        self.fitted_ = True
        return self

    def predict(self, x: pd.DataFrame) -> np.ndarray:
        return self.model.predict(x)


def test_columns_are_ranked_by_what_they_are_worth(study: ikura.Study) -> None:
    found = study.explain()
    assert [one.column for one in found.columns[:2]] == ["a", "group"]
    sure = {one.column: one.sure for one in found.columns}
    assert sure["a"]
    assert sure["group"]
    assert not sure["noise"]
    assert (found.importance.low <= found.importance.loss).all()
    assert (found.importance.loss <= found.importance.high).all()


def test_importance_is_that_of_scikit_learn_within_its_spread(study: ikura.Study) -> None:
    rows = dev_rows(study)
    x = rows.frame[["a", "b", "noise", "group"]]
    reference = permutation_importance(Answers(study.model), x, rows.target, n_repeats=30, random_state=0)
    found = study.explain(repeats=30).importance.set_index("column").loss
    # Each is a mean of 30 permutations: their difference stays within 5 of its standard errors.
    error = np.sqrt(2 / 30) * reference.importances_std
    assert (np.abs(found[x.columns].to_numpy() - reference.importances_mean) <= 5 * error + 1e-9).all()


def test_dependence_is_that_of_scikit_learn(study: ikura.Study) -> None:
    [found] = study.explain(["a"]).dependences
    rows = dev_rows(study)
    x = rows.frame[["a", "b", "noise", "group"]]
    reference = partial_dependence(
        Answers(study.model).fit(x, rows.target), x, ["a"], custom_values={"a": np.array(found.values)}, method="brute",
        kind="average", categorical_features=["group"],
    )  # fmt: skip
    np.testing.assert_allclose(found.means[0], reference["average"][0], rtol=1e-6, atol=1e-6)
    assert found.names == ["price"]
    # The slope of a is 3.
    slope = np.polyfit(found.values, found.means[0], 1)[0]
    assert slope == pytest.approx(3, abs=0.4)


def test_levels_are_followed_too(study: ikura.Study) -> None:
    [found] = study.explain(["group"]).dependences
    means = dict(zip(found.values, found.means[0], strict=True))
    assert not found.numeric
    assert means["red"] - means["blue"] == pytest.approx(4, abs=0.8)


def test_on_the_command_line_and_in_the_report(study: ikura.Study, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(study.run), "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["column"] for one in told["columns"][:2]] == ["a", "group"]
    assert "What the model looks at" in (study.run / "explanation.html").read_text()
    assert "What the model looks at" in study.report().read_text()
    assert main(["explain", str(study.run), "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("a ")
    assert any("noise" in line and "no more than chance" in line for line in lines)


def test_classes_and_several_of_them(tmp_path: Path) -> None:
    study = ikura.tune("iris", space=SPACE, trials=1, epochs=30, finalists=0, out=tmp_path / "run")
    found = study.explain()
    assert found.columns[0].column.startswith("petal")
    for one in found.dependences:
        assert np.sum(one.means, 0) == pytest.approx(1, abs=1e-6)


def test_what_cannot_be_explained_is_said(study: ikura.Study, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="no column 'gruop', did you mean 'group'"):
        study.explain(["gruop"])
    assert main(["explain", str(study.run), "--column", "size"]) == 2
    assert main(["explain", str(study.run), "--repeats", "0"]) == 2
    assert "no column 'size'" in capsys.readouterr().err
