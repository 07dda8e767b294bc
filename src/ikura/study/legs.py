"""The legs of a study: each process that led its training, and the machines that trained."""

from __future__ import annotations

from ikura.engine.workplace import Workplace
from ikura.study.record.facts import DISAGREEMENTS, LEGS, LegFact, NodePart
from ikura.study.record.store import Store

__all__ = ["add_disagreement", "add_leg"]


def add_leg(store: Store, workplace: Workplace) -> None:
    """Record where this process trains."""
    nodes = [
        NodePart(host=one.host, workers=workers, versions=one.versions, processor=one.processor, features=one.features)
        for one, workers in workplace.nodes_at_work()
    ]
    store.set_fact(LEGS, [*(store.fact(LEGS) or []), LegFact(engine=str(workplace.name), nodes=nodes)])


def add_disagreement(store: Store, line: str) -> None:
    """Record that two trainings of one tile differed."""
    store.set_fact(DISAGREEMENTS, [*(store.fact(DISAGREEMENTS) or []), line])
