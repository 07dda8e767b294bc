"""`ikura.scale` as a whole: the same as networks trained alone, resumable, and without the test set."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

import ikura
from ikura.api.study import Study
from ikura.data import Dataset
from ikura.errors import RunError, UsageError
from ikura.large_batch.scale_result import Scaling
from ikura.large_batch.winner import first_norm, normalisation_of
from ikura.nn.noise import key
from ikura.population.member import Member
from ikura.study.record.setting import Setting
from ikura.study.training_setup import make_setup

TIMES = ["seconds_per_epoch", "seconds_to_score"]


def digests(run: Path) -> dict[str, str]:
    """Content of every file of a run that is not scaling's, nor the database's own notes on who reads it."""
    files = [path for path in sorted(run.rglob("*")) if path.is_file() and "scale" not in path.parts]
    files = [path for path in files if path.name not in (".lock", "study.db-shm") and path.stat().st_size]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_columns_are_the_papers(scaling: Scaling) -> None:
    names = ["small batch", "large batch", "+ learning rate", "+ ghost normalisation", "+ clipping"]
    assert list(scaling.table["name"]) == [*names, "+ regime adaptation"]
    assert list(scaling.table["batch_size"]) == [8, *[32] * 5]
    assert list(scaling.table["epochs"]) == [6] * 5 + [24]
    # 90 training examples: 12 updates an epoch of 8, and 3 of 32.
    assert list(scaling.table["updates"]) == [72, *[18] * 4, 72]


def test_each_network_is_the_one_that_trains_alone(study: Study, scaling: Scaling) -> None:
    setup = make_setup(study.setting, study.setting.prepare(study.run), None)
    assert study.best is not None
    every: dict[str, Any] = dict(study.best.hyperparameters)
    for row in scaling.rows:
        every |= {name: value for name, value in row.changes.items() if name != "epochs"}
        for replicate in range(3):
            training = setup.training([Member(0, every, key(study.setting.seed, "large batch", replicate))], 5)
            if row.epochs > 6:
                training = replace(training, patience=20, tile=setup.tile(training.tile.members))
            training.run(row.epochs)
            np.testing.assert_array_equal(training.curve(0), scaling.curves[row.name][replicate])


def test_the_scores_are_those_of_the_kept_weights(scaling: Scaling) -> None:
    for row in scaling.rows:
        curves = [np.array(one) for one in scaling.curves[row.name]]
        scores = [one[one[:, 1].argmin(), 2] for one in curves]
        assert row.dev == pytest.approx(np.mean(scores), abs=1e-15)
        assert row.difference == pytest.approx(row.dev - scaling.rows[0].dev, abs=1e-15)


def test_the_model_is_the_chosen_columns_best(study: Study, scaling: Scaling) -> None:
    scores = [max(one, key=lambda epoch: -epoch[1])[2] for one in map(list, scaling.curves[scaling.chosen])]
    dataset = study.setting.prepare(study.run)
    frame = load_iris(as_frame=True).data.set_axis([c.name for c in dataset.summary.columns], axis=1)
    rows = dataset.split.dev
    target = np.array(dataset.task.classes)[dataset.dev.y]
    for model in (scaling.model, ikura.load(scaling.folder), ikura.load(scaling.folder / "model")):
        assert (model.predict(frame.iloc[rows]) == target).mean() == pytest.approx(max(scores))
    assert scaling.model.description["hyperparameters"]["batch_size"] == 32


def test_what_is_written_says_the_same(scaling: Scaling) -> None:
    found = json.loads((scaling.folder / "scale.json").read_text())
    assert found["chosen"] == scaling.chosen
    assert [row["name"] for row in found["table"]] == list(scaling.table["name"])
    page = scaling.report.read_text()
    assert f"ikura scale {scaling.run} --batch-size 32 --rule sqrt --regime same-updates --seeds 3<" in page
    assert f"ikura predict {scaling.folder} new." in page
    assert "Batches of 32 instead of 8" in page
    for row in scaling.rows[1:]:
        assert f"{row.difference:+.4f}".replace("-", "−") in page
    assert scaling.sentences[0] in page.replace("&#x27;", "'")


def test_the_run_is_left_as_it_was(again: Path) -> None:
    before = digests(again)
    ikura.scale(again, 16, seeds=2, jobs=1)
    assert digests(again) == before


def test_the_test_set_has_no_part_in_it(study: Study, again: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ikura.scale(study, 16, rule="sqrt", seeds=2, jobs=1).table
    real = Setting.prepare

    def poisoned(self: Setting, run: Path) -> Dataset:
        dataset = real(self, run)
        part = replace(dataset.test, x=np.full_like(dataset.test.x, np.nan), y=dataset.test.y[::-1].copy())
        return replace(dataset, test=part)

    monkeypatch.setattr(Setting, "prepare", poisoned)
    found = ikura.scale(again, 16, rule="sqrt", seeds=2, jobs=1).table
    assert found.drop(columns=TIMES).equals(wanted.drop(columns=TIMES))


def finished(run: Path) -> dict[str, int]:
    """When each network that is trained was written."""
    every = (run / "scale" / "trained").glob("*")
    return {path.name: path.stat().st_mtime_ns for path in every if not path.name.startswith("tile-")}


class Stop(ikura.Progress):
    """Interrupts at the second of several tiles."""

    def __init__(self) -> None:
        self.calls = 0

    def update(self, done: int, trials: int, best: float | None) -> None:
        self.calls += trials > 0
        if self.calls == 1:
            raise KeyboardInterrupt


def test_what_was_stopped_goes_on(scaling: Scaling, again: Path) -> None:
    options: dict[str, Any] = {"rule": "sqrt", "regime": "same-updates", "seeds": 3, "jobs": 1}
    with pytest.raises(KeyboardInterrupt):
        ikura.scale(again, 32, **options, progress=Stop())
    trained = finished(again)
    assert trained
    assert not list(again.glob("scale/batch-*"))
    found = ikura.scale(again, 32, **options)
    assert found.table.drop(columns=TIMES).equals(scaling.table.drop(columns=TIMES))
    left = finished(again)
    assert trained.items() <= left.items()
    assert len(left) == 18


def test_a_damaged_file_is_trained_again(scaling: Scaling, again: Path) -> None:
    first = ikura.scale(again, 32, rule="sqrt", regime="same-epochs", seeds=2, jobs=1)
    path = next((again / "scale" / "trained").glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:50])
    found = ikura.scale(again, 32, rule="sqrt", regime="same-epochs", seeds=2, jobs=1)
    assert found.table.drop(columns=TIMES).equals(first.table.drop(columns=TIMES))


def test_auto_finds_the_largest_that_holds(study: Study) -> None:
    found = ikura.scale(study, rule="sqrt", seeds=2, jobs=1, within=0.2)
    assert found.sizes is not None
    tried = found.sizes.tried
    assert [one.batch_size for one in tried] == [8 * 2**n for n in range(len(tried))]
    good = [one for one in tried[1:] if one.row.holds]
    assert found.sizes.largest == found.batch_size == max(one.batch_size for one in good)
    assert found.sizes.possible == max(one.batch_size for one in tried[1:] if not one.row.loses)
    fastest = min([tried[0], *good], key=lambda one: one.row.seconds_to_score)
    assert found.sizes.soonest == fastest.batch_size
    lost = [one.row.loses for one in tried[1:]]
    assert tried[-1].batch_size == 64 or lost[-2:] == [True, True]


def test_both_rules_are_tried_where_nothing_decides_between_them(again: Path) -> None:
    found = ikura.scale(again, 64, seeds=2, jobs=1)
    assert found.rule in ("sqrt", "linear")
    changes = next(row.changes for row in found.rows if row.name == "+ learning rate")
    effective = changes["learning_rate"] / (1 - changes["momentum"])
    assert effective == pytest.approx(0.02 / (1 - 0.9) * {"sqrt": math.sqrt(8), "linear": 8}[found.rule])
    trained = len(list((again / "scale" / "trained").glob("*")))
    # Two networks of each of the columns of the table, and of the last one of the other rule.
    assert trained == 2 * (len(found.rows) + 1)


def test_the_first_gradients_norm(study: Study) -> None:
    import torch

    setup = make_setup(study.setting, study.setting.prepare(study.run), None)
    assert study.best is not None
    member = Member(0, {**study.best.hyperparameters, "batch_size": 90}, 3)
    module = setup.module(member).float().train()
    assert normalisation_of(module) == "batch"
    examples = setup.train.ordered(3, 0)
    cost = torch.nn.functional.cross_entropy(module(torch.from_numpy(examples.x)), torch.from_numpy(examples.y).long())
    cost.backward()
    norm = math.sqrt(sum(float((p.grad**2).sum()) for p in module.parameters() if p.grad is not None))
    # One batch of float32: sums of some hundred squares.
    assert first_norm(setup, member) == pytest.approx(norm, rel=1e-5)


@pytest.mark.parametrize(
    ("batch", "options", "message"),
    [
        (8, {}, "must be larger than the run's, which is 8, but is 8"),
        (91, {}, "at most 90, the number of training examples, but is 91"),
        (2.5, {}, "batch_size must be a whole number"),
        (32, {"seeds": 1}, "seeds must be a whole number of at least 2"),
        (32, {"rule": "cubic"}, "unknown rule 'cubic'"),
        (32, {"regime": "longer"}, "unknown regime 'longer'"),
        (32, {"regime": 0.5}, "factor of at least 1"),
        (32, {"within": -1}, "within must be at least 0"),
        (32, {"ghost": 33}, "at most the mini-batch's 32"),
    ],
)
def test_what_cannot_be_scaled_is_refused(study: Study, batch: Any, options: dict[str, Any], message: str) -> None:
    before = digests(study.run)
    with pytest.raises(UsageError, match=message):
        ikura.scale(study, batch, **options)
    assert digests(study.run) == before


def test_a_run_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a run folder"):
        ikura.scale(tmp_path, 32)
