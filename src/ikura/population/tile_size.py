"""How many stacked members train together: chosen by a rule, or by a quick measurement."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.population.structure import structure
from ikura.population.torch_settings import default_torch_settings
from ikura.process_state import one_thread_each

__all__ = ["COMPILED_TILE", "measure_tile_size"]

COMPILED_TILE = 64
"""In the compiled kernel members share nothing that grows with their number; any size keeps workers busy."""

AT_ONCE = 32
"""Members of a tile at most whose networks run at once on the CPU."""

CANDIDATES = (1, 2, 4, 8, 16, 32, 64, 128)
SECONDS = 3.0


def measure_tile_size(
    setup: TrainingSetup, members: Sequence[Member], say: Callable[[str], None] = lambda line: None, jobs: int = 1
) -> int:
    """Find the number of members at which one member's training step is cheapest.

    On the CPU a rule tells it for networks of the caller's: where they run at once (`TrainingSetup.runs_in_turn`) as
    many as there are for each job, 32 at most; where they run in turn, and share nothing, so few that all jobs end
    together. Elsewhere it is measured on this machine: tiles of the first member's copies train two mini-batches each,
    larger and larger, until a tile is a quarter slower per member than the best one, three seconds have passed, or
    there are no more members.

    Args:
        setup: what will be trained.
        members: the first trials.
        say: told how the networks run.
        jobs: tiles that train at once.

    Returns:
        Members to a tile.
    """
    first = members[0]
    few = replace(setup, train=setup.train.head(2 * int(first.values.batch_size)))
    with one_thread_each(), default_torch_settings():
        if setup.network is not None and setup.device == "cpu":
            for line in getattr(setup.tile([first]), "notes", ()):
                say(line)
            if setup.runs_in_turn(first, AT_ONCE):
                return max(1, min(AT_ONCE, len(members) // (4 * jobs)))
            return max(1, min(AT_ONCE, -(-len(members) // jobs)))
        return _cheapest(few, members, time.perf_counter(), say)


def _cheapest(few: TrainingSetup, members: Sequence[Member], started: float, say: Callable[[str], None]) -> int:
    best_size, best_cost = 1, float("inf")
    alike = few.network is None or structure(few.module(members[0])) == structure(few.module(members[0]))
    # Networks that a factory makes of another structure each time, such as of a class within it, are never stacked.
    for size in CANDIDATES if alike else CANDIDATES[:1]:
        tile = few.tile([members[0]] * size)
        tile.train_epoch(few.train, 0)
        if size == 1:
            for line in getattr(tile, "notes", ()):
                say(line)
        begun = time.perf_counter()
        tile.train_epoch(few.train, 0)
        cost = (time.perf_counter() - begun) / size
        if cost < best_cost:
            best_size, best_cost = size, cost
        if cost > 1.25 * best_cost or time.perf_counter() - started > SECONDS or size >= len(members):
            break
    return best_size
