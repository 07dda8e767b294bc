"""The page of a comparison of batch sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ikura.files import shown
from ikura.large_batch.timing import short_duration
from ikura.page.cards import card, head
from ikura.page.figure import css
from ikura.page.formatting import NOTHING, as_words, count, number, score
from ikura.page.html_tables import block, table
from ikura.page.lines import MARKS, Line, chart, level
from ikura.page.markup import Html, element, join, passage
from ikura.page.page import page, write_text

if TYPE_CHECKING:
    from ikura.large_batch.comparison import Row
    from ikura.large_batch.scale_result import Scaling

__all__ = ["write_page"]

WORDS = frozenset({"column", "change", "verdict", "hyperparameter", "why"})
COLOURS = (*MARKS, "--muted")


def write_page(path: Path, scaling: Scaling) -> Path:
    """Write the page: the verdict, the table, the charts behind it, the settings, how to repeat it.

    Args:
        path: the file.
        scaling: what was found.

    Returns:
        The file's path.
    """
    parts = [
        ("Comparison", "Measure by measure", _comparison(scaling)),
        ("Batch sizes", "Batch sizes", _sizes(scaling)),
        ("Learning curves", "Learning curves", _curves(scaling)),
        ("Settings", "The settings", _settings(scaling)),
        ("Repeat", "How to repeat it", _repeat(scaling)),
    ]
    title = f"Batch {scaling.batch_size:,} · {scaling.run.name}"
    known = [(name, heading, content) for name, heading, content in parts if content is not None]
    return write_text(path, page(f"{title} · ikura", _header(scaling), known))


def _header(scaling: Scaling) -> Html:
    best, (first, *rest) = scaling.best, scaling.sentences
    low, high = best.interval
    faster = scaling.faster
    needed = ", ".join(scaling.needed) or ("can't be told" if scaling.measures else "no measure")
    difference = f"{_signed(best.difference)}, 95 % interval {_signed(low)} to {_signed(high)}"
    told = difference if math.isfinite(low) else f"{best.diverged} of {best.seeds} networks diverged"
    cards = [
        card(
            f"Dev {as_words(scaling.metric)}",
            str(best.verdict),
            f"{told}; a loss of {number(scaling.margin)} is allowed",
            kind="main",
        ),
        card("Needed", needed, f"recommended: “{best.name}”"),
        card(
            "To the same dev score",
            f"{number(faster, 2)} ×" if math.isfinite(faster) and faster else "never" if faster == 0 else NOTHING,
            f"as fast: {short_duration(best.seconds_to_score)} instead of "
            f"{short_duration(scaling.rows[0].seconds_to_score)}"
            if math.isfinite(best.seconds_to_score)
            else "the score is not reached",
        ),
        card(
            "An epoch",
            short_duration(best.seconds_per_epoch),
            f"instead of {short_duration(scaling.rows[0].seconds_per_epoch)}, one network, {scaling.device}",
        ),
    ]
    above = f"ikura scale {shown(scaling.run)} · {best.seeds} seeds"
    return head(above, f"Batches of {scaling.batch_size:,} instead of {scaling.small:,}", first, cards, rest)


def _signed(value: float, digits: int = 4) -> str:
    return f"{value:+.{digits}f}".replace("-", "−") if math.isfinite(value) else NOTHING


def _comparison(scaling: Scaling) -> Html:
    headings = ["column", "batch", "learning rate", "epochs", "updates", f"dev {scaling.metric}", "difference"]
    headings += ["verdict", "an epoch", "to the score"]
    rows = [
        [
            row.name,
            count(row.batch_size),
            number(row.learning_rate),
            count(row.epochs),
            count(row.updates),
            f"{row.diverged} of {row.seeds} diverged" if row.diverged else element("b", score(row.dev)),
            _difference(row),
            str(row.verdict or NOTHING),
            short_duration(row.seconds_per_epoch),
            short_duration(row.seconds_to_score),
        ]
        for row in scaling.rows
    ]
    marked = [row.name for row in scaling.rows].index(scaling.chosen)
    return passage(
        "Each column has the measures of all columns before it; a control is added to the large batch alone, and "
        "is in no other column. Columns of one seed begin with the same weights and see the examples in the same "
        "order; the score is that of the epoch with the lowest dev loss, and differences from the small batch are "
        "paired over seeds and dev examples. A column holds the score if the whole interval lies above a loss of "
        f"{number(scaling.margin)}; it loses if the whole interval lies below, or a network diverged; otherwise "
        "that can't be told yet. Epochs and updates are the most that a network may train; early stopping may end "
        "it before.",
        element("div", table(headings, rows, marked=marked, words=WORDS), class_="block whole"),
        _differences(scaling.rows[1:], [row.name for row in scaling.rows[1:]], scaling, "column"),
    )


def _difference(row: Row) -> object:
    """The difference from the small batch, its interval below it."""
    if row.verdict is None or not math.isfinite(row.interval[0]):
        return NOTHING
    low, high = map(_signed, row.interval)
    return join(_signed(row.difference), element("br"), element("small", f"{low} to {high}"))


def _differences(rows: Sequence[Row], places: Sequence[Any], scaling: Scaling, along: str, **look: Any) -> Html:
    known = [(place, row) for place, row in zip(places, rows, strict=True) if math.isfinite(row.difference)]
    if not known:
        return Html("")
    low, high = ([row.interval[end] for _, row in known] for end in (0, 1))
    line = Line("", [place for place, _ in known], [row.difference for _, row in known], low, high, mode="markers")
    muted = css("--muted")
    zero, allowed = level(0, color=muted), level(-scaling.sign * scaling.margin, color=muted, dash="dot")
    return chart(
        [line],
        along,
        f"difference in dev {as_words(scaling.metric)}",
        title="Difference from the small batch",
        caption="95 % intervals; the dotted line is the loss that is allowed.",
        shapes=[zero, allowed],
        **look,
    )


def _sizes(scaling: Scaling) -> Html | None:
    if scaling.sizes is None:
        return None
    tried = scaling.sizes.tried
    batches = [one.batch_size for one in tried]
    axis = {"type": "log", "tickvals": batches, "ticktext": [f"{one:,}" for one in batches]}
    rows = [
        [
            count(one.batch_size),
            {"sqrt": "√ratio", "linear": "ratio"}.get(one.rule, NOTHING),
            f"{one.row.diverged} diverged" if one.row.diverged else element("b", score(one.row.dev)),
            _signed(one.row.difference) if one.row.verdict is not None else NOTHING,
            str(one.row.verdict or NOTHING),
            short_duration(one.row.seconds_per_epoch),
            number(one.row.epochs_to_score) if math.isfinite(one.row.epochs_to_score) else "never",
            short_duration(one.row.seconds_to_score),
        ]
        for one in tried
    ]
    headings = ["batch", "rate ×", f"dev {scaling.metric}", "difference", "verdict", "an epoch"]
    headings += ["epochs to the score", "time to the score"]
    reached = [one for one in tried if math.isfinite(one.row.seconds_to_score)]
    seconds = [one.row.seconds_to_score for one in reached]
    times = [
        Line("an epoch", batches, [one.row.seconds_per_epoch for one in tried], colour=MARKS[1]),
        Line("to the small batch's score", [one.batch_size for one in reached], seconds),
    ]
    took = chart(
        times,
        "batch size",
        "seconds",
        title="Seconds on this device",
        caption="Measured with one network at a time.",
        xaxis=axis,
        yaxis={"type": "log"},
    )
    differences = _differences([one.row for one in tried[1:]], batches[1:], scaling, "batch size", xaxis=axis)
    place = batches.index(scaling.sizes.largest) if scaling.sizes.largest in batches else None
    return passage(
        "Each size has all measures, or where they lose those that do best; sizes double until two in a row lose.",
        block(headings, rows, marked=place, words=WORDS),
        element("div", differences, took, class_="multiples"),
    )


def _curves(scaling: Scaling) -> Html | None:
    lines: dict[str, list[Line]] = {"epoch": [], "seconds": []}
    for place, row in enumerate(row for row in scaling.rows if not row.control):
        curves = [np.asarray(one, float) for one in scaling.curves.get(row.name, []) if len(one)]
        if not curves or row.diverged:
            continue
        length = min(map(len, curves))
        scores = np.stack([one[:length, 2] for one in curves])
        epochs = np.arange(1, length + 1)
        colour = COLOURS[place % len(COLOURS)]
        means, lows, highs = scores.mean(0).tolist(), scores.min(0).tolist(), scores.max(0).tolist()
        lines["epoch"].append(Line(row.name, epochs.tolist(), means, lows, highs, colour, "lines"))
        if math.isfinite(row.seconds_per_epoch):
            seconds = (epochs * row.seconds_per_epoch).tolist()
            lines["seconds"].append(Line(row.name, seconds, means, lows, highs, colour, "lines"))
    if not lines["epoch"]:
        return None
    what = f"dev {as_words(scaling.metric)}"
    charts = [
        chart(lines["epoch"], "epoch", what, title="By epoch", xaxis={"type": "log"}),
        chart(lines["seconds"], "seconds", what, title="By seconds on this device", xaxis={"type": "log"}),
    ]
    return passage(
        "Mean over seeds, for as long as all of them train; the band is from the worst to the best"
        + ("; controls are not drawn." if any(row.control for row in scaling.rows) else "."),
        element("div", *charts, class_="multiples"),
    )


def _settings(scaling: Scaling) -> Html:
    rows: list[list[object]] = []
    for row in scaling.rows[1:]:
        for place, (name, value) in enumerate(row.changes.items()):
            rows.append([row.name if not place else "", name, number(value, 5), row.reason if not place else ""])
        if row.name == scaling.chosen:
            break
    skipped = [element("li", sentence) for sentence in scaling.skipped]
    return join(
        element("p", f"What “{scaling.chosen}” changes in the run's settings; all else is as the run chose it."),
        table(["column", "hyperparameter", "value", "why"], rows, words=WORDS | {"value"}),
        element("div", element("p", "Not applied:"), element("ul", *skipped), class_="quiet") if skipped else None,
    )


def _repeat(scaling: Scaling) -> Html:
    further = [element("pre", element("code", command)) for command in scaling.next_commands]
    return passage(
        "What is trained already is not trained again:",
        element("pre", element("code", scaling.command)),
        *(["What may go further:", *further] if further else []),
        "The large batch's model:",
        element("pre", element("code", scaling.predict_command)),
    )
