"""Going back to an epoch of a trial: a fork goes on from there, and the trial itself is stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ikura.schema import Scalar
from ikura.steer.request_form import whole_number
from ikura.study.record.intervention import Action, Request
from ikura.study.record.record import Record
from ikura.study.record.study_tables import row_of

__all__ = ["requests_to_go_back"]


def requests_to_go_back(
    record: Record, trial: int, to: int, values: Mapping[str, Scalar], why: str = ""
) -> Sequence[Request]:
    """The requests by which a trial goes back.

    Args:
        record: the study.
        trial: its number.
        to: after how many of its epochs the fork begins.
        values: hyperparameters and their new values.
        why: the reason.

    Returns:
        The fork, and the stop if the trial still trains.

    Raises:
        UsageError: there is no such trial, or the epoch is no whole number.
    """
    row, epoch = row_of(record.store, trial), whole_number("the epoch to go back to", to)
    requests = [Request(action=Action.FORK, trial=row.number, values=values, at=epoch, why=why)]
    if not row.state.ended:
        at = epoch if epoch > row.epochs else None
        requests.append(Request(action=Action.STOP, trial=row.number, at=at, why=why))
    return requests
