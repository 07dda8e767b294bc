"""Columns that are distributed otherwise in the dev or test set than in the training set."""

from __future__ import annotations

from ikura.checks._base import Check, Result
from ikura.checks.subject import Subject

__all__ = ["DriftCheck"]

MOST_NAMED = 5


class DriftCheck(Check):
    """Tells of the columns that `ikura.data.find_drift` found when the data were read."""

    name = "drift"
    any_target = True
    about = "every column is distributed alike in training, dev and test set, one column at a time"
    needs = ("examples", "dev")

    def run(self, subject: Subject) -> Result:
        """Name the columns by part."""
        if not subject.drift:
            return self.passed("no column is distributed otherwise in the dev or test set than in the training set")
        parts: dict[str, list[str]] = {}
        for one in subject.drift:
            parts.setdefault(one.part, []).append(repr(one.column))
        words = [f"the {part} set in {_named(columns)}" for part, columns in parts.items()]
        return self.warned(
            f"{' and '.join(words)} is distributed otherwise than the training set",
            "The parts come from different sources or times.",
            "Shuffle before splitting, or collect training data like those to be predicted; `ikura check` compares "
            "whole rows (distribution).",
            columns={part: len(columns) for part, columns in parts.items()},
            least_p_value=min(one.p_value for one in subject.drift),
        )


def _named(columns: list[str]) -> str:
    more = f" and {len(columns) - MOST_NAMED} more" if len(columns) > MOST_NAMED else ""
    return ", ".join(columns[:MOST_NAMED]) + more
