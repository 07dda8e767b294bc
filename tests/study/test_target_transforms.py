"""Studies whose trials learn something else in place of the target."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ikura
from ikura import choice
from ikura.api.study import Study
from ikura.errors import SpaceError, UsageError
from ikura.nn.target_layer import TargetLayer
from ikura.nn.target_transform import TRANSFORMS

from ..sweep import swept

Tune = Callable[..., Study]
FIXED: dict[str, Any] = {"units": 6, "layers": 1, "learning_rate": 0.02}


@pytest.fixture(scope="module")
def prices() -> pd.DataFrame:
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 3))
    price = np.exp(8 + x[:, 0] + 0.5 * np.abs(x[:, 1]) + 0.1 * random.normal(size=200))
    return pd.DataFrame(x, columns=["a", "b", "c"]).assign(price=price)


@pytest.mark.parametrize("kind", swept([name for name in TRANSFORMS if name != "none"], core=["log"]))
def test_the_model_predicts_values(tune: Tune, prices: pd.DataFrame, tmp_path: Path, kind: str) -> None:
    study = tune(prices, "price", space={**FIXED, "target_transform": kind}, trials=1, epochs=20, finalists=0)
    form = json.loads((study.run / "model" / "model.json").read_text())["network"]
    assert form["target"]["kind"] == kind
    found = study.model.predict(prices)
    np.testing.assert_array_equal(ikura.load(study.run).predict(prices), found)
    assert prices["price"].min() * 0.99 < found.min() <= found.max() < prices["price"].max() * 1.01
    assert np.corrcoef(np.log(found), np.log(prices["price"]))[0, 1] > 0.7
    # The file is tried beside the model before it is kept.
    assert study.model.export(tmp_path / "model.onnx").is_file()
    assert study.test is not None
    assert study.best is not None


def test_trials_are_compared_by_the_values_themselves(tune: Tune, prices: pd.DataFrame) -> None:
    space = {**FIXED, "target_transform": choice(*TRANSFORMS)}
    study = tune(prices, "price", space=space, trials=4, epochs=8, finalists=0, search="grid", metric="rmse")
    trials = study.trials.set_index("target_transform")
    scale = study.model.description["target_std"]
    for kind in TRANSFORMS:
        # The dev loss is the mean square of the standardised value, and so the square of the score in its own unit.
        loss, score = trials.loc[kind, "dev_loss"], trials.loc[kind, "dev_score"]
        assert score == pytest.approx(scale * np.sqrt(loss), rel=1e-4)


def test_what_has_no_transform_is_refused(tune: Tune, prices: pd.DataFrame) -> None:
    with pytest.raises(SpaceError, match=r"\[target_transform\] has no effect: it needs values to predict"):
        tune("iris", space={"target_transform": "log"})
    below = prices.assign(price=prices["price"] - 5000)
    with pytest.raises(UsageError, match=r"\[target_transform\] target_transform log is for values above 0"):
        tune(below, "price", space={"target_transform": choice("none", "log")})
    with pytest.raises(UsageError, match=r"\[target_transform\] cannot go with the loss poisson"):
        tune(prices, "price", space={"target_transform": "log"}, loss="poisson")


def test_a_network_that_starts_from_one_learns_its_own_target(tune: Tune, prices: pd.DataFrame) -> None:
    x, price = prices[["a", "b", "c"]].to_numpy(), prices["price"].to_numpy()
    space = {**FIXED, "target_transform": "log", "numeric_encoding": "piecewise_linear"}
    old = tune((x, price), space=space, trials=1, epochs=4, finalists=0)
    new = tune(
        (x, price > np.median(price)), network=ikura.pretrained(old.run, "most"), trials=2, epochs=4, finalists=0
    )
    assert not any(isinstance(part, TargetLayer) for part in new.model.module.modules())
    np.testing.assert_array_equal(ikura.load(new.run).predict_proba(x), new.model.predict_proba(x))
