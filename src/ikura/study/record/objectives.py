"""What a study wants of a network besides a good dev score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ikura.errors import UsageError, nearest

__all__ = ["MEASURED", "OBJECTIVES", "Objectives"]

OBJECTIVES: dict[str, str] = {
    "parameters": "weights of the network, biases included",
    "inference_seconds": "seconds to predict 64 dev examples on the study's device, the median of several runs",
    "training_seconds": "seconds that the trial's training took, its share of its tile's time",
}
"""Name to a one-line description; of all of them less is better."""

MEASURED = ("parameters", "inference_seconds")
"""Objectives that are measured once for an architecture; seconds of training are recorded anyway."""


@dataclass(frozen=True)
class Objectives:
    """What a study wants of a network besides a good dev score.

    Attributes:
        objectives: names of `OBJECTIVES`, the preferred one among them.
        prefer: the objective that decides among configurations that are nearly as good as the best; None for the dev
            score alone.
        within: how much worse than the best dev score "nearly as good" is; None for one standard error of the best.
        max_parameters: weights beyond which a configuration is infeasible; None for any number.
    """

    objectives: tuple[str, ...] = ()
    prefer: str | None = None
    within: float | None = None
    max_parameters: int | None = None

    @classmethod
    def of(
        cls,
        objectives: Sequence[str] = (),
        prefer: str | None = None,
        within: float | None = None,
        max_parameters: int | None = None,
    ) -> Objectives:
        """Check what the caller asked for.

        Raises:
            UsageError: an objective is unknown or given twice; a margin stands alone or is negative; the bound is below
                1.

        Example:
            >>> Objectives.of(["inference_seconds"], prefer="parameters").objectives
            ('inference_seconds', 'parameters')
        """
        if isinstance(objectives, str):
            raise UsageError(f"objectives is a list of names such as [{objectives!r}], but got {objectives!r}")
        names = list(objectives)
        for what, name in [*(("objective", name) for name in names), *([("prefer", prefer)] if prefer else [])]:
            if name not in OBJECTIVES:
                rest = f"{nearest(str(name), OBJECTIVES)}: use {', '.join(OBJECTIVES)}"
                raise UsageError(f"unknown {what} {name!r}{rest} (the dev score is an objective always)")
        for name in names:
            if names.count(name) > 1:
                raise UsageError(f"objective {name!r} is given twice")
        if within is not None and prefer is None:
            raise UsageError("within is the margin of a preferred objective; say which one by prefer")
        if within is not None and not 0 <= within < math.inf:
            raise UsageError(f"within must be a dev score's difference of at least 0, but is {within!r}")
        whole = isinstance(max_parameters, int) and not isinstance(max_parameters, bool)
        if max_parameters is not None and not (whole and max_parameters >= 1):
            raise UsageError(f"max_parameters must be a whole number of at least 1, but is {max_parameters!r}")
        if prefer is not None and prefer not in names:
            names.append(prefer)
        return cls(tuple(names), prefer, None if within is None else float(within), max_parameters)
