"""The page of a trial's large-batch measures."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ikura.files import shown
from ikura.page.cards import card, head
from ikura.page.figure import Axis, css, evenly, log_tick
from ikura.page.formatting import NOTHING, count, number, plural
from ikura.page.html_tables import block
from ikura.page.lines import MARKS, Line, chart, level
from ikura.page.markup import Html, element, passage
from ikura.page.page import page, write_text

if TYPE_CHECKING:
    from ikura.large_batch.distance_law import Growth
    from ikura.large_batch.measure_result import Measures

__all__ = ["write_page"]

WORDS = frozenset({"layer", "law", "α measured by"})
LAW_COLOURS = dict(zip(("log", "sqrt", "power"), MARKS[1:4], strict=True))
MOST_LAYERS, MOST_POINTS = 5, 400


def write_page(path: Path, found: Measures) -> Path:
    """Write the page: noise scale along the way, distances and their laws, α, how to repeat it.

    Args:
        path: the file.
        found: the measures.

    Returns:
        The file's path.

    Raises:
        StorageError: the file cannot be written.
    """
    parts = [
        ("Noise scale", "Gradient noise scale", _noise(found)),
        ("Distance", "Distance from the initial weights", _distance(found)),
        ("Potential", "Random potential", _potential(found)),
        ("Repeat", "How to repeat it", _repeat(found)),
    ]
    name = found.run.resolve().name
    return write_text(path, page(f"Measures of trial {found.trial} · {name} · ikura", _header(found), parts))


def _header(found: Measures) -> Html:
    last = next((one for one in reversed(found.moments) if not math.isnan(one.scale.value)), found.moments[0])
    scale, potential = last.scale, found.potential
    whose = ", the run's model" if found.winner else ""
    cards = [
        card(
            f"Noise scale after epoch {last.epoch:,}",
            _scale(scale.value),
            f"95 % interval {_interval(scale.low, scale.high)}"
            + (f"; nearest power of two {count(scale.batch_size)}" if scale.batch_size else ""),
            kind="main",
        ),
        card("Distance travelled", number(found.growth.distance, 3), _law(found.growth)),
        card(
            "α",
            NOTHING if potential is None else number(potential.alpha, 3),
            "of the random potential"
            + ("" if potential is None else f", 95 % interval {_interval(potential.low, potential.high)}")
            + ("" if found.growth.alpha is None else f"; by growth of the distance {number(found.growth.alpha, 3)}"),
        ),
    ]
    lede = (
        f"Trial {found.trial}{whose}, trained again for {plural(found.epochs, 'epoch')} with mini-batches of "
        f"{count(found.batch_size)}."
    )
    above, title = f"ikura measure {shown(found.run)}", f"Large-batch measures of trial {found.trial}"
    return head(above, title, lede, cards, found.notes)


def _scale(value: float) -> str:
    return f"{value:,.0f}" if math.isfinite(value) and value >= 100 else number(value, 3)


def _interval(low: float, high: float) -> str:
    return NOTHING if math.isnan(low) else f"{_scale(low)} to {_scale(high)}"


def _law(growth: Growth) -> str:
    if growth.law is not None:
        return f"it grows like {growth.verdict}"
    return {
        "not decided": "by which law is not decided",
        "none of them": "by none of the three laws",
        "too few epochs": "too few epochs for a law",
    }[growth.verdict]


def _noise(found: Measures) -> Html:
    rows = [
        [
            count(one.epoch),
            count(one.updates),
            element("b", _scale(one.scale.value)),
            _interval(one.scale.low, one.scale.high),
            NOTHING if one.scale.batch_size is None else count(one.scale.batch_size),
        ]
        for one in found.moments
    ]
    return passage(
        "Batches much smaller than the noise scale are mostly noise: growing them saves almost as many updates in "
        "proportion; far beyond it little is saved. At the noise scale an update makes half of the progress of the "
        f"exact gradient (McCandlish 2018). Measured on {count(found.examples[0])} training examples, with dropout "
        "and without penalties; ∞ is where the direction drowns in noise and the batches drawn set no bound.",
        _noise_chart(found),
        block(["epoch", "updates", "noise scale", "95 % interval", "suggested batch"], rows),
    )


def _noise_chart(found: Measures) -> Html:
    """Noise scale against epoch; epoch 0, which a log axis lacks, stands at one half."""
    known = [one for one in found.moments if math.isfinite(one.scale.value) and one.scale.value > 0]
    if not known:
        return Html("")
    values = [one.scale.value for one in known]
    most = 10 * max([*values, *(one.scale.high for one in known if math.isfinite(one.scale.high))])
    least = min([*values, *(one.scale.low for one in known if one.scale.low > 0)])
    lows = [max(one.scale.low, least / 3) for one in known]
    highs = [min(one.scale.high, most) for one in known]
    line = Line("noise scale", [max(one.epoch, 0.5) for one in known], values, lows, highs)
    own = level(found.batch_size, color=css("--muted"), dash="dot")
    every = [one.epoch for one in known]
    ticks = [epoch for place, epoch in enumerate(every) if place in evenly(len(every), 8)]
    shown = [*values, found.batch_size, *(one.scale.high for one in known if math.isfinite(one.scale.high))]
    ends = [math.log10(min([*shown, *(low for low in lows if low > 0)])) - 0.1, math.log10(max(shown)) + 0.15]
    return chart(
        [line],
        "epoch",
        "noise scale, examples",
        caption="The band is the 95 % interval, cut off where it has no end; dotted: the trial's mini-batch.",
        xaxis={
            "type": "log",
            "tickvals": [max(epoch, 0.5) for epoch in ticks],
            "ticktext": [f"{epoch:,}" for epoch in ticks],
        },
        yaxis={"type": "log", "range": ends, "dtick": log_tick(ends[1] - ends[0])},
        shapes=[own],
    )


def _distance(found: Measures) -> Html:
    from ikura.large_batch.distance import LAWS

    every: Mapping[str, Growth] = {"all weights": found.growth, **found.layers}
    rows = [
        [
            name,
            number(growth.distance, 3),
            *(f"{number(100 * growth.fits[law].error, 2)} %" if growth.fits else NOTHING for law in LAWS),
            growth.verdict,
        ]
        for name, growth in every.items()
    ]
    return passage(
        "The three laws have two free numbers each and are fitted by least squares at the ends of epochs evenly "
        "spaced in their logarithm. The percentages are the error with which each predicts the last third of these "
        "points from those before. A law is named only if its error is less than half of the next best and less "
        "than a tenth of the distance; one training is one path, so judge by several seeds.",
        element("div", _whole(found), _layers(found), class_="pair"),
        block(["layer", "distance", *LAWS.values(), "law"], rows, marked=0, words=WORDS),
    )


def _points(found: Measures, column: str) -> tuple[list[float], list[float]]:
    frame = found.distances[["updates", column]].replace([np.inf, -np.inf], np.nan).dropna()
    places = evenly(len(frame), MOST_POINTS)
    chosen = frame.iloc[places]
    return chosen["updates"].tolist(), chosen[column].tolist()


def _whole(found: Measures) -> Html:
    from ikura.large_batch.distance import LAWS

    x, y = _points(found, "distance")
    lines = [Line("measured", x, y, mode="markers")]
    if found.growth.fits and x:
        t = np.geomspace(max(x[0], 1), x[-1], 80)
        for law, fit in found.growth.fits.items():
            curve = np.where(fit(t) > 0, fit(t), np.nan)
            colour = LAW_COLOURS[law]
            lines.append(Line(LAWS[law], t.tolist(), curve.tolist(), colour=colour, mode="lines", width=1.6))
    return _chart(lines, "All weights, with the fitted laws")


def _layers(found: Measures) -> Html:
    names = list(found.layers)
    places = evenly(len(names), MOST_LAYERS)
    lines = [
        Line(names[place], *_points(found, names[place]), colour=MARKS[k % len(MARKS)], mode="lines")
        for k, place in enumerate(places)
    ]
    rest = "" if len(places) == len(names) else f"{len(places)} of {len(names)}"
    return _chart(lines, f"By layer{', ' if rest else ''}{rest}")


def _chart(lines: list[Line], title: str) -> Html:
    ends = [line.x[place] for line in lines if line.x for place in (0, -1)]
    return chart(lines, "updates", "distance ‖w − w₀‖", title=title, xaxis=_log_axis(ends))


def _log_axis(values: Sequence[float]) -> Axis:
    known = [value for value in values if value > 0]
    return {"type": "log", "dtick": log_tick(math.log10(max(known) / min(known)) if known else 0.0)}


def _potential(found: Measures) -> Html:
    one, growth = found.potential, found.growth.alpha
    if one is None:
        return element("p", "The loss is not finite around the initial weights, so that there is no α.")
    middle = one.lengths[len(one.lengths) // 2], one.spread[len(one.spread) // 2]
    fit = [middle[1] * (r / middle[0]) ** (one.alpha / 2) for r in one.lengths]
    lines = [
        Line("measured", list(one.lengths), list(one.spread), mode="markers"),
        Line(f"r^(α/2), α = {number(one.alpha, 3)}", list(one.lengths), fit, colour=MARKS[1], mode="lines"),
    ]
    rows: list[list[object]] = [
        ["random directions from the initial weights", number(one.alpha, 3), _interval(one.low, one.high)],
        ["growth of the distance, c (log t)^(2/α)", number(growth, 3), NOTHING],
    ]
    return passage(
        "If the loss around the initial weights is a random potential whose differences grow as "
        "E(L(w) − L(w₀))² ~ ‖w − w₀‖^α, a walk in it leaves its start like (log t)^(2/α): with α = 2 the "
        f"distance grows with the logarithm of the updates (Hoffer 2017). Measured on {count(found.examples[1])} "
        "training examples, without dropout; the interval is over directions.",
        chart(
            lines,
            "distance r from the initial weights",
            "standard deviation of the loss",
            xaxis=_log_axis(one.lengths),
            yaxis=_log_axis(one.spread),
        ),
        block(["α measured by", "α", "95 % interval"], rows, words=WORDS),
    )


def _repeat(found: Measures) -> Html:
    scale = shlex.join(["ikura", "scale", shown(found.run), "--batch-size", "auto"])
    return passage(
        element("pre", element("code", found.command)),
        "Which batch really keeps the dev score, and with which settings, is for training to say:",
        element("pre", element("code", scale)),
    )
