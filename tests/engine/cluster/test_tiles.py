"""What becomes of tiles whose workers end, are slow, or come twice."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from ikura.engine.cluster.messages import Attempt
from ikura.engine.cluster.nodes import Event, Nodes, Worker
from ikura.engine.cluster.same_bits import difference_of_bits
from ikura.engine.cluster.tiles import OpenTiles
from ikura.node_facts import NodeFacts
from ikura.population.job import Job, TileProgress
from ikura.population.member import Member
from ikura.population.outcome import Outcome
from ikura.population.setup import TrainingSetup
from ikura.trial_state import State

JOB = Job(7, (Member(3, {}, 0), Member(9, {}, 0)), 4)


def worker(host: str) -> Worker:
    return Worker(host, NodeFacts(host, {}), None, ready=True)


def outcomes(loss: float = 0.5, seconds: float = 1.0) -> list[Outcome]:
    curve = np.full((4, 3), loss)
    return [Outcome(n, 7, i, State.COMPLETE, curve, 1, loss, 0.9, 0.4, 0.9, seconds) for i, n in enumerate((3, 9))]


def tiles() -> OpenTiles:
    return OpenTiles(cast(TrainingSetup, None), stage=2)


def test_results_are_named_by_stage_tile_and_attempt() -> None:
    every = tiles()
    tile = every.add(JOB)
    names = [every.begin(tile, worker(host)) for host in ("h1", "h2")]
    assert names == [Attempt(2, 7, 0), Attempt(2, 7, 1)]


def test_a_tile_whose_worker_ended_waits_for_another_one() -> None:
    every = tiles()
    tile = every.add(JOB)
    first = every.begin(tile, worker("h1"))
    assert every.died(first, "h1", counts=True) is tile
    assert (every.lost, tile.deaths) == ([tile], ["h1"])
    assert every.died(first, "h1", counts=True) is None
    again = every.begin(every.lost.pop(), worker("h2"))
    assert every.ended(again, outcomes()) is tile
    assert not every.open


def test_a_node_that_is_gone_is_not_held_against_a_tile() -> None:
    every = tiles()
    tile = every.add(JOB)
    every.died(every.begin(tile, worker("h1")), "h1", counts=False)
    assert tile.deaths == []


def test_a_tile_that_another_worker_is_at_is_not_lost() -> None:
    every = tiles()
    tile = every.add(JOB)
    first, _second = every.begin(tile, worker("h1")), every.begin(tile, worker("h2"))
    every.died(first, "h1", counts=True)
    assert every.lost == []


def trained_twice(one: NodeFacts, other: NodeFacts, loss: float) -> str:
    """What is said of a tile that one worker trained first, with a loss of 0.5, and another one after it."""
    every = tiles()
    tile = every.add(JOB)
    first, second = (every.begin(tile, Worker(facts.host, facts, None, ready=True)) for facts in (one, other))
    every.ended(first, outcomes())
    assert every.ended(second, outcomes()) is None
    said = every.compared(second, outcomes(loss, seconds=2.0))
    assert not every.superseded
    return said


def test_a_second_training_is_compared_with_the_first() -> None:
    assert trained_twice(NodeFacts("h1", {}), NodeFacts("h2", {}), 0.5) == ""


OTHER = float(np.nextafter(0.5, 1))
DIFFERENT = "with different results (trial 3: curve, dev_loss; trial 9: curve, dev_loss)"


@pytest.mark.parametrize(
    ("other", "where", "why"),
    [
        ({}, "on h1 and on h2", "one of the machines computes wrongly"),
        ({"host": "h1"}, "both times on h1", "one of the machines computes wrongly"),
        ({"processor": "Xeon"}, "on h1 and on h2", "h1 has the processor EPYC, h2 Xeon"),
        ({"features": "avx,fma"}, "on h1 and on h2", "h2's processor alone can do fma"),
        ({"versions": {"numpy": "2.2"}}, "on h1 and on h2", "h1 has numpy 2.1, h2 2.2"),
    ],
)
def test_a_difference_names_both_machines_and_what_they_differ_in(other: dict[str, Any], where: str, why: str) -> None:
    one = NodeFacts("h1", {"numpy": "2.1"}, "EPYC", "avx")
    said = trained_twice(one, replace(one, **{"host": "h2"} | other), OTHER)
    assert said == f"tile 7 was trained twice, {where}, {DIFFERENT}: {why}"


def test_a_difference_is_said_and_noted() -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'ikura[ray]'")
    from ikura.engine.cluster.engine import RayEngine

    every, said, notes = tiles(), list[str](), list[str]()
    engine = RayEngine.__new__(RayEngine)
    engine.nodes, engine.note = cast(Nodes, SimpleNamespace(say=said.append)), notes.append
    tile = every.add(JOB)
    first, second = every.begin(tile, worker("h1")), every.begin(tile, worker("h2"))
    taken = [
        engine._take(Event("tile", worker(host), attempt, (found, TileProgress())), every, lambda told: None)
        for host, attempt, found in (("h1", first, outcomes()), ("h2", second, outcomes(OTHER)))
    ]
    assert [found is None for found in taken] == [False, True]
    assert said == notes
    assert len(said) == 1
    assert said[0].startswith("tile 7 was trained twice, on h1 and on h2, with different results")


def test_only_a_tile_that_takes_long_is_begun_a_second_time() -> None:
    every = tiles()
    tile = every.add(JOB)
    every.begin(tile, worker("h1"))
    assert every.slow(60.0) is None
    assert every.slow(0.0) is tile
    every.begin(tile, worker("h2"))
    assert every.slow(0.0) is None


def test_what_a_time_limit_or_a_hand_cut_short_is_not_compared() -> None:
    [one, other] = outcomes()
    for change in ({"state": State.STOPPED}, {"paused": True}):
        cut: list[Any] = [replace(one, **change, dev_loss=0.1), other]  # type: ignore[arg-type]
        assert difference_of_bits([one, other], cut) == ""
