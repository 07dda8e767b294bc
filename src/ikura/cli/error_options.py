"""Options that say which error is the best achievable one, for the commands that diagnose."""

from __future__ import annotations

from typing import Annotated

import typer

from ikura.cli.option_helpers import option
from ikura.errors import UsageError

__all__ = [
    "BAYES",
    "HUMAN",
    "BayesError",
    "DevError",
    "HumanError",
    "Share",
    "TrainError",
    "checked_errors",
    "share",
]

BAYES = "The best achievable error, such as 0.01 or 1%; estimated if nobody knows it."
HUMAN = "The error that people make, which stands for the best achievable one."


class Share(float):
    """A share as it was written.

    Attributes:
        in_percent: the share that is meant where numbers without a sign are per cent.
    """

    in_percent: float

    @classmethod
    def read(cls, number: float, signed: bool) -> Share:
        """Make a share of a number, of which a sign said whether it is per cent."""
        found = cls(number / 100 if signed else number)
        found.in_percent = number / 100
        return found


def share(text: str | float) -> float:
    """Read a share: 0.01 or 1%.

    Raises:
        typer.BadParameter: it is neither.

    Example:
        >>> share("1%"), share("0.25"), share("15").in_percent
        (0.01, 0.25, 0.15)
    """
    if isinstance(text, float):
        return text
    plain = text.strip().removesuffix("%").strip()
    try:
        return Share.read(float(plain), text.strip().endswith("%"))
    except ValueError:
        raise typer.BadParameter(f"a share such as 0.01 or 1% is needed, but got {text!r}") from None


def per_cent(text: str | float) -> float:
    """Read per cent, with or without the sign, as a share.

    Raises:
        typer.BadParameter: it is no number from 0 to 100.

    Example:
        >>> per_cent("11"), per_cent("0.5 %")
        (0.11, 0.005)
    """
    if isinstance(text, float):
        return text
    try:
        found = float(text.strip().removesuffix("%").strip())
    except ValueError:
        found = -1.0
    if not 0 <= found <= 100:
        raise typer.BadParameter(f"per cent from 0 to 100 are needed, such as 11 or 11%, but got {text!r}")
    return found / 100


BayesError = Annotated[float | None, option("SHARE", BAYES, parser=share)]
HumanError = Annotated[float | None, option("SHARE", HUMAN, parser=share)]
TrainError = Annotated[
    float | None,
    option(
        "PERCENT", "In place of RUN: judge this training error; all errors are then per cent.", "Bare errors", per_cent
    ),
]
DevError = Annotated[float | None, option("PERCENT", "In place of RUN: judge this dev error.", "Bare errors", per_cent)]


def checked_errors(bayes_error: float | None, human_error: float | None) -> None:
    """Refuse errors that are no shares, and two of them.

    Raises:
        UsageError: one is below 0 or not below 1, or both are given.

    Example:
        >>> checked_errors(15.0, None)
        Traceback (most recent call last):
        ikura.errors.UsageError: --bayes-error must be a share of at least 0 and below 1, ... but got 15
    """
    for name, value in (("--bayes-error", bayes_error), ("--human-error", human_error)):
        if value is not None and not 0 <= value < 1:
            raise UsageError(f"{name} must be a share of at least 0 and below 1, such as 0.01 or 1%, but got {value:g}")
    if bayes_error is not None and human_error is not None:
        raise UsageError("--bayes-error and --human-error exclude each other; give the smaller one as --bayes-error")
