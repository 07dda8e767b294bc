"""Where populations run."""

from __future__ import annotations

from collections.abc import Callable

from ikura.engine._base import Engine
from ikura.engine.forking import worker_count
from ikura.population.setup import TrainingSetup

__all__ = ["Engine", "engine_for", "worker_count"]


def engine_for(setup: TrainingSetup, jobs: int, say: Callable[[str], None] = lambda line: None) -> Engine:
    """Choose the engine: threads for what is compiled, forked processes for stacked networks on the CPU.

    Args:
        setup: what will be trained.
        jobs: how many tiles may train at once; no more do than there are cores.
        say: told where fewer workers than `jobs` are to be had.

    Returns:
        An engine, to be closed after use.
    """
    if setup.threaded:
        from ikura.engine.threads import ThreadEngine

        return ThreadEngine(setup, worker_count(jobs, say))
    if setup.device == "cpu" and jobs > 1:
        from ikura.engine.processes import ProcessEngine

        return ProcessEngine(setup, worker_count(jobs, say), say)
    from ikura.engine.serial import SerialEngine

    return SerialEngine(setup)
