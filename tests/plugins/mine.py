"""One of each kind that does not come with ikura, as the author of a package writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor, nn

from ikura.checks import Check, Result, Subject
from ikura.metric import Metric
from ikura.search import Observation, Proposal, Proposer, Schedule, Stage
from ikura.search.schedule import Round, StageContext, Standing


class Uniform(Proposer):
    """One stage of points drawn uniformly."""

    name = "mine"

    def stages(self, trials: int, epochs: int) -> list[Stage]:
        return [Stage(0, "mine", trials, epochs)]

    def ask(self, stage: Stage, count: int, history: Sequence[Observation]) -> list[Proposal]:
        return self.proposals(self.whole(stage, count), count)


class BestGoesOn(Schedule):
    """All trials train one epoch, then the best alone trains the rest."""

    name = "mine"

    def next(self, standings: Sequence[Standing], context: StageContext) -> Round | None:
        if not standings:
            return Round(fresh=(1,) * context.trials)
        running = [one for one in standings if one.state == "running" and np.isfinite(one.scores[-1])]
        if not running or running[0].epochs == context.epochs:
            return None
        best, *others = sorted(running, key=lambda one: (-one.score_after(1), one.number))
        return Round({best.number: context.epochs}, {one.number: "another one is better" for one in others})


def share_right(prediction: Tensor, target: Tensor) -> Tensor:
    return (prediction.argmax(-1) == target).double().mean()


def surprise(outputs: Tensor, target: Tensor) -> Tensor:
    return -outputs.log_softmax(1).gather(1, target[:, None])[:, 0]


METRIC = Metric("mine", True, frozenset({"multiclass"}), share_right)


def network(hp: Mapping[str, Any]) -> nn.Module:
    return nn.Sequential(nn.Linear(hp["inputs"], 8), nn.Tanh(), nn.Linear(8, hp["outputs"]))


class ManyRows(Check):
    """Whether there are rows enough."""

    name = "mine"
    about = "whether there are rows enough"
    needs = ("examples",)

    def run(self, subject: Subject) -> Result:
        rows = len(subject.train.y) if subject.train else 0
        if rows < 1000:
            return self.warned(f"{rows} training rows", "The data are few.", "Collect more.", rows=rows)
        return self.passed(f"{rows} training rows", rows=rows)


def read_lines(path: Path) -> pd.DataFrame:
    return pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()])
