"""The ensemble on the page: one network against it, what it gains and what it costs."""

from __future__ import annotations

from ikura.page.formatting import count, duration, interval, number, plural, score
from ikura.page.html_tables import table
from ikura.page.markup import Html, element, join
from ikura.report.view import View
from ikura.study.record.ensemble_record import AgainstOne, Ensemble

__all__ = ["ensemble"]


def ensemble(view: View) -> Html | None:
    """Compare one network with the ensemble, or say why there is none; None where none was asked for."""
    found = view.record.ensemble
    if found is None:
        return None
    if not found.members:
        return element("p", f"There is no ensemble: {found.note}.")
    parts = view.record.summary.get("parts") or {}
    again = view.record.refitted
    rows, refitted = int(parts.get("train") or 0) + int(parts.get("dev") or 0), len(again)
    if not found.used:
        gain = _apart(found.gain, found.interval)
        return element("p", f"An ensemble is not used: {found.note} ({gain} over the same dev rows).")
    against = view.record.against_one
    if found.folds:
        return join(
            element("p", _of_folds(found, rows)),
            table(("", "one network", "ensemble", "difference"), _rows(view, found, against)),
            element("h3", "Its configurations"),
            table(
                ("trial", f"{view.metric} out of fold", "against the choice"),
                [(one.trial, score(one.score), _apart(one.difference, one.interval)) for one in found.out_of_fold],
            ),
        )
    lede = (
        f"The model averages what {plural(len(found.members), 'network')} predict, selected among "
        f"{plural(found.candidates, 'network')} of finalists by their dev predictions. "
        f"{_trained(refitted, len(found.members), rows)}"
    )
    return join(
        element("p", lede),
        table(("", "one network", "ensemble", "difference"), _rows(view, found, against)),
        element("h3", "Its networks"),
        table(
            ("trial", "share", "trained on"),
            [
                (one.trial, f"{100 * share:.0f} %", "all rows" if one.trial in again else "training set")
                for one, share in zip(found.members, found.shares, strict=True)
            ],
        ),
    )


def _of_folds(found: Ensemble, rows: int) -> str:
    return (
        f"The model averages what {plural(found.networks, 'network')} predict, each trained on {found.folds - 1} of "
        f"{found.folds} folds of the {count(rows)} rows of training and dev set, and selected by what they predict of "
        "the fold left out."
    )


def _trained(refitted: int, members: int, rows: int) -> str:
    if not refitted:
        return "They are those that were selected: there was no time to train them again."
    who = "Each was" if refitted == members else f"{count(refitted)} of them were"
    return f"{who} trained again, for a few epochs more than before, on the {count(rows)} rows of training and dev set."


def _rows(view: View, found: Ensemble, against: AgainstOne | None) -> list[tuple[object, ...]]:
    best, test = view.record.best, view.record.test
    one, many = (best.dev_corrected if best else None), found.corrected
    rows: list[tuple[object, ...]] = [
        (
            f"{view.metric} out of fold, corrected" if found.folds else f"dev {view.metric}, corrected",
            score(one) if one is not None and not found.folds else "–",
            score(many) if many is not None else "–",
            _apart(found.gain, found.interval),
        )
    ]
    if against is None or test is None:
        return rows
    ends = f"{score(against.value)} ({interval(against.interval)})", f"{score(test.value)} ({interval(test.interval)})"
    rows.append((f"test {view.metric}", *ends, _apart(against.difference, against.of_difference)))
    (many_weights, one_weights), (many_seconds, one_seconds) = against.weights, against.seconds
    rows.append(("weights", count(one_weights), count(many_weights), _times(many_weights, one_weights)))
    taken = duration(one_seconds), duration(many_seconds)
    rows.append(("to predict 1,000 rows", *taken, _times(many_seconds, one_seconds)))
    return rows


def _apart(gain: float, ends: tuple[float, float]) -> str:
    words = "better" if gain >= 0 else "worse"
    return f"{number(abs(gain), 3)} {words}, {interval(ends)}"


def _times(many: float, one: float) -> str:
    return f"{many / one:.1f} times" if one > 0 else "–"
