"""How the values of a column are written: numbers, booleans, datetimes, durations, labels."""

from collections.abc import Mapping
from typing import Any

from ikura.data.notation._base import DATES, DECIMALS, Doubt, Hints, Notation, cells_of, is_text, refuse
from ikura.data.notation.boolean import BOOLEANS, BooleanNotation, are_booleans
from ikura.data.notation.date_time import DatetimeNotation, find_datetime
from ikura.data.notation.duration import DurationNotation, find_duration
from ikura.data.notation.find_number import find_number, plain_doubt
from ikura.data.notation.label import LabelNotation, label, levels_by_value, of_values
from ikura.data.notation.mixed_columns import Majority, find_majority, find_mixture
from ikura.data.notation.number import PLAIN, NumberNotation, plain_numbers

__all__ = [
    "BOOLEANS",
    "DATES",
    "DECIMALS",
    "PLAIN",
    "BooleanNotation",
    "DatetimeNotation",
    "Doubt",
    "DurationNotation",
    "Hints",
    "LabelNotation",
    "Majority",
    "Notation",
    "NumberNotation",
    "are_booleans",
    "cells_of",
    "find_datetime",
    "find_duration",
    "find_majority",
    "find_mixture",
    "find_number",
    "is_text",
    "label",
    "levels_by_value",
    "notation_of",
    "of_values",
    "plain_doubt",
    "plain_numbers",
    "refuse",
]

FORMS: dict[str, type[Notation]] = {
    one.form: one for one in (NumberNotation, BooleanNotation, DatetimeNotation, DurationNotation, LabelNotation)
}


def notation_of(form: Mapping[str, Any]) -> Notation:
    """The notation that `Notation.to_dict` described."""
    values = dict(form)
    return FORMS[values.pop("form")](**values)
