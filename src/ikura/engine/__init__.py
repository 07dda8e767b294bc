"""Where populations run."""

from __future__ import annotations

import multiprocessing

from ikura.engine._base import Engine
from ikura.population.workshop import Workshop

__all__ = ["Engine", "engine_for"]


def engine_for(workshop: Workshop, jobs: int) -> Engine:
    """Choose the engine: threads for the compiled kernel, forked processes for stacked networks on the CPU.

    Args:
        workshop: what will be trained.
        jobs: how many tiles may train at once.

    Returns:
        An engine, to be closed after use.
    """
    if workshop.compiled:
        from ikura.engine.threads import ThreadEngine

        return ThreadEngine(workshop, jobs)
    if workshop.device == "cpu" and jobs > 1 and "fork" in multiprocessing.get_all_start_methods():
        from ikura.engine.processes import ProcessEngine

        return ProcessEngine(workshop, jobs)
    from ikura.engine.serial import SerialEngine

    return SerialEngine(workshop)
