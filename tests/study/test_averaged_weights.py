"""Studies whose trials average their weights: search, steering, what is saved, predicted with and exported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import Tensor, nn

import ikura
from ikura.api.study import Study
from ikura.errors import UsageError
from ikura.study.training_setup import setup_again

from .comparing import assert_replays

Tune = Callable[..., Study]
DECAYS = ikura.choice(0.0, 0.5, 0.9, 0.99)
SPACE: dict[str, Any] = {
    "learning_rate": ikura.log(1e-3, 0.1), "optimizer": ikura.choice("adam", "momentum"), "units": 8,
    "ema_decay": DECAYS, "batch_size": 16,
}  # fmt: skip
OPTIONS: dict[str, Any] = {"trials": 8, "epochs": 5, "search": "random", "schedule": "none", "finalists": 2}


def own(hp: Any) -> nn.Module:
    return nn.Sequential(
        nn.Linear(hp.inputs, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.2), nn.Linear(6, hp.outputs)
    )


def step(module: nn.Module, batch: Any, hp: Any) -> Tensor:
    return nn.functional.cross_entropy(module(batch.x), batch.y.long())


WAYS: dict[str, dict[str, Any]] = {
    "compiled": {}, "program": {"network": own}, "in turn": {"network": own, "training_step": step}
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_it_is_searched_replayed_and_what_is_saved(tune: Tune, tmp_path: Path, way: str) -> None:
    space = {name: one for name, one in SPACE.items() if name != "units" or way == "compiled"}
    study = tune("iris", space=space, **OPTIONS | WAYS[way])
    assert set(study.trials["ema_decay"]) > {0.0}
    assert_replays(study, *range(0, 8, 2))
    x = np.random.default_rng(0).normal(size=(9, 4)) + 4
    again = ikura.load(study.run, **({"network": own} if way != "compiled" else {}))
    np.testing.assert_array_equal(again.predict_proba(x), study.model.predict_proba(x))
    # The file is tried beside the model before it is kept.
    assert study.model.export(tmp_path / "model.onnx").is_file()


def test_the_saved_network_is_the_average_and_not_what_trained(tune: Tune) -> None:
    space = {"learning_rate": 0.05, "optimizer": "sgd", "units": 8, "ema_decay": 0.98}
    study = tune("iris", space=space, trials=1, epochs=9, finalists=0, ensemble="none", calibration="none")
    row = study.trials.iloc[0]
    _, setup = setup_again(study.setting, study.run, None)
    training = setup.training([study.records()[0].member])
    training.run(int(row["best_epoch"]))
    saved = nn.utils.parameters_to_vector(study.model.network.parameters()).detach().numpy()
    np.testing.assert_array_equal(saved, training.tile.extract(0)["average"])
    assert not np.allclose(saved, training.tile.flat(0), rtol=1e-3)


def test_set_on_the_way_it_is_replayed(tmp_path: Path) -> None:
    run = ikura.train("iris", hyperparameters={"learning_rate": 0.05, "units": 8}, epochs=12, out=tmp_path / "run")
    run.set(at=3, ema_decay=0.9)
    run.set(at=6, ema_decay=0.5)
    run.set(at=9, ema_decay=0)
    with pytest.raises(UsageError, match="ema_decay must be a number of at least 0 and below 1, but is 1"):
        run.set(at=10, ema_decay=1)
    run.start()
    study = run.wait()
    plain = ikura.train("iris", hyperparameters={"learning_rate": 0.05, "units": 8}, epochs=12, out=tmp_path / "plain")
    plain.start()
    other = plain.wait()
    mine, its = study.curve(0), other.curve(0)
    changed = (mine["dev_loss"] != its["dev_loss"]).tolist()
    assert changed == [False] * 3 + [True] * 6 + [False] * 3
    np.testing.assert_array_equal(mine["train_loss"], its["train_loss"])
    pd.testing.assert_frame_equal(study.replay(0), mine)
