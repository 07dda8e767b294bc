"""One hyperparameter on its own scale: where its values stand on a chart's horizontal axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ikura.page.figure import Axis, axis, log_tick, plot_text
from ikura.page.formatting import as_float, number

__all__ = ["Scale", "scale_of"]

GOLDEN = (math.sqrt(5) - 1) / 2
MOST_LABELS = 8
MOST_OPTIONS = 20
FEW_INTEGERS = 24


@dataclass(frozen=True)
class Scale:
    """Places on the axis for the values of one hyperparameter.

    Args:
        name: the scale's name, such as "log-complement".
        words: what the page calls it.
        axis: Plotly's axis.
        options: the options of a choice.
        jitter: how far points of one place are spread to either side, in the axis' own unit.
    """

    name: str
    words: str
    axis: Axis
    options: tuple[Any, ...] = ()
    jitter: float = 0.0

    def place(self, value: Any) -> float | None:
        """Where a value stands, without jitter.

        Args:
            value: the hyperparameter's value.

        Returns:
            The coordinate, None where the scale has no place for the value (missing, or not positive on a log axis).
        """
        if self.name == "choice":
            return next((float(i) for i, option in enumerate(self.options) if _same(option, value)), None)
        at = as_float(value)
        if self.name == "log-complement":
            at = 1 - at
        if not math.isfinite(at) or (self.axis.get("type") == "log" and at <= 0):
            return None
        return at

    def spread(self, trial: Any) -> Any:
        """The jitter of a trial, or of an array of them.

        It is always the same for the same number, and evenly spread over neighbouring numbers.
        """
        return self.jitter * (2 * (trial * GOLDEN % 1) - 1)

    def write(self, value: Any) -> str:
        """Write a value with the digits that tell it from its neighbours on this scale."""
        complement = 1 - as_float(value)
        if self.name == "log-complement" and 0 < complement < 1:
            return number(as_float(value), digits=1 - math.floor(math.log10(complement)))
        return number(value, digits=3)

    def span(self, region: Sequence[Any]) -> list[tuple[float, float]]:
        """The parts of the axis that a region covers: one for [low, high], one for each option left open."""
        if self.name == "choice":
            places = [place for option in region if (place := self.place(option)) is not None]
            narrowed = 0 < len(places) < len(self.options)
            return [(place - 0.42, place + 0.42) for place in places] if narrowed else []
        ends = [self.place(end) for end in region]
        if len(ends) != 2 or ends[0] is None or ends[1] is None:
            return []
        return [(min(ends[0], ends[1]) - self.jitter, max(ends[0], ends[1]) + self.jitter)]


def scale_of(parameter: Any, values: Sequence[Any]) -> Scale:
    """Find the scale of a hyperparameter.

    Args:
        parameter: a `Parameter` of the space.
        values: the values that trials had, missing ones left out.

    Returns:
        Its scale, with an axis that spans the parameter's range and all values.
    """
    name = str(parameter.scale)
    if name in ("choice", "fixed"):
        return _choice(parameter, values)
    ends = [as_float(getattr(parameter, end, math.nan)) for end in ("low", "high")]
    known = np.append(ends, _numbers(values))
    known = known[np.isfinite(known)]
    if name == "log-complement":
        return _complement(1 - known)
    if name in ("log", "integer-log"):
        return _log(name, known[known > 0])
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    jitter = 0.2 if name == "integer" and high - low <= FEW_INTEGERS else 0.0
    margin = max(0.04 * (high - low), 2 * jitter, 1e-12)
    words = "integer" if name == "integer" else "linear scale"
    ticks: Axis = {"nticks": 6, "tickformat": "~g"}
    if jitter and high - low < 8:
        ticks = {"tickmode": "linear", "tick0": math.floor(low), "dtick": 1, "tickformat": "d"}
    return Scale(name, words, axis(range=[low - margin, high + margin], showgrid=False, **ticks), jitter=jitter)


def _numbers(values: Sequence[Any]) -> np.ndarray:
    plain = set(map(type, values)) <= {int, float}
    return np.array(values if plain else [as_float(value) for value in values], np.float64)


def _choice(parameter: Any, values: Sequence[Any]) -> Scale:
    options = list(getattr(parameter, "options", ()))
    for value in values:
        if not any(_same(option, value) for option in options):
            options.append(value)
    labels = [plot_text(_short(option)) for option in options]
    every = 1 + len(labels) // MOST_OPTIONS
    look = axis(
        tickvals=list(range(0, len(options), every)),
        ticktext=labels[::every],
        range=[-0.6, len(options) - 0.4],
        showgrid=False,
    )
    return Scale("choice", "choice", look, tuple(options), jitter=0.3)


def _log(name: str, known: np.ndarray) -> Scale:
    low, high = _decades(known)
    look = axis(type="log", range=[low, high], showgrid=False, tickformat="~g", dtick=log_tick(high - low))
    return Scale(name, "integer, log scale" if name == "integer-log" else "log scale", look)


def _complement(known: np.ndarray) -> Scale:
    """1 - x on a log axis that runs backwards, labelled with x itself."""
    low, high = _decades(known[known > 0])
    steps = (1,) if high - low > 2.5 else (1, 3) if high - low > 1.2 else (1, 2, 5)
    ticks = [step * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    ticks = [tick for tick in ticks if low <= math.log10(tick) <= high][:MOST_LABELS]
    look = axis(
        type="log",
        range=[high, low],
        showgrid=False,
        tickvals=ticks,
        ticktext=[number(1 - tick, digits=1 - math.floor(math.log10(tick))) for tick in ticks],
    )
    return Scale("log-complement", "1 − x on a log scale", look)


def _decades(known: np.ndarray) -> tuple[float, float]:
    """Both ends of a log axis as powers of ten, with a little room."""
    if not known.size:
        return -1.0, 0.0
    low, high = float(np.log10(known.min())), float(np.log10(known.max()))
    margin = max(0.04 * (high - low), 0.02)
    return low - margin, high + margin


def _short(value: Any) -> str:
    text = number(value)
    return text if len(text) <= 18 else text[:17] + "…"


def _same(first: Any, second: Any) -> bool:
    return isinstance(first, bool | np.bool_) == isinstance(second, bool | np.bool_) and bool(first == second)
