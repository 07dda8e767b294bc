"""Values of hyperparameters, as they are written behind options."""

from __future__ import annotations

from collections.abc import Sequence

from ikura.errors import UsageError
from ikura.schema import Scalar
from ikura.wording import shortened

__all__ = ["hyperparameter_values"]

WORDS: dict[str, Scalar] = {"true": True, "false": False}


def hyperparameter_values(pairs: Sequence[str]) -> dict[str, Scalar]:
    """Read NAME=VALUE pairs: whole numbers stay whole, words stay words.

    Raises:
        UsageError: one is no pair, or a name is given twice.

    Example:
        >>> hyperparameter_values(["learning_rate=3e-3", "units=64", "optimizer=adam"])
        {'learning_rate': 0.003, 'units': 64, 'optimizer': 'adam'}
    """
    found: dict[str, Scalar] = {}
    for pair in pairs:
        name, equals, text = (part.strip() for part in pair.partition("="))
        if not name or not equals or not text:
            raise UsageError(f"NAME=VALUE is needed, such as learning_rate=0.003, but got {shortened(pair)}")
        if name in found:
            raise UsageError(f"{name} is given twice")
        found[name] = _value(text)
    return found


def _value(text: str) -> Scalar:
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    try:
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        return text
