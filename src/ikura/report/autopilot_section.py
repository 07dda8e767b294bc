"""What the autopilot did: search by search, what was wrong, what it decided, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ikura.diagnose.decision_wording import change_in_words
from ikura.json_values import JsonObject
from ikura.page.formatting import as_float, count, plural, score
from ikura.page.markup import Html, element, join
from ikura.report.view import View

__all__ = ["autopilot"]

ANSWERED = {"stop": "You ended the search; offered was", "skip": "You skipped"}
ENDS = {"stop": "The search ends here", "search": "Next", "skip": "Skipped"}


def autopilot(view: View) -> Html | None:
    """Tell the story of an autopilot; None if there was none."""
    decisions = list(view.record.decisions)
    if not decisions:
        return None
    searched = [one for one in decisions if one["action"] == "search"]
    last = decisions[-1]
    sentence = f"The autopilot searched {'once' if not searched else plural(1 + len(searched), 'time')}"
    before, after = (one.get("best") for one in (decisions[0], last))
    if searched and before and after:
        name = f"the best dev {view.metric}"
        way = f"from {score(before['dev'], 3)} to {score(after['dev'], 3)}"
        sentence += f"; {name} went {way}" if after["dev"] != before["dev"] else f"; {name} stayed at {way.split()[1]}"
    # The trials of each search, and then what was decided after it.
    steps: list[Html] = []
    scale = max((as_float(_errors(one)[name]["value"]) for one in decisions for name in _errors(one)), default=0.0)
    for place, one in enumerate(decisions):
        if place == 0 or decisions[place - 1].get("action") != "skip":
            made = next((d for d in reversed(decisions[:place]) if d["action"] == "search"), None)
            steps.append(_search(view, one, made, scale))
        steps.append(_decision(one))
    return join(
        element("p", f"{sentence}. {_ending(last)}"),
        element("ol", *steps, class_="story"),
    )


def _ending(last: Mapping[str, Any]) -> str:
    if last["action"] != "stop":
        return "It is not at its end yet."
    return "You ended it." if last.get("answer") == "stop" else f"It ended because {_because(last['reason'])}."


def _because(reason: str) -> str:
    return reason[0].lower() + reason[1:].rstrip(".")


def _errors(one: Mapping[str, Any]) -> JsonObject:
    found = one.get("diagnosis") or {}
    return {name: found[name] for name in ("train", "dev") if found.get(name)}


def _search(view: View, one: Mapping[str, Any], made: Mapping[str, Any] | None, scale: float) -> Html:
    """A search: its trials, its best dev score, and the errors of the best network until then."""
    number = 1 if made is None else made["plan"]["number"]
    found = one.get("best") if made is None else made.get("found")
    head = [element("b", f"Search {number}")]
    if made is None and view.record.config.get("auto"):
        head.append(element("span", plural(view.record.config["auto"]["first"], "trial")))
    elif made is not None:
        known = f", {count(made['known'])} known beforehand" if made["known"] else ""
        head.append(element("span", f"{plural(made['trials'], 'trial')}{known}; {made['weights']}"))
    told: list[Html | None] = []
    if found:
        best = f"Best dev {view.metric} {score(found['dev'], 4)} (trial {found['number']})"
        verdict = "" if made is None else ", better than before" if found["better"] else ", no better than before"
        if made is not None and found["better"] and found["dev"] == made["best"]["dev"]:
            verdict = ", as good as before with a lower loss"
        told.append(element("p", f"{best}{verdict}."))
    elif made is not None:
        told.append(element("p", "No trial came to a score."))
    diagnosis = one.get("diagnosis")
    if diagnosis and (made is None or (found and found["better"])):
        told += [_levels(diagnosis, scale), element("p", diagnosis["sentence"])]
    return element("li", element("div", *head, class_="head"), *told, class_="search")


def _levels(diagnosis: Mapping[str, Any], scale: float) -> Html | None:
    """Training and dev error as bars with their intervals, on the scale of the whole story."""
    parts = [("training", diagnosis["train"]), ("dev", diagnosis["dev"])]
    best = diagnosis.get("optimal")
    if best:
        name = "best achievable" if diagnosis["optimal_source"] != "estimate" else "best achievable, estimated"
        parts.insert(0, (name, best))
    if not scale > 0 or not all(math.isfinite(as_float(one["value"])) for _, one in parts):
        return None
    lines = []
    for name, one in parts:
        width = 100 * min(max(as_float(one["value"]), 0.0) / scale, 1.0)
        told = f"{100 * one['value']:.1f} %"
        if one["low"] != one["high"]:
            told += f" ({100 * one['low']:.1f} to {100 * one['high']:.1f})"
        bar = element("i", style=f"width:{0.7 * width:.1f}%", class_="faint" if name.startswith("best") else None)
        lines.append(join(element("dt", name), element("dd", bar, element("span", told))))
    title = element("p", diagnosis["measure"], class_="quiet")
    return join(title, element("dl", *lines, class_="bars calm"))


def _decision(one: Mapping[str, Any]) -> Html:
    """A decision: what follows, what changes, why, who recommends it."""
    told = ANSWERED.get(str(one.get("answer")), ENDS[one["action"]])
    if one["name"] is None:
        return element("li", element("p", element("b", told), f": {_because(one['reason'])}."), class_="decision")
    against = f" against {one['against']}" if one["against"] in ("bias", "variance", "mismatch") else ""
    changes = [element("li", change_in_words(name, *pair)) for name, pair in one["changes"].items()]
    reason = f"{one['reason'].rstrip('.')}."
    expected = f" Expected: {one['expected'].rstrip('.')}." if one["expected"] else ""
    return element(
        "li",
        element("p", element("b", f"{told}: "), element("code", one["name"]), f"{against}. {reason}{expected}"),
        element("ul", *changes, class_="chips") if changes else None,
        element("p", one["source"], class_="quiet") if one["source"] else None,
        class_="decision",
    )
