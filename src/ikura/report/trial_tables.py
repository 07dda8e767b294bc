"""Tables: of anything, of the best trials, of the columns that were read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ikura.page.formatting import NOTHING, count, duration, number, plural, score
from ikura.page.html_tables import NO_BREAK, WORDS, table
from ikura.page.markup import Html, element, join
from ikura.report.view import View
from ikura.study.record.trial import Purpose

__all__ = ["best_trials", "columns"]

BEST_TRIALS = 10
MOST_COLUMNS = 200


def best_trials(view: View) -> Html | None:
    """List the best trials with their scores and hyperparameters.

    Args:
        view: the study.

    Returns:
        A sentence and a table; None when no trial has a score.
    """
    ranked = view.ranked
    if not len(ranked):
        return None
    top = view.configurations.head(BEST_TRIALS)
    repeated = bool(top["repeats"].notna().any())
    headings = ["trial", "stage", f"dev {view.metric}", *(["trained again"] if repeated else []), *view.varying]
    headings += [f"train {view.metric}", "dev loss", "epochs", "time"]
    rows = []
    for one, values in zip(top.itertuples(), top[view.varying].to_numpy(object), strict=True):
        again = [_again(one)] if repeated else []
        stage = view.stage_name(one).replace(" ", NO_BREAK)
        cells = [_name(one), stage, element("b", score(one.dev_score)), *again, *map(number, values)]
        rows.append([*cells, score(one.train_score), score(one.dev_loss), _epochs(one), duration(one.seconds)])
    wordy = {name for name in view.varying if any(isinstance(value, str) for value in top[name])}
    chosen = [place for place, is_chosen in enumerate(top["chosen"]) if is_chosen]
    once = ", each configuration once" if len(view.configurations) < len(ranked) else ""
    sentence = (
        f"The best {len(top)} of {plural(len(ranked), 'trial')} by dev {view.metric}{once}; "
        "ties go to the lower dev loss."
    )
    if len(top) == 1 == len(ranked):
        sentence = "One trial has a score."
    if repeated:
        sentence += (
            " Finalists were trained again with other seeds; the column shows the mean of those runs and their number; "
            "the best mean is chosen."
        )
    place = [place + 1 for place, is_chosen in enumerate(view.configurations["chosen"]) if is_chosen]
    if place and place[0] > len(top):
        sentence += f" The chosen configuration stands in place {place[0]}."
    fixed = {name: view.record.space[name] for name in view.record.space if name not in view.varying}
    return join(
        element("p", sentence),
        table(headings, rows, marked=chosen[0] if chosen else None, words=WORDS | wordy),
        _fixed(fixed),
    )


def columns(summary: Mapping[str, Any]) -> Html | None:
    """List the columns that were read, with their kinds."""
    found = list(summary.get("columns") or [])
    if not found:
        return None
    rows = [
        [one["name"], one["kind"], count(one.get("missing")), count(one.get("distinct")), one.get("note") or ""]
        for one in found[:MOST_COLUMNS]
    ]
    headings = ["name", "kind", "missing", "distinct", "note"]
    if not any(row[-1] for row in rows):
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    more = f"{len(found) - MOST_COLUMNS:,} more columns are not shown." if len(found) > MOST_COLUMNS else None
    return join(table(headings, rows), None if more is None else element("p", more))


def _name(trial: Any) -> Html:
    finalist = trial.repeats == trial.repeats or trial.purpose == Purpose.FINALIST
    badge = "chosen" if trial.chosen else "finalist" if finalist else None
    return join(f"{trial.number}", None if badge is None else element("span", badge, class_=f"badge {badge}"))


def _again(trial: Any) -> object:
    if trial.repeats != trial.repeats:
        return NOTHING
    return join(score(trial.again), element("small", f" ({int(trial.repeats)})"))


def _epochs(trial: Any) -> str:
    epochs, best = trial.epochs, trial.best_epoch
    return number(epochs) if best != best or best == epochs else f"{number(best)} of {number(epochs)}"


def _fixed(fixed: Mapping[str, Any]) -> Html | None:
    values = [(name, getattr(parameter, "value", None)) for name, parameter in fixed.items()]
    values = [(name, value) for name, value in values if value is not None]
    if not values:
        return None
    held = [element("li", element("code", name), " ", number(value)) for name, value in values]
    return element(
        "div", element("p", "The same in every trial:"), element("ul", *held, class_="chips"), class_="quiet"
    )
