"""A study arranged for the page: trials in order, stages with their colours, finalists found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ikura.checks import Checks
from ikura.diagnose.findings import Findings
from ikura.page.formatting import NOTHING, as_words
from ikura.study.record.record import Record
from ikura.study.record.trial import Purpose
from ikura.trial_state import TRAINED, State

__all__ = ["View"]

STATED: dict[str, int | str] = {"number": 0, "state": State.COMPLETE, "stage": 0, "purpose": Purpose.SEARCH}
MEASURED = ("dev_score", "dev_loss", "train_score", "train_loss", "epochs", "best_epoch", "seconds")
LAST_COLOUR = 3


@dataclass(frozen=True)
class StageView:
    """A stage of the search as the page shows it.

    Args:
        stage: its number in the trials table.
        name: its name.
        colour: the CSS variable of its colour.
        trials: trials in it that have a row.
        epochs: epochs of its trials, None where they are not known.
        region: hyperparameter to [low, high] or to the options left open.
    """

    stage: int
    name: str
    colour: str
    trials: int
    epochs: int | None
    region: dict[str, list[Any]]


def _colour(place: int, stages: int) -> int:
    """Number of a stage's colour: evenly from the first to the last one."""
    return round(LAST_COLOUR * place / (stages - 1)) if stages > 1 else LAST_COLOUR


class View:
    """What several sections need to know about a study.

    Args:
        record: of the study.
        checks: what the quick checks found, if they were made.
        findings: what was diagnosed, if it was.

    `trials` has every column that the page reads, whatever the study has recorded so far.
    """

    def __init__(self, record: Record, checks: Checks | None = None, findings: Findings | None = None) -> None:
        self.record, self.checks, self.findings = record, checks, findings
        self.metric = as_words(record.metric.name)
        self.better = 1 if record.metric.greater_is_better else -1
        trials = record.trials.copy()
        for name, value in STATED.items():
            if name not in trials:
                trials[name] = value
        for name in MEASURED:
            values = trials[name] if name in trials else pd.Series(np.nan, index=trials.index)
            numbers = pd.to_numeric(values, errors="coerce").astype(float)
            trials[name] = numbers.where(np.isfinite(numbers))
        for name in ("number", "stage"):
            trials[name] = pd.to_numeric(trials[name], errors="coerce").fillna(0).astype(int)
        self.trials = trials.reset_index(drop=True)
        self.trials["origin"] = self._origins()
        self.hyperparameters = [name for name in record.space if name in trials]
        self.varying = [name for name in self.hyperparameters if getattr(record.space[name], "varies", True)]

    @cached_property
    def search(self) -> pd.DataFrame:
        """The trials of the search, those trained again as finalists left out."""
        return self.trials[self.trials["purpose"] != Purpose.FINALIST]

    @cached_property
    def scored(self) -> pd.DataFrame:
        """The trials of the search that have a dev score."""
        return self.search[self.search["dev_score"].notna() & (self.search["state"] != State.DIVERGED)]

    @cached_property
    def ranked(self) -> pd.DataFrame:
        """The trials from the best to the worst by dev score, ties by dev loss.

        A finalist that repeats a trial of the search is no row of its own; that trial's column `again` holds the mean
        dev score of the repetitions and `repeats` their number. Only trials that were trained to their end are here,
        unless there is none.
        """
        scored = self.trials[self.trials["dev_score"].notna() & (self.trials["state"] != State.DIVERGED)]
        ended = scored[scored["state"].isin(TRAINED)]
        scored = ended if len(ended) else scored
        finalists = scored[scored["purpose"] == Purpose.FINALIST].groupby("origin")["dev_score"].agg(["mean", "size"])
        rows = scored[scored["number"] == scored["origin"]]
        rows = rows.assign(again=rows["number"].map(finalists["mean"]), repeats=rows["number"].map(finalists["size"]))
        rows = rows.assign(merit=rows["dev_score"] * self.better, chosen=rows["number"] == self.chosen)
        rows = rows.sort_values(["merit", "dev_loss"], ascending=[False, True], kind="stable")
        return rows.reset_index(drop=True)

    @cached_property
    def configurations(self) -> pd.DataFrame:
        """The ranked trials, of those with one configuration the chosen one, else a finalist's, else the best."""
        names = [name for name in self.varying if name in self.ranked]
        first = self.ranked.assign(repeated=self.ranked["repeats"].notna())
        first = first.sort_values(["chosen", "repeated"], ascending=False, kind="stable")
        return self.ranked[~first.duplicated(names).sort_index()] if names else self.ranked

    @cached_property
    def chosen(self) -> int | None:
        """Number of the trial whose configuration the study chose, None when there is none."""
        best = self.record.best
        rows = self.trials[self.trials["number"] == best.number] if best is not None else self.trials.iloc[:0]
        return int(rows["origin"].iloc[0]) if len(rows) else None

    @cached_property
    def retrained(self) -> pd.DataFrame:
        """The trials of the search that were trained again; the chosen one, which has a mark of its own, left out."""
        again = self.ranked["repeats"].notna() & (self.ranked["purpose"] != Purpose.FINALIST)
        return self.ranked[again & ~self.ranked["chosen"]]

    @cached_property
    def chosen_row(self) -> pd.DataFrame:
        """The chosen trial, one row of `ranked`, or none."""
        return self.ranked[self.ranked["chosen"]].head(1)

    def _origins(self) -> pd.Series[int]:
        """For each trial the one it repeats: a finalist's parent if it has one in the table, else the trial itself."""
        parents = self.trials["parent"] if "parent" in self.trials else pd.Series(np.nan, index=self.trials.index)
        parents = (
            pd.to_numeric(parents, errors="coerce").where(self.trials["purpose"] == Purpose.FINALIST).astype(float)
        )
        there = parents.isin(self.trials["number"])
        return parents.where(there, self.trials["number"]).astype(int)

    @cached_property
    def importance(self) -> dict[str, pd.DataFrame]:
        """Importance of the hyperparameters among "all" trials and among the "good" ones."""
        from ikura.diagnose import AMONG, importance_of

        return {among: importance_of(self.record, among) for among in AMONG}

    @cached_property
    def by_importance(self) -> list[str]:
        """The hyperparameters that varied, the most important first; in the space's order where that is not known."""
        found = self.importance["all"]["hyperparameter"].tolist() if len(self.scored) else []
        return [*(name for name in found if name in self.varying), *(n for n in self.varying if n not in found)]

    def values(self, name: str) -> list[Any]:
        """The different values that the trials of the search had of a hyperparameter."""
        return self.search[name].dropna().unique().tolist()

    @cached_property
    def stages(self) -> list[StageView]:
        """The stages of the search that have trials, in order."""
        recorded = {one.stage: one for one in self.record.stages}
        present = sorted(int(stage) for stage in self.search["stage"].unique())
        counts = self.search["stage"].value_counts()
        stages = []
        for place, stage in enumerate(present):
            one = recorded.get(stage)
            stages.append(
                StageView(
                    stage,
                    one.name if one else f"stage {stage + 1}",
                    f"--stage-{_colour(place, len(present))}",
                    int(counts[stage]),
                    one.epochs if one else None,
                    one.region if one else {},
                )
            )
        return stages

    @property
    def widened(self) -> list[str]:
        """What the search widened, a sentence each."""
        return [one.sentence for stage in self.record.stages for one in stage.widened]

    def stage_name(self, trial: Any) -> str:
        """The name of the stage that a trial belongs to, a row of `trials.itertuples()`."""
        if trial.purpose == Purpose.FINALIST:
            return "finalist"
        names = {stage.stage: stage.name for stage in self.stages}
        return names.get(trial.stage, NOTHING)
