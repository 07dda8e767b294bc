"""Studies that go round by round: every schedule, the built-in network and one of the caller's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from torch import nn

import ikura
from ikura.api.study import Study
from ikura.engine.serial import SerialEngine
from ikura.population.job import Job
from ikura.search.schedule import SCHEDULES
from ikura.study.record.ledger import Ledger, Segment
from ikura.study.record.store import Store

from .comparing import assert_replays, assert_same, states

Tune = Callable[..., Study]

SPACE = {"learning_rate": ikura.log(1e-3, 1), "batch_size": ikura.choice(16, 32), "l2": ikura.log(1e-6, 1e-2)}
OPTIONS: dict[str, Any] = {"trials": 20, "epochs": 9, "search": "random", "finalists": 1, "space": SPACE}
ROUNDS = [name for name in SCHEDULES if name not in ("none", "early-stopping")]


def noisy(hp: Any) -> nn.Module:
    return nn.Sequential(
        nn.Linear(hp.inputs, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, hp.outputs)
    )


@pytest.fixture(autouse=True)
def _tiles_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikura.api.run.measure_tile_size", lambda *_: 4)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """The jobs of a study with one job."""
    jobs: list[Job] = []
    run = SerialEngine.run

    def watched(self: SerialEngine, given: Any, tell: Any) -> Any:
        jobs.extend(given)
        return run(self, given, tell)

    monkeypatch.setattr(SerialEngine, "run", watched)
    return jobs


@pytest.mark.parametrize(
    ("name", "network"),
    [
        *(pytest.param(name, None, id=f"{name}, built in") for name in SCHEDULES),
        *(
            pytest.param(name, noisy, id=f"{name}, own", marks=() if name == "asha" else pytest.mark.sweep)
            for name in SCHEDULES
        ),
    ],
)
def test_every_schedule(name: str, network: Any, tune: Tune) -> None:
    study = tune(network=network, schedule=name, jobs=1, **OPTIONS)
    assert study.best is not None
    assert study.test is not None
    search = study.trials.query("purpose == 'search'")
    assert set(search["state"]) <= {"complete", "pruned", "diverged"}
    assert (search["parent"].isna()).sum() == 20
    every = study.rounds
    assert sum(one.begun for one in every) == 20
    dropped = [one.number for part in every for one in part.dropped]
    assert sorted(dropped) == search.query("state == 'pruned'")["number"].tolist()
    assert len(every) == 1 if name in ("none", "early-stopping") else len(every) > 1
    assert json.loads(json.dumps(study.to_json()))["rounds"] == [asdict(one) for one in every]
    assert not list((study.run / "snapshots").glob("stage-*"))
    assert_replays(study, *search.groupby(["state", "epochs"])["number"].last()[-5:])
    # However many tiles train at once, the same is decided, to the bit.
    assert_same(tune(network=network, schedule=name, jobs=3, **OPTIONS), study)


@pytest.mark.parametrize("name", ROUNDS)
def test_tiles_are_full_and_hold_only_those_that_train(name: str, tune: Tune, trained: list[Job]) -> None:
    study = tune(network=noisy, schedule=name, jobs=1, **OPTIONS | {"space": {"learning_rate": ikura.log(0.01, 0.1)}})
    assert all(job.places is None for job in trained)
    assert not any(len(job.members) > 4 for job in trained)
    store = Store(study.run / "study.db")
    ledger = Ledger(store)
    for one in ledger.rounds():
        ways: dict[tuple[int, int], list[int]] = {}
        for number, segments in ledger.segments(list(one.until)).items():
            [segment] = [segment for segment in segments if segment.until == one.until[number]]
            ways.setdefault((segment.since, segment.until), []).append(segment.tile)
        # All networks are alike, so only the last tile of those with the same way to go may have free places.
        assert all(len(set(tiles)) == -(-len(tiles) // 4) for tiles in ways.values())
    store.close()


def test_finalists_that_pbt_does_not_train_are_warned_of_where_they_were_asked_for(
    tune: Tune, caplog: pytest.LogCaptureFixture
) -> None:
    for finalists, levels in ((1, ["WARNING"]), (None, ["INFO"]), (0, [])):
        caplog.clear()
        with caplog.at_level("INFO", "ikura"):
            tune(schedule="pbt", **OPTIONS | {"finalists": finalists, "trials": 4, "epochs": 2})
        assert [one.levelname for one in caplog.records if "no finalists" in one.getMessage()] == levels
    with pytest.raises(ikura.UsageError, match="and schedule pbt has no finalists; leave folds"):
        tune(schedule="pbt", **OPTIONS | {"finalists": 1, "folds": 2, "ensemble": "auto"})


def test_pbt_copies_weights_and_records_the_lineage(tune: Tune) -> None:
    said: list[str] = []

    class Listener(ikura.Progress):
        def say(self, line: str) -> None:
            said.append(line)

    study = tune(schedule="pbt", progress=Listener(), **OPTIONS | {"finalists": 2, "trials": 8, "epochs": 10})
    trials = study.trials
    assert set(trials["purpose"]) == {"search"}
    assert any("finalists=2 (--finalists) has no effect with schedule pbt: no finalists" in line for line in said)
    copies = trials[trials["parent"].notna()]
    assert len(copies)
    by_number = trials.set_index("number")
    for number, row in copies.set_index("number").iterrows():
        parent = by_number.loc[row["parent"]]
        born = next(segment.since for segment in segments_of(study, int(str(number))))
        mine, its = study.curve(int(str(number))), study.curve(int(row["parent"]))
        assert mine[:born].equals(its[:born])
        assert not mine[born:].equals(its[born:])
        assert row["batch_size"] in (16, 32)
        assert row["learning_rate"] != parent["learning_rate"]
    assert study.best is not None
    assert study.best.dev == trials.query("state == 'complete'")["dev_score"].max()
    assert_replays(study, study.best.number, int(copies["number"].iloc[-1]))
    assert len(trials) == 8 + len(copies)
    # The population has eight members from the first epoch to the last.
    assert states(study)["complete"] + states(study).get("diverged", 0) >= 8


def segments_of(study: Study, number: int) -> list[Segment]:
    store = Store(study.run / "study.db")
    segments = Ledger(store).segments([number])[number]
    store.close()
    return segments


def test_dev_losses_are_paired_and_forgotten(tune: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    from ikura.search.schedule import Round, StageContext, Standing, SuccessiveHalving

    seen: list[Standing] = []

    class Paired(SuccessiveHalving):
        name = "paired"
        paired = True

        def next(self, standings: Any, plan: StageContext) -> Round | None:
            seen.extend(standings)
            return super().next(standings, plan)

    monkeypatch.setitem(SCHEDULES.registered, "paired", Paired)
    for data in ("iris", "breast_cancer", "diabetes"):
        for network in (None, noisy):
            seen.clear()
            options = {**OPTIONS, "trials": 4, "space": {"learning_rate": ikura.log(1e-3, 0.03)}}
            study = tune(data, network=network, schedule="paired", **options | {"finalists": 0})
            assert seen
            for one in seen:
                for epoch, losses in one.dev_losses.items():
                    assert losses.shape == (study.summary["parts"]["dev"],)
                    # Single precision of the outputs, and of what is recorded, is 6e-8 of each loss.
                    np.testing.assert_allclose(losses.mean(), one.losses[epoch - 1], rtol=1e-5)
                assert one.epochs in one.dev_losses
            store = Store(study.run / "study.db")
            assert not Ledger(store).losses(range(4))
            store.close()


def test_a_schedule_that_decides_nonsense_is_refused_in_one_line(tune: Tune, monkeypatch: pytest.MonkeyPatch) -> None:
    from ikura.search.schedule import NoSchedule, Round

    class Wrong(NoSchedule):
        name = "wrong"

        def next(self, standings: Any, plan: Any) -> Round | None:
            return Round(fresh=(plan.epochs,) * (plan.trials + 1))

    monkeypatch.setitem(SCHEDULES.registered, "wrong", Wrong)
    with pytest.raises(ikura.IkuraError, match="schedule 'wrong': 21 trials are to begin, but only 20 are left"):
        tune(schedule="wrong", **OPTIONS)
