"""Ensembles of the networks of folds: every row is predicted by networks that were not trained on it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import ikura
from ikura.api.study import Study
from ikura.data.folds import folds
from ikura.errors import UsageError
from ikura.nn.noise import key
from ikura.study.folds import FOLD
from ikura.study.shortlist import kept_weights
from ikura.study.training_setup import setup_again

from .comparing import assert_same
from .dying import KilledError, Life
from .unreported import short_report

Tune = Callable[..., Study]
SPACE = {"learning_rate": ikura.log(0.01, 0.1), "optimizer": "momentum", "units": 8, "layers": 1, "batch_size": 16}
OPTIONS: dict[str, Any] = {
    "trials": 4, "epochs": 6, "finalists": 2, "jobs": 1, "space": SPACE, "ensemble": 50, "folds": 3, "repeats": 2
}  # fmt: skip


def table() -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a": random.normal(size=120), "b": random.normal(size=120), "who": np.arange(120) // 4})
    frame["y"] = np.where(frame["a"] * frame["b"] + 0.5 * random.normal(size=120) > 0, "yes", "no")
    return frame


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, int]:
    """Two configurations on three folds, twice, in groups of four rows; and how many durable steps it took."""
    with short_report(), pytest.MonkeyPatch.context() as patch:
        life = Life(patch)
        study = ikura.tune(table(), "y", group="who", out=tmp_path_factory.mktemp("folded") / "run", **OPTIONS)
        return study, life.done


@pytest.fixture
def folded(whole: tuple[Study, int]) -> Study:
    return whole[0]


def test_each_network_is_trained_on_all_folds_but_its_own(folded: Study) -> None:
    """Out-of-fold scores are those of networks trained alone on the other folds, which share no group with it."""
    dataset, setup = setup_again(folded.setting, folded.run, None)
    trials = folded.store.trials()
    x, codes, y = (
        np.concatenate([getattr(setup.train, name), getattr(setup.dev, name)]) for name in ("x", "codes", "y")
    )
    groups = table()["who"].to_numpy()[np.concatenate([dataset.split.train, dataset.split.dev])]
    found = folded.ensemble
    assert found.folds == 3
    assert len(found.out_of_fold) == 2
    for place, one in enumerate(found.out_of_fold):
        scores = []
        for repeat in range(2):
            of_rows = folds(len(y), 3, classes=y.astype(int), groups=groups, seed=key(0, "folds", repeat))
            right = np.zeros(len(y), bool)
            for fold in range(3):
                held, rest = np.flatnonzero(of_rows == fold), np.flatnonzero(of_rows != fold)
                assert not set(groups[held]) & set(groups[rest])
                alone = replace(
                    setup,
                    train=replace(setup.train, x=x[rest], codes=codes[rest], y=y[rest]),
                    dev=replace(setup.dev, x=x[held], codes=codes[held], y=y[held]),
                )
                member = replace(trials[one.trial].member, seed=key(0, "fold", repeat, fold))
                training = alone.training([member], 30, 6)
                training.run(6)
                weights, buffers = training.tile.best(0)
                kept = kept_weights(folded.run, (place * 2 + repeat) * 3 + fold, FOLD)
                assert kept is not None
                assert np.array_equal(kept[0], weights)
                with torch.no_grad():
                    z = alone.trained(member, weights, buffers)(torch.from_numpy(x[held]), None)[:, 0]
                right[held] = ((z > 0).numpy() == y[held]).tolist()
            scores.append(right.mean())
        assert one.score == pytest.approx(np.mean(scores), abs=1e-12)


def test_the_model_averages_them(folded: Study) -> None:
    model, found = ikura.load(folded.run), folded.ensemble
    assert len(model.module.members) == found.networks == 3 * len(found.members)
    assert folded.refitted == []
    rows = table().drop(columns="y")
    x, codes = (torch.from_numpy(one) for one in model.encoder.transform(rows))
    wanted: Any = 0.0
    with torch.no_grad():
        for network, share in zip(model.module.members, model.module.shares, strict=True):
            wanted = wanted + share * network(x, codes)[:, 0].sigmoid().double().numpy() / sum(model.module.shares)
    np.testing.assert_allclose(model.predict_proba(rows)["yes"], wanted, atol=1e-6)
    assert folded.to_json()["ensemble"]["folds"] == 3


def test_killed_and_resumed_it_is_the_same(whole: tuple[Study, int], tmp_path: Path) -> None:
    """Killed before the last steps: while folds train, and when they have."""
    study, steps = whole
    trained = set()
    for left in (12, 17, 22):
        run = tmp_path / str(left)
        with short_report(), pytest.MonkeyPatch.context() as patch:
            Life(patch, steps - left)
            with pytest.raises(KilledError):
                ikura.tune(table(), "y", group="who", out=run, **OPTIONS)
        assert not (run / "model").exists()
        trained.add(len(list(run.glob(f"snapshots/{FOLD}-[0-9]*"))))
        with short_report():
            assert_same(ikura.resume(run), study)
    assert min(trained) < 12 == max(trained)


def test_what_folds_cannot_be(tune: Tune) -> None:
    frame = table().assign(when=np.arange(120))
    with pytest.raises(UsageError, match="folds ordered by time are not there; leave folds=… "):
        tune(frame, "y", time="when", folds=3, ensemble="auto")
    with pytest.raises(UsageError, match="folds are trained with the finalists' configurations"):
        tune(folds=3, ensemble="auto", finalists=0)
    with pytest.raises(UsageError, match="the networks of folds make an ensemble; leave ensemble='none' or folds out"):
        tune(folds=3, ensemble="none")
    with pytest.raises(UsageError, match="folds must be a whole number of at least 2"):
        tune(folds=1, ensemble="auto")
