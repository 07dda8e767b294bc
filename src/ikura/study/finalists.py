"""The finalists: the best configurations trained again with other seeds, and the choice between them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save

from ikura.metric import Metric, interval
from ikura.nn.loss import predict
from ikura.nn.noise import key
from ikura.population.examples import Examples
from ikura.population.job import Outcome
from ikura.population.member import Member
from ikura.population.snapshot import write_atomically
from ikura.population.structure import takes_codes
from ikura.population.workshop import Workshop
from ikura.study.preference import preferred, promising
from ikura.study.search import Floor

__all__ = ["choose", "train_finalists", "weights_file"]

STAGE = 1_000_000


def weights_file(run: Path, number: int) -> Path:
    """File with a finalist's best weights."""
    return run / "snapshots" / f"trial-{number}.safetensors"


def ranked(floor: Floor, purpose: str) -> list[dict[str, Any]]:
    """Trials with a dev score, the best first; equal scores by dev loss, then by number; pruned ones come last."""
    rows = [
        row
        for row in floor.store.trials()
        if row["purpose"] == purpose
        and row["state"] in ("complete", "stopped", "pruned")
        and row["dev_score"] is not None
        and row["dev_loss"] is not None
    ]
    return sorted(
        rows, key=lambda row: (row["state"] == "pruned", -floor.sign * row["dev_score"], row["dev_loss"], row["number"])
    )


def train_finalists(floor: Floor, finalists: int, replicates: int, epochs: int, patience: int | None) -> None:
    """Train the best configurations of the search in full, each with several seeds, as one population.

    Args:
        floor: where it happens.
        finalists: number of configurations.
        replicates: seeds of each.
        epochs: epochs at most.
        patience: epochs without improvement before a member stops.
    """
    rows = floor.store.trials(STAGE)
    if not rows:
        chosen: list[dict[str, Any]] = []
        seen: set[str] = set()
        for row in promising(floor, ranked(floor, "search"), finalists):
            text = json.dumps(row["hyperparameters"], sort_keys=True)
            if text not in seen and len(chosen) < finalists:
                chosen.append(row)
                seen.add(text)
        number = len(floor.store.trials())
        seeds = [key(floor.seed, "replicate", r) for r in range(replicates)]
        members = [
            Member(number + i * replicates + r, row["hyperparameters"], seed)
            for i, row in enumerate(chosen)
            for r, seed in enumerate(seeds)
        ]
        if not members:
            return
        floor.add(members, STAGE, "finalist", [row["number"] for row in chosen for _ in seeds])
        rows = floor.store.trials(STAGE)
    waiting = [row for row in rows if row["state"] == "waiting"]
    if waiting:
        floor.progress.start("finalists", len(waiting) * epochs)
        floor.train(waiting, epochs, patience, keep_weights=True, each=lambda done: keep_weights(floor.run, done))
        left = [row["number"] for row in floor.store.trials(STAGE) if row["state"] == "waiting"]
        floor.store.set_states(left, "skipped")
        floor.progress.finish()


def keep_weights(run: Path, outcomes: list[Outcome]) -> None:
    """Write the best weights of each member that has some."""
    for outcome in outcomes:
        if outcome.weights is not None and outcome.best_epoch:
            arrays = {"weights": outcome.weights} | {f"buffer:{n}": b for n, b in (outcome.buffers or {}).items()}
            write_atomically(weights_file(run, outcome.number), save(arrays))


def keep_best(floor: Floor, outcomes: list[Outcome]) -> None:
    """Write the weights of a tile's best member, if no trial before was better."""
    scored = [o for o in outcomes if o.state in ("complete", "stopped") and o.best_epoch and math.isfinite(o.dev_score)]
    best = max(scored, key=lambda o: (floor.sign * o.dev_score, -o.dev_loss, -o.number), default=None)
    if best is not None and (floor.best is None or floor.sign * best.dev_score >= floor.sign * floor.best):
        keep_weights(floor.run, [best])


def load_network(workshop: Workshop, run: Path, member: Member) -> torch.nn.Module:
    """Build a finalist's network with its best weights."""
    arrays = load_file(weights_file(run, member.number))
    buffers = {name[7:]: array for name, array in arrays.items() if name.startswith("buffer:")}
    return workshop.trained(member, arrays["weights"], buffers)


def predictions(workshop: Workshop, network: torch.nn.Module, examples: Examples) -> torch.Tensor:
    """Predict examples with one network, in the target's own units or as probabilities."""
    judge = workshop.judge
    parts = []
    with torch.no_grad():
        block = 4096 if len(examples.shape) == 1 else 512
        for i in range(0, max(len(examples), 1), block):
            rows = slice(i, i + block)
            x, codes = torch.from_numpy(examples.inputs(rows)), torch.from_numpy(examples.codes[rows])
            parts.append(network(x, codes) if takes_codes(network) else network(x))
    return predict(judge.task, torch.cat(parts), judge.mean, judge.std)


def choose(floor: Floor, metric: Metric) -> dict[str, Any] | None:
    """Choose the configuration with the best mean dev score over its replicates, and its best replicate's network.

    Args:
        floor: where the finalists were trained.
        metric: what is measured.

    Returns:
        {"number": the search trial, "model": the replicate whose network is kept, "hyperparameters", "dev": mean dev
        score, "interval": of that mean, over seeds and examples}; None if no finalist has a score.
    """
    groups: dict[int, list[dict[str, Any]]] = {}
    for row in ranked(floor, "finalist"):
        groups.setdefault(row["parent"], []).append(row)
    if not groups:
        return None
    whole = max(len(group) for group in groups.values())
    groups = {parent: group for parent, group in groups.items() if len(group) == whole}

    def merit(parent: int) -> tuple[float, float, int]:
        group = groups[parent]
        score = math.fsum(row["dev_score"] for row in group) / len(group)
        return floor.sign * score, -math.fsum(row["dev_loss"] for row in group) / len(group), -parent

    chosen = best = max(groups, key=merit)
    low, high = _interval(floor, metric, groups[best])
    choice = None
    if floor.aims.prefer is not None:
        chosen, choice = preferred(floor, groups, best, (low, high))
        if chosen != best:
            low, high = _interval(floor, metric, groups[chosen])
    group = groups[chosen]
    return {
        "number": chosen,
        "model": group[0]["number"],
        "hyperparameters": group[0]["hyperparameters"],
        "dev": float(np.mean([row["dev_score"] for row in group])),
        "interval": [low, high],
        "choice": choice,
    }


def _interval(floor: Floor, metric: Metric, group: list[dict[str, Any]]) -> tuple[float, float]:
    """Interval of a configuration's mean dev score, over its replicates and the dev examples."""
    workshop = floor.workshop
    networks = [load_network(workshop, floor.run, floor.member(row)) for row in group]
    outputs = [predictions(workshop, network, workshop.dev) for network in networks]
    return interval(metric, outputs, workshop.judge.target(workshop.dev.y), seed=floor.seed)
