"""The diagnosis in the report: bias and variance, what next, curves, the wrong examples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ikura.diagnose.bias_variance import MARGIN as SMALL
from ikura.metric.estimate import Estimate, percent
from ikura.page.figure import Axis, Trace, axis, figure, legend, log_tick, plot_text, rounded
from ikura.page.formatting import NOTHING, count, number, plural
from ikura.page.html_tables import table
from ikura.page.markup import Html, element, join
from ikura.page.predictions import predicted
from ikura.page.traces import interval_bars, scatter
from ikura.study.record.diagnosis import Diagnosis, Gap

if TYPE_CHECKING:
    from ikura.diagnose.cost_curve import CostCurve
    from ikura.diagnose.findings import Findings
    from ikura.diagnose.learning_curve import LearningCurve
    from ikura.diagnose.mistakes import Example
    from ikura.diagnose.prescription import Prescription

__all__ = ["diagnosis", "sections"]

COLOURS = {"high": "--roe-deep", "low": "--mark-1", "cannot tell": "--mark-3"}
VARIANTS = tuple(f"--mark-{place}" for place in range(5))
MARGIN = {"l": 64, "r": 14, "t": 8, "b": 46}
MOST_POINTS = 400
MOST_STEPS = 3


def diagnosis(found: Findings | None, task: str) -> Html | None:
    """Lay out what was found about a study.

    Args:
        found: None where nothing was.
        task: "binary", "multiclass" or "regression".

    Returns:
        The section's content; None where nothing was found.
    """
    if not found:
        return None
    shown = [(heading, content) for _, heading, content in sections(found, task) if content]
    (_, first), *rest = shown
    return join(
        first, *(element("div", element("h2", heading), content, class_="part-of") for heading, content in rest)
    )


def sections(found: Findings, task: str) -> list[tuple[str, str, Html | None]]:
    """Name in the navigation, heading and content of each part; None where there is nothing to say."""
    one, mistakes = found.diagnosis, found.mistakes
    return [
        ("Errors", "Bias and variance", join(element("p", one.sentence), _errors(one), _notes(found.notes))),
        ("What next", "What to do next", _prescriptions(found.prescriptions)),
        ("More data", "Would more data help?", _learning_curve(found.curve)),
        ("Cost", "The cost as it falls", _cost_curves(found.costs)),
        ("Dev set", "On the dev set", predicted(mistakes.predictions, task, "dev") if mistakes else None),
        ("Mistakes", "The hardest dev examples", _hardest(mistakes.hardest, task) if mistakes else None),
    ]


def _between(one: Estimate | Gap) -> str:
    return f"{percent(one.low)} to {percent(one.high)}"


def _errors(one: Diagnosis) -> Html:
    rows = [
        ("best achievable", one.optimal),
        (f"training {one.measure}", one.train),
        ("training, to its end", one.reached),
        (f"train-dev {one.measure}", one.train_dev),
        (f"dev {one.measure}", one.dev),
    ]
    known = [
        (name, error) for name, error in rows if error and all(map(math.isfinite, (error.value, error.low, error.high)))
    ]
    places = list(range(len(known)))
    values = [100 * error.value for _, error in known]
    bars = _bars([error for _, error in known], "--roe", thickness=2)
    traces = [scatter(rounded(values), places, "--roe", "markers", "%{x:.3g} %", size=11, error_x=bars)]
    ticks = {"tickvals": places, "ticktext": [plot_text(name) for name, _ in known], "showgrid": False}
    chart = figure(
        traces,
        {
            "xaxis": axis("error, %", rangemode="tozero"),
            "yaxis": axis(None, autorange="reversed", **ticks),
            "margin": {"l": 150, "r": 14, "t": 8, "b": 56},
        },
        title="The errors with their 95 % intervals",
        caption=f"Best achievable: {one.optimal_note}." if one.optimal_note else None,
        label="best achievable, training and dev error",
        height=100 + 52 * len(known),
    )
    lines = [
        (
            gap.name,
            percent(gap.value),
            _between(gap),
            element("b", gap.verdict, style=f"color:var({COLOURS[gap.verdict]})"),
            gap.missing.removesuffix(" to measure on") or NOTHING,
        )
        for gap in one.gaps
    ]
    listing = table(("gap", "", "95 % interval", "verdict", "to settle it"), lines, words={"verdict", "to settle it"})
    meaning = (
        "Bias is the training error over the best achievable one, variance the "
        f"{'train-dev' if one.train_dev else 'dev'} error over the training error"
        f"{', that of training to its end' if one.reached else ''}. A gap is called high when its whole "
        f"interval lies above {percent(one.worth)}, low when it lies below {percent((1 + SMALL) * one.worth)}."
    )
    note = element("p", meaning, class_="quiet after")
    return element("div", chart, element("figure", element("h3", "The gaps"), listing, note), class_="pair")


def _notes(notes: Sequence[str]) -> Html | None:
    return element("ul", *(element("li", note) for note in notes), class_="quiet") if notes else None


def _prescriptions(found: Sequence[Prescription]) -> Html | None:
    if not found:
        return None
    items = []
    for one in found:
        against = None if one.against == "nothing" else element("small", f" against {one.against}")
        expected = element("p", f"Expected: {one.expected}.") if one.expected else None
        items.append(
            element(
                "li",
                element("h3", one.name.replace("-", " ").capitalize(), against),
                element("p", one.reason),
                expected,
                element("pre", element("code", one.command)) if one.command else None,
                element("p", f"Source: {one.source}.", class_="quiet"),
            )
        )
    rest = items[MOST_STEPS:]
    more = element("details", element("summary", plural(len(rest), "more prescription")), _steps(rest, MOST_STEPS + 1))
    return join(_steps(items[:MOST_STEPS], 1), more if rest else None)


def _steps(items: Sequence[Html], start: int) -> Html:
    return element("ol", *items, class_="steps", start=start)


def _learning_curve(found: LearningCurve | None) -> Html | None:
    if not found:
        return None
    points, beyond = found.points, found.beyond
    sizes = [point.rows for point in points]
    traces = _band([(point.rows, point.train) for point in points], "--mark-1")
    traces += _band([(point.rows, point.dev) for point in points], "--mark-0")
    a, b, c = found.fitted
    xs = [sizes[0] * (max(beyond) / sizes[0]) ** (i / 60) for i in range(61)]
    fitted = rounded(100 * (a + b * x**-c) for x in xs)
    traces.append(scatter(rounded(xs), fitted, "--mark-0", line={"width": 1.5, "dash": "dot"}))
    traces += _band(sorted(beyond.items()), "--mark-3", "markers")
    chart = figure(
        traces,
        {
            "xaxis": axis("training examples", type="log", showgrid=False, dtick="D2", tickformat=","),
            "yaxis": axis(f"{found.measure}, %", rangemode="tozero"),
            "margin": MARGIN,
        },
        caption=legend(
            [("line --mark-0", "dev"), ("line --mark-1", "training"), ("dot --mark-3", "expected of more, by the fit")]
        ),
        label="training and dev error against the number of training examples",
        height=340,
    )
    rows = [(count(rows), percent(one.value), _between(one)) for rows, one in sorted(beyond.items())]
    listing = table(("training examples", "expected dev error", "95 % interval"), rows)
    enough = found.enough
    more = (
        f"About {count(enough)} training examples are expected to bring the dev error within what is worth effort of "
        "the present training error."
        if enough and enough > sizes[-1]
        else ""
    )
    how = (
        "The chosen configuration was trained on nested parts of the training set, each with "
        f"{plural(found.seeds, 'seed')}; the dotted line is {a:.3g} + {b:.3g} n^(-{c:.2g}), and the intervals come "
        "from resampling seeds and dev examples. Beyond the data it is an extrapolation."
    )
    side = element(
        "figure", element("h3", "What to expect"), listing, element("p", more, class_="after") if more else None
    )
    return join(
        element("p", found.sentence), element("div", chart, side, class_="pair"), element("p", how, class_="quiet")
    )


def _band(points: Sequence[tuple[int, Estimate]], colour: str, mode: str = "lines+markers") -> list[Trace]:
    """A line of errors in per cent with their intervals as bars."""
    rows, values = [rows for rows, _ in points], rounded(100 * error.value for _, error in points)
    bars = _bars([error for _, error in points], colour)
    return [scatter(rows, values, colour, mode, "%{x} examples: %{y:.3g} %", error_y=bars)]


def _bars(errors: Sequence[Estimate], colour: str, thickness: float = 1.4) -> Mapping[str, Any]:
    """The intervals of errors in per cent."""
    values, low, high = ([100 * getattr(one, end) for one in errors] for end in ("value", "low", "high"))
    return interval_bars(values, low, high, colour, thickness)


def _cost_curves(found: Sequence[CostCurve]) -> Html | None:
    if not found:
        return None
    charts = []
    for column, title in (("cost", "J, dropout off"), ("trained", "Cost while training, dropout on")):
        traces = []
        for one, colour in zip(found, VARIANTS, strict=False):
            every = max(1, len(one.updates) // MOST_POINTS)
            traces.append(
                scatter(
                    one.updates[::every],
                    rounded(getattr(one, column)[::every]),
                    colour,
                    hover=f"{plot_text(one.name)}<br>update %{{x}}: %{{y:.4g}}",
                    line={"width": 2.5 if one.chosen else 1.5},
                )
            )
        layout = {"xaxis": axis("updates", showgrid=False), "yaxis": axis(None, **_logarithmic(found, column))}
        layout["margin"] = MARGIN
        charts.append(figure(traces, layout, title=title, label=f"{title} against updates", height=320))
    bad = [one.name for one in found if not one.falls]
    words = (
        f"J does not fall as it should {', '.join(bad)}: look at the learning rate first (ikura check RUN --only "
        "learning-rate)."
        if bad
        else _steadily(found)
    )
    how = (
        "J is the mean loss on the training set plus the penalties on the weights, measured after each epoch with "
        "dropout off: with dropout on the cost is not one function of the weights and may rise though all is well."
    )
    entries = [(f"line {colour}", one.name) for one, colour in zip(found, VARIANTS, strict=False)]
    return join(
        element("p", words), legend(entries), element("div", *charts, class_="pair"), element("p", how, class_="quiet")
    )


def _steadily(found: Sequence[CostCurve]) -> str:
    """Say that J falls, and where it jumps on its way."""
    jumps = [(one.name, one.jumps) for one in found if one.jumps]
    if not jumps:
        return "J falls in all of them, as it should."
    told = ", ".join(f"{name} after {plural(times, 'epoch')}" for name, times in jumps)
    return f"J falls in all of them in the end, but jumps on its way ({told}): a smaller learning rate is steadier."


def _logarithmic(found: Sequence[CostCurve], column: str) -> Axis:
    values = [value for one in found for value in getattr(one, column) if value > 0]
    decades = math.log10(max(values) / min(values)) if values else 1.0
    return {"type": "log", "tickformat": "~g", "dtick": log_tick(decades)}


def _sure(one: Example) -> str:
    return NOTHING if one.certainty is None else percent(one.certainty)


def _hardest(hardest: Sequence[Example], task: str) -> Html | None:
    if not hardest:
        return None
    words = (
        f"The {plural(len(hardest), 'dev example')} with the highest loss. Rows are counted from 1, without the header."
    )
    if any(one.picture for one in hardest):
        shown = [
            element(
                "figure",
                element("img", src=one.picture, alt=f"row {one.row}", loading="lazy"),
                element(
                    "figcaption",
                    element("b", one.truth),
                    f" taken for {one.answer}" if one.answer != one.truth else " (right)",
                    element("small", f" row {one.row}, {_sure(one)} sure of the truth"),
                ),
            )
            for one in hardest
        ]
        return join(element("p", words), element("div", *shown, class_="gallery"))
    columns = list(dict.fromkeys(name for one in hardest for name in one.values))
    sure = [] if task == "regression" else ["certain of the truth"]
    rows = [
        (
            one.row,
            number(one.truth),
            element("b", number(one.answer)) if one.answer != one.truth else number(one.answer),
            *([_sure(one)] if sure else []),
            number(one.loss, 3),
            *(one.values.get(name, NOTHING) for name in columns),
        )
        for one in hardest
    ]
    return join(element("p", words), table(("row", "true", "predicted", *sure, "loss", *columns), rows))
