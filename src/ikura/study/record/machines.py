"""The machines that trained a study, so far as bits depend on them."""

from __future__ import annotations

from ikura.node_facts import machine_facts
from ikura.study.record.facts import LEGS
from ikura.study.record.store import Store

__all__ = ["different_processors", "others_processors"]


def others_processors(store: Store) -> str:
    """Say on which machines a study was trained that compute otherwise than this one; nothing where none does."""
    here = machine_facts().computes_as
    others = {f"{host} ({kind[0]})" for kind, hosts in _hosts_by_kind(store).items() if kind != here for host in hosts}
    return f"trained on {', '.join(sorted(others))}, unlike this machine: the last bits may differ" if others else ""


def different_processors(store: Store) -> str:
    """Say on which machines a study was trained, where these compute differently; nothing where they do not."""
    kinds = _hosts_by_kind(store)
    if len(kinds) < 2:
        return ""
    every = "; ".join(f"{processor} on {', '.join(sorted(hosts))}" for (processor, _), hosts in sorted(kinds.items()))
    return f"it was trained on processors of different kinds ({every}): the last bits may differ"


def _hosts_by_kind(store: Store) -> dict[tuple[str, str], set[str]]:
    """Hosts by their processor and what it can do."""
    found: dict[tuple[str, str], set[str]] = {}
    for leg in store.fact(LEGS) or []:
        for node in leg["nodes"]:
            found.setdefault((node["processor"], node["features"]), set()).add(node["host"])
    return found
