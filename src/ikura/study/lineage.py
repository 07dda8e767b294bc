"""The way on which a trial came to its epochs: its segments, and those of the trials that it was copied from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from ikura.errors import RunError
from ikura.study.record.ledger import Ledger, Segment
from ikura.study.record.trial import Trial

__all__ = ["lineage", "own_segments"]


def own_segments(ledger: Ledger, number: int, epochs: int) -> list[Segment]:
    """The segments on which a trial itself came to so many epochs; one that it left to pause ends there."""
    found = [one for one in ledger.segments([number]).get(number, []) if one.since < max(epochs, 1)]
    return [replace(one, until=min(one.until, after.since)) for one, after in pairwise(found)] + found[-1:]


def lineage(ledger: Ledger, trials: Sequence[Trial], number: int, epochs: int) -> Iterator[Segment]:
    """The segments on which a trial came to so many epochs, those of the trials it was copied from included.

    Raises:
        RunError: the way is not on record.
    """
    segments = own_segments(ledger, number, epochs)
    since = segments[0].since if segments else epochs
    if since:
        if trials[number].parent is None or not trials[number].searched:
            raise RunError(f"trial {number}: how it came to {since} epochs is not on record")
        for segment in lineage(ledger, trials, trials[number].origin, since):
            yield replace(segment, until=min(segment.until, since))
    yield from segments
