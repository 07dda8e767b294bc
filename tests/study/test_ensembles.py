"""A study's ensemble: its networks, what it predicts, how it is saved, and when there is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import ikura
from ikura.api.study import Study
from ikura.data.bundled import load_bundled
from ikura.errors import UsageError
from ikura.nn.ensemble import EnsembleNetwork
from ikura.report.ensemble_section import ensemble as ensemble_section
from ikura.report.view import View
from ikura.study.refit import REFIT, refit_setup
from ikura.study.shortlist import kept_weights
from ikura.study.training_setup import setup_again

from ..population.reference import Net, train_by_hand
from .comparing import assert_same
from .unreported import short_report

Tune = Callable[..., Study]
SPACE = {
    "learning_rate": ikura.log(0.01, 0.1),
    "optimizer": "momentum",
    "units": ikura.integer(4, 12),
    "layers": 1,
    "batch_size": 16,
}
OPTIONS: dict[str, Any] = {"trials": 6, "epochs": 12, "finalists": 2, "jobs": 1, "space": SPACE, "dtype": "float64"}


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of values, in double precision, with categories to embed."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a": random.normal(size=150), "b": random.normal(size=150)})
    frame["town"] = random.choice([f"town {k}" for k in range(20)], 150)
    frame["y"] = frame["a"] * frame["b"] + (frame["town"] < "town 3") + 0.3 * random.normal(size=150)
    with short_report():
        return ikura.tune(frame, "y", ensemble=4, out=tmp_path_factory.mktemp("values") / "run", **OPTIONS)


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of classes."""
    with short_report():
        return ikura.tune("wine", ensemble=5, out=tmp_path_factory.mktemp("classes") / "run", **OPTIONS)


def single_networks(study: Study) -> list[torch.nn.Module]:
    """The networks of an ensemble, from the files with their weights."""
    _, setup = setup_again(study.setting, study.run, None)
    whole, rows = refit_setup(setup), study.store.trials()
    found = []
    for one in study.ensemble.members:
        kept = kept_weights(study.run, one.trial, REFIT)
        assert kept is not None
        found.append(whole.trained(rows[one.trial].member, *kept))
    return found


@pytest.mark.parametrize("which", ["values", "classes"])
def test_predictions_are_averages_over_single_networks(which: str, request: pytest.FixtureRequest) -> None:
    study = request.getfixturevalue(which)
    dataset, setup = setup_again(study.setting, study.run, None)
    x, codes = torch.from_numpy(setup.dev.x), torch.from_numpy(setup.dev.codes)
    wanted: Any = 0.0
    for network, share in zip(single_networks(study), study.ensemble.shares, strict=True):
        with torch.no_grad():
            wanted = wanted + share * setup.scorer.predicted(network(x, codes)).astype(np.float64)
    table = load_bundled("wine")[0] if which == "classes" else study.setting.data_again(study.run)[0]
    model, rows = ikura.load(study.run), table.iloc[dataset.split.dev]
    found = model.predict(rows) if which == "values" else model.predict_proba(rows)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
    assert isinstance(model.module, EnsembleNetwork)
    assert len(model.module.members) == len(study.ensemble.members) <= 5


def test_a_refit_is_a_plain_training_on_all_rows(values: Study) -> None:
    """Training and dev rows in one set, the trial's own seed, from the trial's best epoch to half as many more.

    Of these epochs the one is kept that has the lowest loss on the dev rows.
    """
    _, setup = setup_again(values.setting, values.run, None)
    rows = values.store.trials()
    x, codes, y = (
        np.concatenate([getattr(setup.train, name), getattr(setup.dev, name)]) for name in ("x", "codes", "y")
    )
    together = replace(setup, train=replace(setup.train, x=x, codes=codes, y=y))
    kept = []
    for one, network in zip(values.ensemble.members, single_networks(values), strict=True):
        trial = rows[one.trial]
        first, last = trial.best_epoch, min(ceil(1.5 * trial.best_epoch), OPTIONS["epochs"])
        curve = train_by_hand(together, trial.member, Net(trial.member, x.shape[1], 1, setup.cardinalities), last)
        kept.append(first + int(curve[first - 1 :, 1].argmin()))
        net = Net(trial.member, x.shape[1], 1, setup.cardinalities)
        train_by_hand(together, trial.member, net, kept[-1])
        with torch.no_grad():
            mine, wanted = (each(*map(torch.from_numpy, (x, codes))) for each in (network, net))
        # Double precision over at most 12 epochs: other orders of summation differ by 1e-14, and grow a hundredfold.
        torch.testing.assert_close(mine, wanted, rtol=1e-9, atol=1e-9)
    assert len(set(kept)) > 1


def test_what_is_recorded(classes: Study) -> None:
    found, against = classes.ensemble, classes.against_one
    assert found.used
    assert classes.refitted == sorted(one.trial for one in found.members)
    assert set(classes.refitted) <= set(classes.trials.query("purpose == 'finalist'")["number"])
    assert found.candidates == 6
    assert sum(found.shares) == pytest.approx(1)
    told = classes.to_json()["ensemble"]
    assert [one["refitted"] for one in told["members"]] == [True] * len(found.members)
    assert told["one_network"]["value"] == against.value
    assert classes.test.value == pytest.approx(against.value + against.difference)
    assert against.weights[0] > against.weights[1] > 0
    page = str(ensemble_section(View(classes)))
    assert f"averages what {len(found.members)} networks predict" in page
    assert "to predict 1,000 rows" in page
    card = (classes.run / "model" / "README.md").read_text()
    assert f"An ensemble of {len(found.members)} neural networks" in card


def test_one_network_as_ever(tune: Tune) -> None:
    """With none nothing is recorded; all but the ensemble is the same with it."""
    one, many = (tune("iris", ensemble=which) for which in ("none", 3))
    assert one.ensemble is one.against_one is None
    assert not isinstance(one.model.network, EnsembleNetwork)
    assert not list(one.run.glob(f"snapshots/{REFIT}-*"))
    drop = ["seconds"]
    pd.testing.assert_frame_equal(one.trials.drop(columns=drop), many.trials.drop(columns=drop), check_exact=True)
    assert one.best == many.best
    assert one.test.value == many.against_one.value
    form = json.loads((one.run / "model" / "model.json").read_text())
    assert form["format"] == 1
    assert "members" not in form["network"]


def test_weights_that_are_lost_are_trained_again(classes: Study, tmp_path: Path) -> None:
    import shutil
    import sqlite3

    run = shutil.copytree(classes.run, tmp_path / "run")
    files = sorted(run.glob(f"snapshots/{REFIT}-*.safetensors"))
    files[0].unlink()
    files[1].write_bytes(b"damaged")
    with sqlite3.connect(run / "study.db") as connection:
        connection.execute("delete from facts where name in ('done', 'test', 'against_one', 'predictions')")
    assert_same(ikura.resume(run), classes)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"finalists": 0}, "no finalists were asked for"),
        ({"objectives": ["parameters"], "prefer": "parameters"}, "--prefer parameters asks for one network"),
        ({"max_parameters": 10_000}, "--max-parameters bounds the weights of a model"),
        (
            {"network": lambda hp: torch.nn.Linear(hp.inputs, hp.outputs)},
            "ensembles are of the fully connected network",
        ),
    ],
)
def test_when_there_is_none(options: dict[str, Any], why: str, tune: Tune) -> None:
    study = tune("iris", trials=4, epochs=2, ensemble="auto", **options)
    assert not study.ensemble.used
    assert study.ensemble.members == []
    assert why in study.ensemble.note
    assert not isinstance(study.model.network, EnsembleNetwork)


def test_what_cannot_be_averaged_is_refused_where_a_number_is_asked_for(tune: Tune) -> None:
    with pytest.raises(UsageError, match=r"fully connected network on tables and arrays.*leave ensemble=… "):
        tune("iris", ensemble=3, network=lambda hp: torch.nn.Linear(hp.inputs, hp.outputs))
    with pytest.raises(UsageError, match="of networks with the loss gaussian_nll there is no average"):
        tune("diabetes", ensemble=3, loss="gaussian_nll")
    with pytest.raises(UsageError, match="ensemble must be 'auto', 'none' or a number of networks, at least 1"):
        tune("iris", ensemble=0)


@pytest.mark.parametrize("suffix", ["pt2", "onnx"])
def test_an_ensemble_is_exported_as_one_network(suffix: str, classes: Study, tmp_path: Path) -> None:
    if suffix == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    # What is written is compared with the model before it is kept.
    assert classes.model.export(tmp_path / f"wine.{suffix}").stat().st_size > 0


def test_a_study_starts_from_its_first_network(classes: Study, caplog: Any) -> None:
    with caplog.at_level("INFO", "ikura"):
        start = ikura.pretrained(classes.run, "all")
    assert "an ensemble; the study starts from the first of its networks" in caplog.text
    assert sum(p.numel() for p in start.module.parameters()) == sum(
        p.numel() for p in classes.model.module.members[0].parameters()
    )
