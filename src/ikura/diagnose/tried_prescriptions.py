"""What was tried already: prescriptions that an earlier study, or an earlier search of the autopilot, carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ikura.diagnose.recipe_rule import RuleContext
from ikura.errors import SpaceError
from ikura.space import Space
from ikura.study.record.decision import OfferRecord
from ikura.study.record.earlier_study import Change, EarlierStudy
from ikura.study.record.facts import EARLIER_STUDIES

__all__ = ["Tried", "tried"]


@dataclass(frozen=True)
class Tried:
    """A prescription that was carried out.

    Attributes:
        name: of its rule.
        before, after: the best dev score before and after.
        better: whether it rose (of a metric where less is better, fell).
        metric: what it is a score of.
    """

    name: str
    before: float
    after: float
    better: bool
    metric: str

    @property
    def sentence(self) -> str:
        """What it brought, for the end of a reason."""
        return f"It was tried already: dev {self.metric} {self.before:.4g} before, {self.after:.4g} after."


def tried(context: RuleContext) -> dict[str, Tried]:
    """Find what was tried before a study, or in it, and what that brought; of several times the last.

    An earlier study is one that the search began with (`prior`, `--prior`), and those before that.
    """
    found: dict[str, Tried] = {}
    record = context.record
    sign = 1.0 if record.metric.greater_is_better else -1.0
    steps = record.store.fact(EARLIER_STUDIES) or []
    if steps:
        steps.append(
            EarlierStudy(
                str(record.named_folder), context.dev, context.epochs, context.network, context.space.as_dict(), []
            )
        )
    for before, after in pairwise(steps):
        better = sign * (after.dev - before.dev) > 0
        for one in before.prescribed:
            if _made(one.change, before, after):
                found[one.name] = Tried(one.name, before.dev, after.dev, better, record.metric.name)
    for decision in record.decisions:
        if isinstance(decision, OfferRecord) and decision.found:
            scores = decision.best.dev, decision.found.dev
            found[decision.name] = Tried(decision.name, *scores, decision.found.better, record.metric.name)
    return found


def _made(change: Change, before: EarlierStudy, after: EarlierStudy) -> bool:
    """Whether the later study made a change that was prescribed for the earlier one."""
    if change.empty:
        return False
    for name, value in change.settings.items():
        if getattr(after, name, None) != value or getattr(before, name, None) == value:
            return False
    if not change.space:
        return True
    try:
        wanted, searched = Space.from_dict(before.space).replace(**change.space), Space.from_dict(after.space)
    except SpaceError:
        return False
    return all(name in searched and _holds(searched[name].as_dict(), wanted[name].as_dict()) for name in change.space)


def _holds(form: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a range is the one that was wanted, or was widened from it on the way."""
    if "low" in wanted and "low" in form:
        return bool(form["low"] <= wanted["low"] and form["high"] >= wanted["high"])
    return dict(form) == dict(wanted)
