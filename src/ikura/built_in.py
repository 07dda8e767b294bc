"""What comes with ikura, by name: one line for each search, schedule, check, metric, network and data format.

Nothing is imported before it is asked for, so that the command line can list names at once.
"""

from __future__ import annotations

from typing import Any

from ikura.registry import Registry

__all__ = ["SEARCHES"]

SEARCHES: Registry[Any] = Registry(
    "search",
    "searches",
    {
        "coarse-to-fine": "ikura.search.coarse_to_fine:CoarseToFine",
        "random": "ikura.search.random:RandomSearch",
        "halton": "ikura.search.quasi_random:HaltonSearch",
        "sobol": "ikura.search.quasi_random:SobolSearch",
        "grid": "ikura.search.grid:GridSearch",
        "tpe": "ikura.search.tpe:TPESearch",
        "gp": "ikura.search.gp:GPSearch",
        "cma-es": "ikura.search.cma_es:CMAESSearch",
    },
    "ikura.search._base:as_search",
)
"""What proposes configurations, subclasses of `ikura.search.Proposer`."""
