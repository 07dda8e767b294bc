"""What the autopilot did: search by search, what was wrong, what it decided, and what came of it."""

from __future__ import annotations

import math

from ikura.diagnose.decision_wording import change_in_words
from ikura.page.formatting import count, plural, score
from ikura.page.markup import Html, element, join
from ikura.report.view import View
from ikura.study.record.decision import Action, Answer, Decision, EndRecord, Found, Leader, OfferRecord
from ikura.study.record.diagnosis import Diagnosis

__all__ = ["autopilot"]

ANSWERED = {Answer.STOP: "You ended the search; offered was", Answer.SKIP: "You skipped"}
ENDS = {Action.STOP: "The search ends here", Action.SEARCH: "Next", Action.SKIP: "Skipped"}


def autopilot(view: View) -> Html | None:
    """Tell the story of an autopilot; None if there was none."""
    decisions = view.record.decisions
    if not decisions:
        return None
    searches = sum(one.action is Action.SEARCH for one in decisions)
    sentence = f"The autopilot searched {plural(1 + searches, 'time') if searches else 'once'}"
    before, last = decisions[0].best, decisions[-1]
    if searches and before and last.best:
        name = f"the best dev {view.metric}"
        first, now = score(before.dev, 3), score(last.best.dev, 3)
        sentence += f"; {name} " + (
            f"went from {first} to {now}" if last.best.dev != before.dev else f"stayed at {first}"
        )
    # The trials of each search, and then what was decided after it.
    steps: list[Html] = []
    found = [one.diagnosis for one in decisions if one.diagnosis]
    values = [error.value for one in found for error in (one.train, one.dev) if not math.isnan(error.value)]
    scale = max(values, default=0.0)
    made: OfferRecord | None = None
    skipped = False
    for one in decisions:
        if not skipped:
            steps.append(_search(view, one, made, scale))
        skipped = one.action is Action.SKIP
        if isinstance(one, OfferRecord) and one.plan:
            made = one
        steps.append(_decision(one))
    return join(
        element("p", f"{sentence}. {_ending(last)}"),
        element("ol", *steps, class_="story"),
    )


def _ending(last: Decision) -> str:
    if last.action is not Action.STOP:
        return "It is not at its end yet."
    return "You ended it." if last.answer is Answer.STOP else f"It ended because {_because(last.reason)}."


def _because(reason: str) -> str:
    return reason[0].lower() + reason[1:].rstrip(".")


def _search(view: View, one: Decision, made: OfferRecord | None, scale: float) -> Html:
    """A search: its trials, its best dev score, and the errors of the best network until then."""
    told: list[Html | None] = []
    if made is None or made.plan is None:
        head = [element("b", "Search 1")]
        if options := view.record.setting.autopilot:
            head.append(element("span", plural(options.first, "trial")))
        better = True
        if one.best:
            told.append(_best(view, one.best, ""))
    else:
        known = f", {count(made.known)} known beforehand" if made.known else ""
        words = f"{plural(made.trials, 'trial')}{known}; {made.weights}"
        head = [element("b", f"Search {made.plan.number}"), element("span", words)]
        better = made.found is not None and made.found.better
        if made.found is None:
            told.append(element("p", "No trial came to a score."))
        else:
            verdict = ", better than before" if better else ", no better than before"
            if better and made.found.dev == made.best.dev:
                verdict = ", as good as before with a lower loss"
            told.append(_best(view, made.found, verdict))
    if one.diagnosis and better:
        told += [_levels(one.diagnosis, scale), element("p", one.diagnosis.sentence)]
    return element("li", element("div", *head, class_="head"), *told, class_="search")


def _best(view: View, found: Leader | Found, verdict: str) -> Html:
    return element("p", f"Best dev {view.metric} {score(found.dev, 4)} (trial {found.number}){verdict}.")


def _levels(diagnosis: Diagnosis, scale: float) -> Html | None:
    """Training and dev error as bars with their intervals, on the scale of the whole story."""
    parts = [("training", diagnosis.train), ("dev", diagnosis.dev)]
    if diagnosis.optimal:
        name = "best achievable" if diagnosis.optimal_source != "estimate" else "best achievable, estimated"
        parts.insert(0, (name, diagnosis.optimal))
    if not scale > 0 or not all(math.isfinite(one.value) for _, one in parts):
        return None
    lines = []
    for name, one in parts:
        width = 100 * min(max(one.value, 0.0) / scale, 1.0)
        told = f"{100 * one.value:.1f} %"
        if one.low != one.high:
            told += f" ({100 * one.low:.1f} to {100 * one.high:.1f})"
        bar = element("i", style=f"width:{0.7 * width:.1f}%", class_="faint" if name.startswith("best") else None)
        lines.append(join(element("dt", name), element("dd", bar, element("span", told))))
    title = element("p", diagnosis.measure, class_="quiet")
    return join(title, element("dl", *lines, class_="bars calm"))


def _decision(one: Decision) -> Html:
    """A decision: what follows, what changes, why, who recommends it."""
    told = ANSWERED[one.answer] if one.answer in ANSWERED else ENDS[one.action]
    if isinstance(one, EndRecord):
        return element("li", element("p", element("b", told), f": {_because(one.reason)}."), class_="decision")
    changes = [element("li", change_in_words(name, *pair)) for name, pair in one.changes.items()]
    reason = f"{one.reason.rstrip('.')}."
    expected = f" Expected: {one.expected.rstrip('.')}." if one.expected else ""
    return element(
        "li",
        element("p", element("b", f"{told}: "), element("code", one.name), f"{one.against_gap}. {reason}{expected}"),
        element("ul", *changes, class_="chips") if changes else None,
        element("p", one.source, class_="quiet") if one.source else None,
        class_="decision",
    )
