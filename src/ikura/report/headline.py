"""The top of the page: what was predicted, how well, how sure, how long it took."""

from __future__ import annotations

import math
from pathlib import PurePath
from typing import Any

from ikura.page.cards import card
from ikura.page.formatting import as_float, as_words, count, duration, interval, number, plural, score
from ikura.page.markup import Html, element, join
from ikura.report.view import View
from ikura.study.record.result import Best
from ikura.study.record.study_tables import seconds_until_told

__all__ = ["headline", "subject"]

UNBOUNDED = (-math.inf, math.inf)


def subject(view: View) -> str:
    """Name what is predicted, as the page's title."""
    target = view.record.summary.get("target") or view.record.config.get("target")
    return f"Predicting {target}" if target else "A study"


def headline(view: View) -> Html:
    """Say in four numbers and two sentences what came out.

    Args:
        view: the study.

    Returns:
        The page's header.
    """
    study = view.record
    return element(
        "header",
        element("p", _task(view), class_="eyebrow"),
        element("h1", subject(view)),
        element("p", _lede(view), class_="lede"),
        element("div", _test(view), _dev(view), _trials(view), _time(view), class_="cards"),
        element("p", verdict(view), class_="verdict"),
        *(element("p", one, class_="verdict") for one in _sentences(study.best)),
        _configuration(study.best),
    )


def verdict(view: View) -> str:
    """Compare the test score with the dev score's interval in a sentence."""
    best, test = view.record.best, view.record.test
    if best is None or not math.isfinite(as_float(best.dev)):
        return "No trial could be trained to its end, so that there is no network to judge."
    if note := getattr(test, "note", None):
        return f"There is no test score: {note}."
    if test is None or not math.isfinite(as_float(test.value)):
        return "The test set has not been used yet; the dev score is somewhat flattered, being the best of many."
    if test.metric != view.record.metric.name or not interval(best.interval):
        return "The test set was used once, at the very end; its score is the one to expect on new data."
    corrected = best.dev_corrected is not None and bool(interval(best.corrected_interval))
    low, high = (as_float(end) for end in (best.corrected_interval if corrected else best.interval) or UNBOUNDED)
    of = "corrected dev score's interval" if corrected else "dev score's interval"
    if low <= test.value <= high:
        after = "as it should" if corrected else "choosing the best trial has flattered it little"
        return f"The test score lies within the {of}: {after}."
    better = (test.value > high) == (view.better > 0)
    if interval(test.interval):
        least, most = (as_float(end) for end in test.interval or UNBOUNDED)
        if least <= high and low <= most:
            outside = f"The test score is {'better' if better else 'worse'} than the {of}"
            return f"{outside}, by no more than chance explains: its own interval overlaps that one."
    if better:
        return f"The test score is better than the {of}: the test rows happen to be the easier ones."
    flattered = "" if corrected else "choosing the best of many trials has flattered the dev score, or "
    expect = "Expect the test score on new data."
    return f"The test score is worse than the {of}: {flattered}the test rows are harder. {expect}"


def _sentences(best: Any) -> list[str]:
    """What is to be said about the choice: why it was not the usual one, and how sure it is."""
    told = [best.note, best.next and best.next.sentence] if best is not None else []
    return [f"{one[0].upper()}{one[1:].rstrip('.')}." for one in told if one]


def _task(view: View) -> str:
    classes = view.record.summary.get("classes") or []
    return {
        "regression": "Regression",
        "binary": "Classification, two classes",
        "multilabel": "Labels, any of which may hold",
        "multiclass": f"Classification, {plural(len(classes), 'class', 'classes')}" if classes else "Classification",
    }.get(view.record.task, view.record.task)


def _lede(view: View) -> Html:
    summary = view.record.summary
    source = summary.get("source") or view.record.config.get("data") or "the data"
    images = summary.get("images")
    what = f"{'grey' if images['channels'] == 1 else 'colour'} image" if images else "row"
    used = len(summary.get("columns") or []) - len(summary.get("left_out") or [])
    columns = f" and {plural(used, 'column')}" if used > 0 else ""
    return join(
        f"{plural(len(view.search), 'network')} tried in {duration(_seconds(view))} on ",
        element("b", PurePath(str(source)).name or str(source)),
        f", {plural(int(summary.get('rows') or 0), what)}{columns}.",
    )


def _seconds(view: View) -> float:
    return sum(seconds_until_told(view.record.seconds).values())


def _test(view: View) -> Html:
    test = view.record.test
    if test is None:
        return card("Test score", "–", "Not measured.", kind="main")
    if note := getattr(test, "note", None):
        return card(f"Test {as_words(test.metric)}", "–", f"{note[0].upper()}{note[1:]}.", kind="main")
    rows = (view.record.summary.get("parts") or {}).get("test")
    seen = f"On {plural(int(rows), 'row')} no trial has seen, measured once." if rows else "Measured once."
    return card(
        f"Test {as_words(test.metric)}",
        score(test.value, 3),
        join(_between(test.interval), _whisker(view, "test"), _about(view), seen),
        kind="main",
    )


def _dev(view: View) -> Html:
    best = view.record.best
    if best is None or not math.isfinite(as_float(best.dev)):
        return card(f"Best dev {view.metric}", "–", "No trial has a score.")
    again = view.ranked[view.ranked["chosen"] & (view.ranked["repeats"] > 1)]
    words = "chosen on the dev set"
    # Where time ran out, the one network of the search may have been kept in the place of the repeated ones.
    if len(again) and math.isclose(again["again"].iloc[0], best.dev, rel_tol=1e-9):
        words = f"the mean of {int(again['repeats'].iloc[0])} runs with other seeds"
    return card(
        f"Best dev {view.metric}",
        score(best.dev, 3),
        join(
            _between(best.interval),
            _whisker(view, "dev"),
            _corrected(best),
            _about(view),
            f"Trial {best.number}, {words}.",
        ),
    )


def _about(view: View) -> Html | None:
    """The class that the metric is about, where it is about one of two."""
    positive = view.record.config.get("positive")
    if positive is None or not getattr(view.record.metric, "positive", False):
        return None
    return element("span", f"Of the positive class, {positive!r}.")


def _corrected(best: Any) -> Html | None:
    """The dev score less what having been picked as the best of many has flattered."""
    if best.next is None or best.dev_corrected is None or not math.isfinite(as_float(best.dev_corrected)):
        return None
    words = interval(best.corrected_interval)
    told = f"{score(best.dev_corrected, 3)} corrected for having been picked"
    return element("span", f"{told}, {words}" if words else told)


def _trials(view: View) -> Html:
    states = view.search["state"].value_counts()
    told = [f"{count(times)} {state}" for state, times in states.items()]
    repeated = len(view.trials) - len(view.search)
    more = f"{plural(repeated, 'run')} of the finalists with other seeds." if repeated else None
    return card("Trials", count(len(view.search)), join(element("span", ", ".join(told) + "."), more))


def _time(view: View) -> Html:
    seconds = _seconds(view)
    epochs = view.trials["epochs"].sum()
    rate = f"{count(round(epochs))} epochs of single networks." if epochs > 0 else None
    return card("Time", duration(seconds), rate)


def _between(ends: tuple[float, float] | None) -> Html | None:
    words = interval(ends)
    return element("span", f"95 % interval {words}") if words else None


def _whisker(view: View, which: str) -> Html | None:
    """An interval as a line with a dot; both cards share one scale when both scores are of one metric."""
    best, test = view.record.best, view.record.test
    shared = test is not None and test.metric == view.record.metric.name
    scores: dict[str, tuple[float, Any]] = {}
    if best is not None and (shared or which == "dev"):
        scores["dev"] = (best.dev, best.interval)
    if test is not None and (shared or which == "test"):
        scores["test"] = (test.value, test.interval)
    known = [as_float(one) for value, ends in scores.values() for one in (value, *(ends or ()))]
    value, ends = scores[which]
    if not interval(ends) or not all(math.isfinite(one) for one in known) or min(known) == max(known):
        return None
    low, high = min(known), max(known)
    low, high = low - 0.12 * (high - low), high + 0.12 * (high - low)

    def at(one: float) -> float:
        return 100 * (as_float(one) - low) / (high - low)

    left, right = sorted(at(end) for end in ends)
    return element(
        "div",
        element("i", class_="span", style=f"left:{left:.1f}%;width:{right - left:.1f}%"),
        element("i", class_="dot", style=f"left:{at(value):.1f}%"),
        class_="whisker",
        aria_hidden="true",
    )


def _configuration(best: Best | None) -> Html | None:
    if best is None or not best.hyperparameters:
        return None
    chips = [element("li", element("code", name), " ", number(value)) for name, value in best.hyperparameters.items()]
    if best.changed:
        chips.insert(0, element("li", "as it began:"))
    return element("ul", *chips, class_="chips")
