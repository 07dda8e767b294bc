"""The parts of the page below the headline, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ikura.checks.checks_page import checks_section
from ikura.diagnose.diagnosis_sections import diagnosis
from ikura.explain.explanation import read_explanation
from ikura.explain.explanation_sections import explanation_section
from ikura.page.formatting import as_float, count, duration, listed, number, plural
from ikura.page.html_tables import bars, table
from ikura.page.markup import Html, element, join
from ikura.report import charts
from ikura.report.autopilot_section import autopilot
from ikura.report.calibration_section import intervals, others, probabilities
from ikura.report.ensemble_section import ensemble
from ikura.report.image_section import contact_sheet, examples
from ikura.report.repeat import repeat
from ikura.report.schedule_section import rounds
from ikura.report.target_section import each_target
from ikura.report.trial_tables import best_trials, columns
from ikura.report.view import View
from ikura.study.record.facts import Sparsity, Stopping
from ikura.study.record.study_tables import cut_by_hand, seconds_until_told
from ikura.trial_state import State

__all__ = ["sections"]

MOST_CLASSES = 30
MOST_DIVERGED = 40
MANY_FAILED, FEW_FAILED = 0.25, 4
"""Share and number of trials without a score from which the space itself is in question."""
ENDINGS = {
    State.COMPLETE: "ran to the end",
    State.PRUNED: "stopped early",
    State.DIVERGED: "diverged",
    State.FROZEN: "did not move",
    State.STOPPED: "cut short by the time limit",
    State.SKIPPED: "skipped for lack of time",
    State.INFEASIBLE: "infeasible",
    State.RUNNING: "still running",
    State.PAUSED: "paused",
    State.WAITING: "waiting",
}
ENDINGS_BY_HAND = {
    State.COMPLETE: "cut short by hand",
    State.STOPPED: "cut short by hand",
    State.SKIPPED: "skipped when a hand ended the search",
}


def sections(view: View) -> Iterator[tuple[str, str, Html]]:
    """Make the sections that this study has something to say in.

    Args:
        view: the study.

    Yields:
        Name in the navigation, heading and content.
    """
    contents = (
        ("Autopilot", "What the autopilot did", autopilot(view)),
        ("Trials", "Best trials" if len(view.ranked) else "Trials", join(best_trials(view), states(view))),
        ("Objectives", "Dev score against the other objectives", charts.tradeoff(view)),
        ("Rounds", "Who went on", rounds(view)),
        ("Ensemble", "One network against the ensemble", ensemble(view)),
        (
            "Test set",
            "On the test set",
            join(each_target(view), others(view), charts.outcomes(view), intervals(view), probabilities(view)),
        ),
        ("Diagnosis", "Bias, variance, and what next", diagnosis(view.findings, view.record.task)),
        ("Columns", "What the model looks at", explanation_section(read_explanation(view.record))),
        ("What mattered", "What mattered", charts.importance(view)),
        (
            "Hyperparameters",
            "Hyperparameters",
            join(charts.hyperparameters(view), _under(charts.parallel(view)), _said(view.record.account.sparsity)),
        ),
        ("Learning curves", "Learning curves", join(_said(view.record.account.stopping), charts.curves(view))),
        ("Data", "What was read", data(view.record.summary, view.record.image_samples)),
        ("Checks", "Checks before training", None if view.checks is None else checks_section(view.checks)),
        ("Augmentation", "Changed images", contact_sheet(view.record.image_samples)),
        ("Time", "Where the time went", seconds(view.record.seconds)),
        ("Repeat", "How to repeat it", repeat(view.record)),
    )
    for name, heading, content in contents:
        if content:
            yield name, heading, content


def _said(one: Sparsity | Stopping | None) -> Html | None:
    """A sentence about the chosen network."""
    return None if one is None else element("p", f"Of the chosen network, {one.sentence}.", class_="after")


def data(summary: Mapping[str, Any], image_samples: Mapping[str, Any] | None = None) -> Html | None:
    """Tell what was read: rows, split, classes, columns or images, drift, notes."""
    if not summary:
        return None
    left_out = list(summary.get("left_out") or [])
    told = {f"Column {one['name']!r} is left out: {one['reason']}." for one in left_out}
    notes = [note for note in summary.get("notes") or [] if note not in told]
    rows, without = int(summary.get("rows") or 0), int(summary.get("rows_without_target") or 0)
    sentence = f"{plural(rows, 'row')} were read from {summary.get('source') or 'the data'}"
    if images := summary.get("images"):
        mode = "grey" if images["channels"] == 1 else "colour"
        sentence = f"{plural(rows, f'{mode} image')} of {images['width']} × {images['height']} pixels were read from "
        sentence += f"{summary.get('source') or 'the data'}"
    sentence += (
        f"; {plural(without, 'row')} without a target {'is' if without == 1 else 'are'} left out." if without else "."
    )
    reasons = [join(element("code", one["name"]), f": {one['reason']}") for one in left_out[:MOST_DIVERGED]]
    if len(left_out) > MOST_DIVERGED:
        reasons.append(join(f"and {len(left_out) - MOST_DIVERGED:,} more"))
    return join(
        element("p", sentence),
        element("div", _split(summary.get("parts") or {}), _classes(summary), class_="pair"),
        element("div", _list("Worth knowing", notes), _list("Columns left out", reasons), class_="pair")
        if notes or reasons
        else None,
        element(
            "div",
            _titled("Columns", columns(summary)),
            _drift(list(summary.get("drift") or [])),
            class_="pair",
        ),
        _titled("Some of them", examples(image_samples)),
    )


def states(view: View) -> Html | None:
    """Count how the trials ended, and name the diverged ones."""
    if not len(view.search):
        return None
    of_state = view.search["state"].map({str(state): ending for state, ending in ENDINGS.items()})
    of_state_by_hand = view.search["state"].map({str(state): ending for state, ending in ENDINGS_BY_HAND.items()})
    endings = of_state.mask(view.search["number"].isin(cut_by_hand(view.record.store)), of_state_by_hand)
    diverged = [str(number) for number in view.search.loc[view.search["state"] == State.DIVERGED, "number"]]
    told = [f"{count(times)} {ending}" for ending, times in endings.value_counts().items()]
    trials = len(view.search)
    text = (
        f"Of {count(trials)} trials, {listed(told)}." if trials > 1 else f"The only trial {told[0].removeprefix('1 ')}."
    )
    if diverged:
        text += f" The loss of a diverged trial grew without bound; this happened to {listed(diverged, MOST_DIVERGED)}."
    frozen = [str(number) for number in view.search.loc[view.search["state"] == State.FROZEN, "number"]]
    if frozen:
        text += f" No epoch moved the weights of {listed(frozen, MOST_DIVERGED)} by more than a rounding."
    if not diverged and view.record.diverged:
        text += f" {plural(view.record.diverged, 'run')} diverged in all, finalists included."
    return element("p", join(text, _infeasible(view)), class_="after")


def _infeasible(view: View) -> str:
    """Tell of trials that were never trained, and of a space in which many cannot be."""
    large = view.search["state"] == State.INFEASIBLE
    failed = large | view.search["state"].isin((State.DIVERGED, State.FROZEN))
    text = ""
    if large.any():
        bound = view.record.config.get("max_parameters")
        text = " No network could be made of infeasible ones; they were never trained."
        if bound is not None:
            text = (
                f" Infeasible ones would have more than {count(bound)} weights, or none could be made; they were never"
            )
            text += " trained."
    if failed.mean() > MANY_FAILED and failed.sum() >= FEW_FAILED:
        text += (
            f" {100 * failed.mean():.0f} % of the trials gave nothing to compare: narrow the ranges that the crosses "
            "mark below, or state a constraint."
        )
    return text


def seconds(spent: Mapping[str, float]) -> Html | None:
    """Draw the seconds of every stage as bars."""
    known = seconds_until_told(spent)
    total = sum(known.values())
    if not total > 0:
        return None
    slowest = max(known, key=lambda name: known[name])
    share = known[slowest] / total
    sentence = f"{duration(total)} in all; the longest part, {slowest}, took {100 * share:.0f} %."
    return join(element("p", sentence), bars((name, max(one, 0.0), duration(one)) for name, one in known.items()))


def _split(parts: Mapping[str, int]) -> Html | None:
    total = sum(parts.values())
    if not total:
        return None
    pieces = [
        element("i", class_=f"part {name}", style=f"flex-grow:{max(rows, total / 200):.0f}")
        for name, rows in parts.items()
    ]
    words = [
        element(
            "li", element("i", class_=f"key area part {name}"), f"{name} {count(rows)} ({100 * rows / total:.0f} %)"
        )
        for name, rows in parts.items()
    ]
    return _titled("Split", join(element("div", *pieces, class_="split"), element("ul", *words, class_="legend")))


def _classes(summary: Mapping[str, Any]) -> Html | None:
    classes = list(summary.get("classes") or [])
    if not classes:
        return None
    total = sum(one["rows"] for one in classes) or 1
    rows = [(one["name"], one["rows"], f"{count(one['rows'])} ({100 * one['rows'] / total:.1f} %)") for one in classes]
    if len(rows) > MOST_CLASSES:
        rows = sorted(rows, key=lambda row: -row[1])[:MOST_CLASSES]
    more = f"{len(classes) - MOST_CLASSES} smaller classes are not shown." if len(classes) > MOST_CLASSES else None
    ratio = as_float(summary.get("imbalance"))
    words = f"The largest class has {number(ratio, 2)} times the rows of the smallest." if ratio > 1.05 else None
    notes = [element("p", text, class_="quiet") for text in (words, more) if text]
    return _titled("Classes", join(bars(rows, "calm"), *notes))


def _drift(found: list[Mapping[str, Any]]) -> Html | None:
    if not found:
        return _titled(
            "Same distribution?", element("p", "No column of the dev or test set differs from the training set.")
        )
    rows = [
        (
            one["column"],
            one.get("part", ""),
            one.get("test", ""),
            number(as_float(one.get("statistic")), 3),
            _small(one),
        )
        for one in found[:MOST_DIVERGED]
    ]
    return _titled(
        "Same distribution?",
        join(
            element(
                "p", "These columns are distributed otherwise than in the training set; scores may not carry over."
            ),
            table(("column", "set", "test", "statistic", "p-value"), rows),
        ),
    )


def _small(one: Mapping[str, Any]) -> str:
    p_value = as_float(one.get("p_value"))
    return "< 0.0001" if p_value < 1e-4 else number(p_value, 2)


def _list(title: str, items: list[Any]) -> Html | None:
    return _titled(title, element("ul", *(element("li", item) for item in items))) if items else None


def _under(content: Html | None) -> Html | None:
    return None if content is None else element("div", content, class_="block")


def _titled(title: str, content: Html | None) -> Html | None:
    return None if content is None else element("div", element("h3", title), content, class_="block")
