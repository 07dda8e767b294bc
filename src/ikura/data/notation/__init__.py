"""How the values of a column are written: numbers, truths, moments, durations, labels."""

from collections.abc import Mapping
from typing import Any

from ikura.data.notation._base import DATES, DECIMALS, Doubt, Hints, Notation, cells_of, is_text, refuse
from ikura.data.notation.duration import DurationNotation, find_duration
from ikura.data.notation.find_number import find_number, plain_doubt
from ikura.data.notation.label import LabelNotation, label, levels_by_value, of_values
from ikura.data.notation.moment import MomentNotation, find_moment
from ikura.data.notation.number import PLAIN, NumberNotation, plain_numbers
from ikura.data.notation.odd import Odd, find_mixture, find_odd
from ikura.data.notation.truth import TRUTHS, TruthNotation, are_truths

__all__ = [
    "DATES",
    "DECIMALS",
    "PLAIN",
    "TRUTHS",
    "Doubt",
    "DurationNotation",
    "Hints",
    "LabelNotation",
    "MomentNotation",
    "Notation",
    "NumberNotation",
    "Odd",
    "TruthNotation",
    "are_truths",
    "cells_of",
    "find_duration",
    "find_mixture",
    "find_moment",
    "find_number",
    "find_odd",
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
    one.form: one for one in (NumberNotation, TruthNotation, MomentNotation, DurationNotation, LabelNotation)
}


def notation_of(form: Mapping[str, Any]) -> Notation:
    """The notation that `Notation.to_dict` described."""
    values = dict(form)
    return FORMS[values.pop("form")](**values)
