"""What becomes of tiles whose workers end, are slow, or come twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np

from ikura.engine.cluster.messages import Attempt
from ikura.engine.cluster.nodes import Worker
from ikura.engine.cluster.same_bits import difference_of_bits
from ikura.engine.cluster.tiles import OpenTiles
from ikura.node_facts import NodeFacts
from ikura.population.job import Job, Outcome
from ikura.population.member import Member
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


def test_a_second_training_is_compared_with_the_first() -> None:
    every = tiles()
    tile = every.add(JOB)
    first, second = every.begin(tile, worker("h1")), every.begin(tile, worker("h2"))
    every.ended(first, outcomes())
    assert every.ended(second, outcomes()) is None
    assert every.compared(second, outcomes(seconds=2.0)) == ""
    every.superseded[second] = worker("h2"), outcomes()
    assert (
        every.compared(second, outcomes(np.nextafter(0.5, 1))) == "trial 3: curve, dev_loss; trial 9: curve, dev_loss"
    )


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
