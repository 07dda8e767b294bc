"""The legs of a study: each process that led its training, and the machines that trained."""

from __future__ import annotations

from pathlib import Path

from ikura.engine.workplace import Workplace
from ikura.study.record.facts import DISAGREEMENTS, HOMES, LEGS, LegFact, NodePart
from ikura.study.record.home import home_here
from ikura.study.record.store import Store

__all__ = ["add_disagreement", "add_home", "add_leg"]


def add_leg(store: Store, workplace: Workplace) -> None:
    """Record where this process trains."""
    nodes = [
        NodePart(host=one.host, workers=workers, versions=one.versions, processor=one.processor, features=one.features)
        for one, workers in workplace.nodes_at_work()
    ]
    store.set_fact(LEGS, [*(store.fact(LEGS) or []), LegFact(engine=str(workplace.name), nodes=nodes)])


def add_home(store: Store, run: Path) -> None:
    """Record in which run folder this process works, if the last one did in another."""
    homes = store.fact(HOMES) or []
    if homes[-1:] != [home_here(run)]:
        store.set_fact(HOMES, [*homes, home_here(run)])


def add_disagreement(store: Store, line: str) -> None:
    """Record that two trainings of one tile differed."""
    store.set_fact(DISAGREEMENTS, [*(store.fact(DISAGREEMENTS) or []), line])
