"""What is known before a study begins: the trials of an earlier one, ikura's or Optuna's."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from typing_extensions import TypedDict

from ikura.errors import SpaceError, UsageError
from ikura.schema import Scalar
from ikura.space import Parameter, Space
from ikura.space._base import Configuration
from ikura.trial_state import State

__all__ = ["KnownTrial", "Prior", "fitted"]

ENDED = [one for one in State if one.comparable or one.failed]
MOST_LOOKED_AT = 1000
"""Different values of a choice that are looked at before the trials are."""


class KnownTrial(TypedDict):
    """A trial of an earlier study: the greater score is the better one; None where it failed."""

    configuration: dict[str, Scalar]
    score: float | None


@dataclass(frozen=True)
class Prior:
    """A space, and finished trials to learn from.

    `ikura.tune(..., space=prior.space, prior=prior)` shows them to the search as observations of an earlier stage.
    Their scores must be of the study's own metric, or of one that ranks alike: scores of both are compared.

    Attributes:
        space: what was searched.
        trials: one row a trial: number, state, one column for each hyperparameter, score.
        greater_is_better: direction of the score.
    """

    space: Space
    trials: pd.DataFrame
    greater_is_better: bool

    def observations(self, space: Space, greater_is_better: bool) -> tuple[list[KnownTrial], int]:
        """Take what another search can learn from.

        Args:
            space: what that search searches.
            greater_is_better: direction of its metric.

        Returns:
            Records of configuration and score (greater is better), and the number of trials left out: unfinished, or
            with a value outside `space`. A hyperparameter that only `space` has is filled in where it is fixed.

        Raises:
            UsageError: the direction is another.
        """
        if greater_is_better != self.greater_is_better:
            words = {True: "greater", False: "smaller"}
            raise UsageError(
                f"the prior's scores are better when {words[self.greater_is_better]}, those of the study's metric when "
                f"{words[greater_is_better]}; choose a metric of the same direction"
            )
        found = list(self.records(space, 1.0 if greater_is_better else -1.0))
        return found, len(self.trials) - len(found)

    def records(self, space: Space, sign: float) -> Iterator[KnownTrial]:
        """Find the trials that have ended and lie in a space one by one: configuration, and score times sign."""
        rows = self.trials[self.trials["state"].isin(ENDED) & _may_lie_in(space, self.trials)]
        names = [name for name in self.space if name in rows]
        for part in _parts(rows[[*names, "state", "score"]]):
            columns = part[names].to_dict("records"), part["state"], part["score"]
            for row, state, score in zip(*columns, strict=True):
                configuration = fitted({name: row[name] for name in names if not _missing(row[name])}, space)
                if configuration is not None:
                    failed = state == State.DIVERGED or _missing(score) or not math.isfinite(score)
                    yield {"configuration": configuration, "score": None if failed else sign * float(score)}


def _may_lie_in(space: Space, trials: pd.DataFrame) -> NDArray[np.bool_]:
    """Which trials may lie in a space by each of their values alone: a look at whole columns spares most of them.

    Args:
        space: the space.
        trials: a column for each hyperparameter.

    Returns:
        Which, of shape (trials,); the others do not lie in it.
    """
    found = np.ones(len(trials), np.bool_)
    for name, one in space.items():
        if space.condition(name) is not None:
            continue
        if name in trials:
            found &= _may_be(one, trials[name])
        elif one.varies:
            return np.zeros_like(found)
    return found


def _may_be(parameter: Parameter, column: pd.Series) -> NDArray[np.bool_]:
    """Which values may be those of a parameter that is always open; a fixed one is filled in where it is missing."""
    missing = column.isna().to_numpy()
    if parameter.numeric and parameter.varies:
        numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        outside = (numbers < parameter.low) | (numbers > parameter.high)  # type: ignore[attr-defined]
    elif column.dtype == object or len(different := column[~missing].unique()) > MOST_LOOKED_AT:
        outside = np.zeros(len(column), np.bool_)  # Among values of several types 1 and True are alike.
    else:
        outside = column.isin([value for value in different if not parameter.contains(value)]).to_numpy()
    inside: NDArray[np.bool_] = ~outside & ~missing if parameter.varies else ~outside | missing
    return inside


def _parts(rows: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The rows in parts, the first of them small, because one row may be all that is wanted."""
    begin, size = 0, 16
    while begin < len(rows):
        yield rows.iloc[begin : begin + size]
        begin, size = begin + size, 4 * size


def fitted(given: Mapping[str, Any], space: Space) -> Configuration | None:
    """Make a configuration of a space that has the given values.

    Args:
        given: name to value; names that the space does not have are left out.
        space: the space. A hyperparameter that only it has is filled in where it is fixed.

    Returns:
        The configuration; None if the space has none such.

    Example:
        >>> from ikura.space import fixed, integer
        >>> fitted({"units": 8.0, "layers": 3}, Space(units=integer(4, 16), momentum=fixed(0.9)))
        {'units': 8, 'momentum': 0.9}
        >>> fitted({"units": 8.0, "momentum": 0.5}, Space(units=integer(4, 16), momentum=fixed(0.9))) is None
        True
    """
    values = {name: one.from_unit(0.5) for name, one in space.items() if not one.varies}
    values |= {name: value for name, value in given.items() if name in space}
    try:
        space.to_unit(values)
        names = space.active(values)
        return {name: _typed(values[name], space[name]) for name in names}
    except SpaceError:
        return None


def _typed(value: Any, parameter: Any) -> Any:
    """An integer that a table holds as a float becomes one again, an option or a fixed value the space's own."""
    if not parameter.varies:
        return parameter.from_unit(0.5)
    if parameter.scale == "choice":
        return parameter.options[parameter.index(value)]
    return int(value) if parameter.scale.startswith("integer") else value


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float | np.floating) and bool(np.isnan(value)))
