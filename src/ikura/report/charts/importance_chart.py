"""What mattered: the importance of each hyperparameter, borders that hold back, the spread over seeds."""

from __future__ import annotations

import pandas as pd

from ikura.diagnose import borders, trial_variance
from ikura.page.formatting import number, plural
from ikura.page.html_tables import bars
from ikura.page.markup import Html, element, join
from ikura.report.view import View

__all__ = ["importance"]

MOST = 20


def importance(view: View) -> Html | None:
    """Say in bars and sentences which hyperparameters decided about the dev score.

    Args:
        view: the study.

    Returns:
        Sentences and two lists of bars; None when nothing varied or no trial has a score.
    """
    if not view.varying or not len(view.scored):
        return None
    tables = view.importance
    explained = (
        f"Which hyperparameters decide about the dev {view.metric}, by how differently their values are distributed "
        "among the best trials and among all they are compared with (PED-ANOVA). Shares add up to 100 %; grey bars are "
        "no longer than chance would make them."
    )
    blocks = [
        element(
            "div",
            element("h3", title),
            _bars(tables[among]),
            element("p", tables[among].attrs["note"], class_="quiet"),
            class_="block",
        )
        for among, title in (
            ("all", "To be among the best tenth"),
            ("good", "Among the good quarter, to be better still"),
        )
    ]
    return join(
        element("p", explained) if any(len(table) for table in tables.values()) else None,
        element("div", *blocks, class_="pair"),
        _edges(view),
        _variance(view),
    )


def _bars(table: pd.DataFrame) -> Html | None:
    if not len(table):
        return None
    shown = table[["hyperparameter", "importance", "chance"]].head(MOST).to_numpy(object)
    rows = [
        (element("code", name), importance, f"{100 * importance:.0f} %", importance <= chance)
        for name, importance, chance in shown
    ]
    return bars(rows)


def _edges(view: View) -> Html | None:
    best = view.record.best
    found = borders(view.trials, view.record.searched, view.better > 0, best and best.hyperparameters)  # type: ignore[arg-type]
    if not found:
        return None
    return element("div", *(element("p", border.sentence) for border in found), class_="advice")


def _variance(view: View) -> Html | None:
    spread = trial_variance(view.trials)
    if spread is None:
        return None
    text = (
        f"Trained again with other seeds, one configuration's dev {view.metric} varies with a standard deviation of "
        f"{number(spread.deviation, 2)} (trial variance, from {plural(spread.runs, 'run')} of "
        f"{plural(spread.configurations, 'configuration')})."
    )
    best = view.scored["dev_score"] * view.better
    if spread.deviation > 0 and len(best):
        near = int((best >= best.max() - spread.deviation).sum())
        text += f" {plural(near, 'trial')} of the search {'lies' if near == 1 else 'lie'} within that of the best."
    return element("p", text, class_="after")
