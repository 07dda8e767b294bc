"""The generalisation gap of large batches, and what closes it: the table of Hoffer et al. 2017."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar

import pandas as pd
from typing_extensions import override

from ikura.experiments._base import Findings
from ikura.experiments.claim import Claim
from ikura.experiments.large_batch_columns import COLUMNS, Plans, Setting, hyperparameters
from ikura.experiments.large_batch_experiment import ColumnsExperiment
from ikura.experiments.large_batch_tables import gaps_of

__all__ = ["EXPERIMENT"]

MARGIN = 0.3
"""Percentage points by which a setting may be worse and still count as without loss."""

PAPER: dict[str, tuple[str, tuple[float | None, ...]]] = {
    "f1": ("MNIST", (98.27, 97.05, 97.55, 97.60, None, 98.53)),
    "c1": ("CIFAR-10", (87.80, 83.95, 86.15, 86.4, None, 88.20)),
    "resnet44": ("CIFAR-10", (92.83, 86.10, 89.30, 90.50, None, 93.07)),
    "vgg": ("CIFAR-10", (92.30, 84.1, 88.6, 91.50, None, 93.03)),
    "c3": ("CIFAR-100", (61.25, 51.50, 57.38, 57.5, None, 63.20)),
    "wrn16-4": ("CIFAR-100", (73.70, 68.15, 69.05, 71.20, None, 73.57)),
    "alexnet": ("ImageNet", (57.10, 41.23, 53.25, 54.92, None, 59.5)),
}
"""Published validation accuracy in per cent, in the order of the columns; the paper has none for clipping alone."""


class LargeBatch(ColumnsExperiment):
    """The paper's columns, one measure after another."""

    name = "large-batch"
    says: ClassVar[str] = (
        "A network trained with large batches for as many epochs generalises worse. A learning rate raised by the root "
        "of the batch ratio, ghost normalisation and clipping narrow the gap; as many updates as the small batch had "
        "close it."
    )
    method: ClassVar[str] = (
        "Columns add up: each setting keeps the measures of the one before. All are trained to the end of their "
        "schedule; then the test set is opened, once for each network, and the accuracy of the last weights is "
        "measured. Nothing is chosen by it. With one seed all columns share initial weights and the order of examples, "
        "so that gaps are paired; intervals are over seeds, on one training set. Dev examples give the curves only.\n\n"
        "The raised learning rate is that of the small batch times √ratio, a ghost has as many examples as a small "
        "batch, the norm of the gradient is clipped at 5, and regime adaptation makes every phase of the schedule "
        "longer by the batch ratio: as many updates as the small batch has, and ratio times the epochs."
    )

    @override
    def plans(self, setting: Setting) -> Plans:
        return {name: hyperparameters(setting, name) for name in COLUMNS}

    @override
    def find(self, tables: Mapping[str, pd.DataFrame], quick: bool) -> Findings:
        results, setting = tables["results"], self._setting.resolved(quick)
        gaps = gaps_of(results, list(COLUMNS))
        steps = {name: gaps[before] - gaps[name] for before, name in pairwise(COLUMNS)}
        together = "The small batch and regime adaptation make as many updates."
        gap, won = "gap in accuracy, percentage points", "accuracy won, percentage points"
        claims = [
            Claim.of_mean("At equal epochs the large batch generalises worse", gap, gaps["large"], least=0),
            Claim.of_mean("The √ rule narrows the gap", won, steps["rate"], least=0),
            Claim.of_mean("Ghost normalisation narrows it further", won, steps["ghost"], least=0),
            Claim.of_mean("Clipping narrows it further", won, steps["clip"], least=0),
            Claim.of_mean("Regime adaptation narrows it further", won, steps["regime"], least=0),
            Claim.of_mean(f"With all measures less than {MARGIN} points are lost", gap, gaps["regime"], most=MARGIN),
        ]
        return self.findings(claims, tables, setting, COLUMNS, "The paper's columns", PAPER[setting.network], together)


EXPERIMENT = LargeBatch()
