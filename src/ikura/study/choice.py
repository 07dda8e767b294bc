"""The choice: which configuration, and which of its networks, a study keeps, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file

from ikura.metric import Metric, interval
from ikura.nn.loss import predict
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.structure import takes_codes
from ikura.population.workshop import Workshop
from ikura.study.finalists import STAGE
from ikura.study.search import Floor
from ikura.study.shortlist import ranked, weights_file

__all__ = ["choose", "load_network", "predictions"]


def load_network(workshop: Workshop, run: Path, member: Member) -> torch.nn.Module:
    """Build a network with the weights that were kept of it."""
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


def choose(
    floor: Floor, metric: Metric, finalists: int, again: Callable[[dict[str, Any]], None]
) -> dict[str, Any] | None:
    """Choose a configuration on the dev set, and the network of it that is kept.

    With finalists it is the configuration with the best mean dev score over its replicates, which the search's own
    network does not enter: it was picked for its score. Of the configuration's networks the one with the best dev score
    is kept, that of the search among them. If the deadline cut the finalists short, the search's best trial may have
    the better network; then that one is kept.

    Args:
        floor: where the trials were trained.
        metric: what is measured.
        finalists: number of finalists that the study asked for.
        again: trains a trial of the search again and writes its weights.

    Returns:
        {"number": the search trial, "model": the trial whose network is kept, "hyperparameters", "dev": mean dev
        score, "interval": of that mean, over seeds and examples, "note": a sentence or None}; None if no trial has a
        score.
    """
    searched = ranked(floor, "search")
    if not searched:
        return None
    top = searched[0]
    rows, finals = floor.store.trials(STAGE), ranked(floor, "finalist")
    note = None
    group: list[dict[str, Any]] = []
    if finals:
        group = _best_group(floor, finals)
        own = {row["number"]: row for row in finals if row["parent"] == group[0]["parent"]}
        cut = any(row["state"] in ("stopped", "skipped") for row in rows)
        if (cut or top["number"] == group[0]["parent"]) and weights_file(floor.run, top["number"]).exists():
            own[top["number"]] = top
        kept = max(own.values(), key=lambda row: _merit(floor, [row]))
        if kept is top and cut:
            note = (
                "the time limit cut the finalists short; the network of the search's best trial, which has the better "
                "dev score, is kept"
            )
            group = []
    elif finalists:
        diverged = any(row["state"] == "diverged" for row in rows)
        note = "every finalist diverged with other seeds" if diverged else "no time was left to train finalists"
        note += "; the best trial of the search is kept"
    if not group:
        kept, group = top, [top]
        if not weights_file(floor.run, top["number"]).exists():
            again(top)
    workshop = floor.workshop
    outputs = [
        predictions(workshop, load_network(workshop, floor.run, floor.member(row)), workshop.dev) for row in group
    ]
    low, high = interval(metric, outputs, workshop.judge.target(workshop.dev.y), seed=floor.seed)
    return {
        "number": top["number"] if group == [top] else group[0]["parent"],
        "model": kept["number"],
        "hyperparameters": kept["hyperparameters"],
        "dev": float(np.mean([row["dev_score"] for row in group])),
        "interval": [low, high],
        "note": note,
    }


def _merit(floor: Floor, group: list[dict[str, Any]]) -> tuple[float, float, int]:
    """Mean dev score and mean dev loss, the greater the better, and the smaller number."""
    score = math.fsum(row["dev_score"] for row in group) / len(group)
    return floor.sign * score, -math.fsum(row["dev_loss"] for row in group) / len(group), -group[0]["number"]


def _best_group(floor: Floor, finals: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The replicates of the best configuration, the best one first; those cut short count if none came to its end."""
    groups: dict[int, list[dict[str, Any]]] = {}
    for row in [row for row in finals if row["state"] == "complete"] or finals:
        groups.setdefault(row["parent"], []).append(row)
    whole = max(len(group) for group in groups.values())
    return max((group for group in groups.values() if len(group) == whole), key=lambda group: _merit(floor, group))
