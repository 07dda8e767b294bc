"""Values that are not numbers, inputs that are not normalised, and targets that do not fit the task."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ikura.checks._base import Check, Result
from ikura.checks.forest import feature_names
from ikura.checks.subject import Subject
from ikura.population.examples import Examples

__all__ = ["LabelsCheck", "NormalisationCheck", "ValuesCheck"]

SAMPLE = 20_000
FAR, HUGE = 3.0, 30.0
"""Mean or deviation of an input, and ratio of deviations, from which on it is not normalised, or badly so."""


def _parts(subject: Subject) -> list[tuple[str, Examples]]:
    named = [("training", subject.train), ("dev", subject.dev), ("test", subject.test)]
    return [(name, part) for name, part in named if part is not None and len(part)]


def _table(examples: Examples) -> npt.NDArray[np.float64]:
    return np.asarray(examples.table(slice(0, SAMPLE)), np.float64)


def _feature(subject: Subject, column: int, count: int) -> str:
    """Name a column of the inputs."""
    name = feature_names(subject, count)[column]
    return name if name.startswith("feature ") else f"feature {name!r}"


class ValuesCheck(Check):
    """Looks for NaN and infinities in inputs and targets."""

    name = "values"
    any_target = True
    about = "no input and no target is NaN or infinite"
    needs = ("examples",)

    def run(self, subject: Subject) -> Result:
        """Look at every part."""
        for part, examples in _parts(subject):
            x = _table(examples)
            bad = ~np.isfinite(x)
            if bad.any():
                row, column = (int(i) for i in np.argwhere(bad)[0])
                return self.failed(
                    f"{int(bad.sum())} inputs of the {part} set are NaN or infinite, the first in row {row}, "
                    f"{_feature(subject, column, x.shape[1])}",
                    "Missing values were not filled, or something was divided by zero or took the logarithm of it.",
                    "Fill missing values (with the training mean, and a column that marks them) before the network.",
                    part=part,
                    row=row,
                    column=column,
                    count=int(bad.sum()),
                )
            if not np.isfinite(np.asarray(examples.y, np.float64)).all():
                row = int(np.argwhere(~np.isfinite(np.asarray(examples.y, np.float64)))[0][0])
                return self.failed(
                    f"targets of the {part} set are NaN or infinite, the first in row {row}",
                    "Rows without a target were not dropped.",
                    "Leave out rows whose target is missing.",
                    part=part,
                    row=row,
                )
        return self.passed("all inputs and targets are finite")


class NormalisationCheck(Check):
    """Looks at mean and deviation of each input, and where the constants of the normalisation came from."""

    name = "normalisation"
    any_target = True
    about = "inputs have a mean near 0 and a deviation near 1, with constants of the training set alone"
    needs = ("examples",)

    def run(self, subject: Subject) -> Result:
        """Look at the training set, and at all parts together."""
        assert subject.train is not None
        x = _table(subject.train)
        if not x.shape[1] or not np.isfinite(x).all():
            return self.skipped("the inputs are no finite numbers")
        mean, spread = x.mean(0), x.std(0)
        varies = spread > 1e-7 * np.maximum(1, np.abs(mean))
        if not varies.any():
            return self.failed(
                "no input varies",
                "Every example has the same inputs.",
                "Look at how the inputs are read.",
                features=x.shape[1],
            )
        whole, deviation = float(x.mean()), float(x.std())
        if x.shape[1] > 16 and (subject.train.several or len(subject.train.shape) > 1):
            mean, spread, varies = np.array([whole]), np.array([deviation]), np.array([True])
        extent = np.maximum(np.abs(mean), spread)
        worst = int(np.argmax(np.where(varies, extent, 0)))
        small = spread[varies]
        ratio = float(small.max() / small.min()) if small.size > 1 else 1.0
        figures = {"mean": whole, "deviation": deviation, "largest": float(extent[worst])}
        name = _feature(subject, worst, x.shape[1]) if mean.size > 1 else "the inputs"
        told = f"{name} {'has' if mean.size > 1 else 'have'} mean {mean[worst]:.3g} and deviation {spread[worst]:.3g}"
        cause = "The inputs are not normalised: some weights see a far larger signal than others."
        fix = "Standardise, x = (v - mean) / deviation, with constants of the training set."
        if extent[worst] > HUGE or small.max() < 1 / HUGE:
            return self.failed(told, cause, fix, **figures)
        if subject.as_given and (extent[worst] > FAR or ratio > HUGE):
            return self.warned(told, cause, fix, ratio=ratio, **figures)
        if self._of_all(subject, x):
            return self.failed(
                "over training, dev and test set together every input has mean 0 and deviation 1, over the training "
                "set alone it has not",
                "The constants of the normalisation come from all data: the test set leaks into the training.",
                "Compute mean and deviation on the training set alone, and use them for all parts.",
                **figures,
            )
        return self.passed(f"inputs have mean {whole:.2g} and deviation {deviation:.2g}", **figures)

    def _of_all(self, subject: Subject, x: npt.NDArray[np.float64]) -> bool:
        parts = [_table(part) for _, part in _parts(subject)]
        if not subject.as_given or len(parts) < 2 or any(p.shape[1] != x.shape[1] for p in parts):
            return False
        everything = np.concatenate(parts)
        varies = everything.std(0) > 1e-7
        if not varies.any() or any(len(part) == SAMPLE for part in parts):
            return False

        def off(table: npt.NDArray[np.float64]) -> float:
            return float(np.abs(table[:, varies].mean(0)).max() + np.abs(table[:, varies].std(0) - 1).max())

        return off(everything) < 1e-5 and off(x) > 1e-3


class LabelsCheck(Check):
    """Looks at the targets: constant, outside of the classes, or in units a network cannot reach."""

    name = "labels"
    about = "targets vary and are what the task's loss expects"
    needs = ("examples",)

    def run(self, subject: Subject) -> Result:
        """Look at the targets of the training set."""
        assert subject.train is not None
        y = np.asarray(subject.train.y, np.float64)
        flat = y.reshape(len(y), -1)
        if not np.isfinite(flat).all():
            return self.skipped("targets are not finite")
        distinct = np.unique(flat[:, 0])
        if distinct.size < 2:
            return self.failed(
                f"every training example has the target {distinct[0]:g}",
                "The labels are constant: a wrong column, or a filter that left one class.",
                "Look at how the target is read and how the training set was chosen.",
                distinct=int(distinct.size),
            )
        if subject.task == "regression":
            return self._values(subject, flat)
        return self._classes(subject, distinct, flat)

    def _classes(self, subject: Subject, distinct: npt.NDArray[Any], flat: npt.NDArray[Any]) -> Result:
        wanted = subject.classes or 2
        outside = distinct[(distinct < 0) | (distinct >= wanted) | (distinct % 1 != 0)]
        figures = {"classes": wanted, "found": [float(one) for one in distinct[:50]]}
        if outside.size and subject.loss is None:
            expected = "0 or 1" if subject.task == "binary" else f"whole numbers from 0 to {wanted - 1}"
            return self.failed(
                f"the target holds {outside[0]:g}, but the loss expects {expected}",
                "Targets lie outside of the classes: they are counted from 1, or coded as -1 and 1.",
                f"Code the classes as {expected}.",
                **figures,
            )
        counts = np.unique(flat[:, 0], return_counts=True)[1]
        if counts.max() / len(flat) > 0.99:
            return self.warned(
                f"{counts.max() / len(flat):.1%} of the training examples belong to one class",
                "The classes are so unequal that always naming the largest one looks excellent.",
                "Judge by --metric average_precision (of two classes), balanced_accuracy or f1; gather more rows of "
                "the rare class, or weigh it (--class-weight balanced).",
                **figures,
            )
        return self.passed(f"{distinct.size} classes, the largest with {counts.max() / len(flat):.0%}", **figures)

    def _values(self, subject: Subject, flat: npt.NDArray[Any]) -> Result:
        mean, spread = float(flat.mean()), float(flat.std())
        figures = {"mean": mean, "deviation": spread}
        if subject.as_given and (max(abs(mean), spread) > HUGE or spread < 1 / HUGE):
            return self.failed(
                f"the target has mean {mean:.3g} and deviation {spread:.3g}",
                "The target is not standardised: the loss and its gradients are as large or small as its units.",
                "Train on (y - mean) / deviation with constants of the training set, and turn predictions back.",
                **figures,
            )
        return self.passed(f"the target has mean {mean:.2g} and deviation {spread:.2g}", **figures)
