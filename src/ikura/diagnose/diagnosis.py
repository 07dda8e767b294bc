"""Bias and variance: what the errors of a study say is wrong, and whether they can say it yet."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ikura.diagnose.errors import Errors
from ikura.diagnose.estimate import Estimate, difference
from ikura.errors import UsageError

if TYPE_CHECKING:
    from ikura.study.study import Study

__all__ = ["WORTH", "Diagnosis", "Gap", "diagnose", "judged"]

WORTH = 0.02
"""A gap is worth effort from two points of a hundred on."""


@dataclass(frozen=True)
class Gap:
    """A difference between two errors, and what it means.

    Attributes:
        name: "bias" (training error over the best achievable), "variance" (dev, or train-dev, error over training
            error) or "mismatch" (dev over train-dev error).
        value, low, high: the difference and its interval.
        verdict: "high" or "low" where the whole interval lies above or below what is worth effort, else "cannot tell".
        examples_needed: about how many more examples would settle it; None where it is settled, or where no number of
            examples would.
        of: the set that would have to grow, "train" or "dev".
    """

    name: str
    value: float
    low: float
    high: float
    verdict: str
    examples_needed: int | None = None
    of: str = "dev"

    def as_dict(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Diagnosis:
    """Bias and variance of a study's choice.

    Attributes:
        measure: what the errors are: "error rate", "unexplained variance" (1 - R²), ...
        optimal: the best achievable error; None where nothing is known of it. An estimate is an interval that it is
            likely to lie in.
        optimal_source: "given", "human" or "estimate".
        train: the training error.
        train_dev: the error on examples like those of training that were not trained on, where the dev set has another
            source; None otherwise.
        dev: the dev error.
        bias: training error over the best achievable.
        variance: dev error (train-dev error, where there is one) over training error.
        mismatch: dev error over train-dev error.
        sentence: what it comes to.
        worth: gap from which on effort is worth it.
    """

    measure: str
    optimal: Estimate | None
    optimal_source: str
    train: Estimate
    train_dev: Estimate | None
    dev: Estimate
    bias: Gap
    variance: Gap
    mismatch: Gap | None
    sentence: str
    worth: float = WORTH

    def as_dict(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> Diagnosis:
        """Read what `as_dict` wrote."""
        kinds = {"optimal": Estimate, "train": Estimate, "train_dev": Estimate, "dev": Estimate}
        kinds |= dict.fromkeys(("bias", "variance", "mismatch"), Gap)
        return cls(**{name: kinds[name](**one) if name in kinds and one else one for name, one in form.items()})


def diagnose(study: Study, *, bayes_error: float | None = None, human_error: float | None = None) -> Diagnosis:
    """Tell bias from variance by the training error, the dev error and the best achievable error.

    Nothing is trained and nothing of the run is changed; the test set is not looked at.

    Args:
        study: a finished study.
        bayes_error: the best achievable error, as a share, if it is known.
        human_error: the error of people, as a share, which stands for the best achievable one.

    Returns:
        Errors and gaps with their intervals and verdicts.

    Raises:
        UsageError: the study has no choice yet, or an error is not a share.
    """
    from ikura.diagnose.reading import read_errors

    known = given(bayes_error, human_error)
    errors, optimal = read_errors(study, estimate=known is None)
    return judged(errors, *(known or (optimal, "estimate")))


def given(bayes_error: float | None, human_error: float | None) -> tuple[Estimate, str] | None:
    """The best achievable error that the caller knows, and where it is from."""
    if bayes_error is not None and human_error is not None:
        raise UsageError("bayes_error and human_error exclude each other; give the smaller one as bayes_error")
    for name, source, value in (("bayes_error", "given", bayes_error), ("human_error", "human", human_error)):
        if value is not None:
            if not 0 <= value < 1:
                raise UsageError(f"{name} is a share of at least 0 and below 1, such as 0.01 for 1 %, but is {value}")
            return Estimate.exactly(float(value)), source
    return None


def judged(
    errors: Errors,
    optimal: Estimate | None = None,
    source: str = "given",
    worth: float = WORTH,
) -> Diagnosis:
    """Judge errors.

    Args:
        errors: of training and dev set.
        optimal: the best achievable error; None where nothing is known of it, which counts as anything from 0 to the
            dev error.
        source: where it is from.
        worth: gap from which on effort is worth it.

    Example:
        >>> from ikura.diagnose.errors import rates
        >>> judged(rates(0.01, 0.11, 10_000, 10_000), Estimate.exactly(0.0)).sentence
        'High variance: the error rate is 11 % on the dev set and 1 % on the training set.'
    """
    best = optimal or Estimate(0.0, 0.0, errors.dev.high)
    if source == "estimate":
        # The ends are bounds, not quantiles: they do not average out.
        found = Estimate(errors.train.value - best.value, errors.train.low - best.high, errors.train.high - best.low)
    else:
        found = difference(errors.train, best)
    bias = gap("bias", found, worth, errors.train_rows, "train", best.high - best.low)
    variance = gap("variance", errors.gap, worth, errors.dev_rows, "dev")
    return Diagnosis(
        errors.measure,
        optimal,
        source,
        errors.train,
        None,
        errors.dev,
        bias,
        variance,
        None,
        sentence(errors, bias, variance),
        worth,
    )


def gap(name: str, found: Estimate, worth: float, rows: int, of: str, fixed: float = 0.0) -> Gap:
    """Judge a gap, and say how many more examples would settle it if it cannot be judged.

    The interval's width falls with the square root of the number of examples. It has to come down to the gap's distance
    from what is worth effort; a gap that lies right there is told to a quarter of that.

    Args:
        name: of the gap.
        found: its value and interval.
        worth: gap from which on effort is worth it.
        rows: examples of the set that would have to grow.
        of: that set.
        fixed: width of the interval that no example takes away.
    """
    if found.low > worth:
        return Gap(name, *astuple(found), "high", of=of)
    if found.high <= worth:
        return Gap(name, *astuple(found), "low", of=of)
    distance = max(abs(found.value - worth), worth / 4)
    side = found.value - found.low if found.value > worth else found.high - found.value
    needed = None
    if math.isfinite(side) and fixed == 0.0:
        needed = max(1, math.ceil(rows * ((side / distance) ** 2 - 1)))
    return Gap(name, *astuple(found), "cannot tell", needed, of)


def astuple(one: Estimate) -> tuple[float, float, float]:
    return one.value, one.low, one.high


def percent(share: float) -> str:
    """Write a share.

    Example:
        >>> percent(0.1123), percent(0.005), percent(0.0)
        ('11.2 %', '0.5 %', '0 %')
    """
    return f"{100 * share:.3g} %"


def sentence(errors: Errors, bias: Gap, variance: Gap) -> str:
    """Say in a sentence or two what it comes to."""
    high = [one.name for one in (bias, variance) if one.verdict == "high"]
    unknown = [one for one in (bias, variance) if one.verdict == "cannot tell"]
    told = (
        f"the {errors.measure} is {percent(errors.dev.value)} on the dev set and {percent(errors.train.value)} on the "
        "training set."
    )
    words = []
    if high:
        words.append(f"High {' and high '.join(high)}: {told}")
    elif not unknown:
        words.append(f"Neither bias nor variance is worth more effort: {told}")
    else:
        words.append(f"{told[0].upper()}{told[1:]}")
    for one in unknown:
        more = "" if one.examples_needed is None else f": about {one.examples_needed:,} more {one.of} examples needed"
        words.append(f"Can't tell yet whether the {one.name} is high{more}.")
    return " ".join(words)
