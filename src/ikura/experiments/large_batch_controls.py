"""Noise for large batches: a small batch's on the gradients, and other kinds as controls (Hoffer et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pandas as pd
from typing_extensions import override

from ikura.experiments._base import Findings
from ikura.experiments.claim import Claim
from ikura.experiments.large_batch_columns import Plans, Setting, hyperparameters
from ikura.experiments.large_batch_experiment import ColumnsExperiment
from ikura.experiments.large_batch_tables import gaps_of
from ikura.space._base import Configuration

__all__ = ["CONTROLS", "EXPERIMENT", "plans_of"]

NOISE = "noise"
CONTROLS: dict[str, str] = {
    "small": "small batch",
    "large": "large batch",
    NOISE: "large, gradient noise",
    "dropout": "large, dropout",
    "dropconnect": "large, DropConnect",
    "labels": "large, label noise",
}
"""Name to words; each noise is added to the large batch alone."""

OTHERS: dict[str, dict[str, float]] = {
    "dropout": {"dropout": 0.5},
    "dropconnect": {"dropconnect": 0.5},
    "labels": {"label_noise": 0.1},
}
"""Noise of other kinds, at the rates that their papers use (label noise at that of label smoothing)."""


def plans_of(setting: Setting) -> dict[str, tuple[int, Configuration]]:
    """Epochs and hyperparameters of every column.

    Example:
        >>> plans = plans_of(Setting(ratio=10).resolved())
        >>> plans["noise"][1]["gradient_noise"], plans["dropout"][1]["dropout"]
        (3.0, 0.5)
    """
    assert setting.ratio is not None
    epochs, large = hyperparameters(setting, "large")
    added: dict[str, dict[str, float]] = {NOISE: {"gradient_noise": (setting.ratio - 1) ** 0.5}, **OTHERS}
    found = {"small": hyperparameters(setting, "small"), "large": (epochs, large)}
    return found | {name: (epochs, {**large, **noise}) for name, noise in added.items()}


class LargeBatchControls(ColumnsExperiment):
    """Noise of several kinds, each added to the large batch alone."""

    name = "large-batch-controls"
    says: ClassVar[str] = (
        "A factor drawn from N(1, σ²) on the gradient of each example, with σ² as large as the batch ratio, gives a "
        "large batch the noise of a small one and narrows its generalisation gap. Dropout, DropConnect and label noise "
        "do not close it."
    )
    method: ClassVar[str] = (
        "Each noise is added to the large batch alone, at the learning rate of the small one and for as many epochs. "
        "σ² is the batch ratio less one, with which the covariance of a weight step is that of the small batch. "
        "Dropout and DropConnect leave out half, label noise draws a tenth of the labels at random; other rates may do "
        "otherwise. After the last epoch the test set is opened, once for each network. With one seed all columns "
        "share initial weights and the order of examples, so that gaps are paired; intervals are over seeds, on one "
        "training set."
    )

    @override
    def plans(self, setting: Setting) -> Plans:
        return plans_of(setting)

    @override
    def find(self, tables: Mapping[str, pd.DataFrame], quick: bool) -> Findings:
        results, setting = tables["results"], self._setting.resolved(quick)
        gaps = gaps_of(results, list(CONTROLS))
        gap, won = "gap in accuracy, percentage points", "accuracy won, percentage points"
        claims = [
            Claim.of_mean("At equal epochs the large batch generalises worse", gap, gaps["large"], least=0),
            Claim.of_mean("Gradient noise narrows the gap", won, gaps["large"] - gaps[NOISE], least=0),
        ]
        for name in OTHERS:
            words = CONTROLS[name].removeprefix("large, ")
            claims.append(Claim.of_mean(f"With {words} a gap stays", gap, gaps[name], least=0))
            sentence = f"Gradient noise wins more than {words}"
            claims.append(Claim.of_mean(sentence, won, gaps[name] - gaps[NOISE], least=0))
        return self.findings(claims, tables, setting, CONTROLS, "The columns")


EXPERIMENT = LargeBatchControls()
