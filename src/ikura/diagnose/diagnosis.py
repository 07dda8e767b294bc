"""Bias and variance: what the errors of a study say is wrong, and whether they can say it yet."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ikura.diagnose.errors import Errors
from ikura.diagnose.estimate import LEVEL, Estimate, difference, percent
from ikura.errors import UsageError
from ikura.metric.interval import wilson

if TYPE_CHECKING:
    from ikura.study.study import Study

__all__ = ["WORTH", "Diagnosis", "Gap", "check_worth", "diagnose", "given", "judged"]

WORTH = 0.02
"""A gap is worth effort from two points of a hundred on."""
MOST_ROWS = 10**12


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
        of: the set that these would be measured on: "training", "dev" or "train-dev".
        rows: examples that its error was measured on.
    """

    name: str
    value: float
    low: float
    high: float
    verdict: str
    examples_needed: int | None = None
    of: str = "dev"
    rows: int = 0

    @property
    def missing(self) -> str:
        """What would settle it, such as "about 50 more dev examples to measure on"; empty where nothing is known to."""
        need = self.examples_needed
        return f"about {need:,} more {self.of} examples to measure on" if need else ""

    def as_dict(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Diagnosis:
    """Bias and variance of a study's choice.

    Attributes:
        measure: what the errors are: "error rate", "unexplained variance" (1 - R²), ...
        optimal: the best achievable error; None where nothing is known of it. Of an estimate the interval are bounds
            that it is likely to lie within.
        optimal_source: "given", "human" or "estimate".
        train: the training error.
        train_dev: the error on examples like those of training that were not trained on, where the dev set has another
            source and it was measured; None otherwise.
        dev: the dev error.
        bias: training error over the best achievable.
        variance: dev error (train-dev error, where there is one) over training error.
        mismatch: dev error over train-dev error; None where there is none.
        sentence: what it comes to.
        worth: gap from which on effort is worth it.
        optimal_note: where the best achievable error is from.
        rows: training and dev examples that the errors were measured on.
        networks: number of networks whose mean they are.
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
    optimal_note: str = ""
    rows: tuple[int, int] = (0, 0)
    networks: int = 1

    @property
    def gaps(self) -> list[Gap]:
        """Bias, variance and, where there is one, mismatch."""
        return [one for one in (self.bias, self.variance, self.mismatch) if one is not None]

    def as_dict(self) -> dict[str, Any]:
        """Return the attributes as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, form: Mapping[str, Any]) -> Diagnosis:
        """Read what `as_dict` wrote."""
        kinds: dict[str, Any] = dict.fromkeys(("optimal", "train", "train_dev", "dev"), Estimate)
        kinds |= dict.fromkeys(("bias", "variance", "mismatch"), Gap)
        read = {name: kinds[name](**one) if name in kinds and one else one for name, one in form.items()}
        return cls(**{**read, "rows": tuple(form.get("rows", (0, 0)))})


def diagnose(
    study: Study, *, bayes_error: float | None = None, human_error: float | None = None, worth: float = WORTH
) -> Diagnosis:
    """Tell bias from variance by the training error, the dev error and the best achievable error.

    bias = training error - best achievable error; variance = dev error - training error. Errors are shares: of the
    examples that are wrong, or of the target's variance that is left unexplained (1 - R²). They are means over the
    chosen configuration's networks. A gap counts as high or low only if its whole 95 % interval does.

    Nothing is trained and nothing of the run is changed; the test set is not looked at.

    Args:
        study: a finished study.
        bayes_error: the best achievable error, as a share, if it is known.
        human_error: the error of people, as a share, which stands for the best achievable one. With neither it is
            estimated (`ikura.diagnose.optimum`), and the diagnosis says so.
        worth: gap of errors from which on effort is worth it.

    Returns:
        Errors and gaps with their intervals and verdicts.

    Raises:
        UsageError: the study has chosen no network, or an error is not a share.

    Source: Ng, Machine Learning Yearning (2018), chapters 20 to 24.
    """
    from ikura.diagnose.optimum import best_achievable
    from ikura.diagnose.reading import read_errors

    known = given(bayes_error, human_error)
    check_worth(worth)
    errors, neighbour = read_errors(study)
    if known is not None:
        return judged(errors, *known, worth=worth)
    optimal, note = best_achievable(neighbour, {"this study": errors.dev})
    return judged(errors, optimal, "estimate", worth, note)


def check_worth(worth: float) -> None:
    """Refuse a gap worth effort that is no share."""
    if not 0 < worth < 1:
        raise UsageError(f"worth is a share above 0 and below 1, such as 0.02 for 2 %, but is {worth}")


def given(bayes_error: float | None, human_error: float | None) -> tuple[Estimate, str] | None:
    """The best achievable error that the caller knows, and where it is from.

    Raises:
        UsageError: both are given, or it is not a share.
    """
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
    note: str = "",
    apart: Errors | None = None,
) -> Diagnosis:
    """Judge errors.

    Args:
        errors: of training and dev set.
        optimal: the best achievable error; None where nothing is known of it, which counts as anything from 0 to the
            dev error.
        source: where it is from: "given", "human" or "estimate".
        worth: gap from which on effort is worth it.
        note: more on where it is from.
        apart: errors of train-dev set (in `train`) and dev set, where these have different sources.

    Example:
        >>> from ikura.diagnose.errors import rates
        >>> judged(rates(0.01, 0.11, 10_000, 10_000), Estimate.exactly(0.0)).sentence
        'High variance: the error rate is 11 % on the dev set and 1 % on the training set.'
    """
    best = optimal or Estimate(errors.dev.value / 2, 0.0, errors.dev.high)
    bias = _bias(errors, best, source if optimal else "estimate", worth)
    dev = _Growing(errors.dev, errors.dev_rows, errors.shares)
    variance, mismatch = _judge("variance", errors.gap, worth, dev, "dev"), None
    if apart is not None:
        held = _Growing(apart.train, apart.train_rows, errors.shares)
        variance = _judge("variance", difference(apart.train, errors.train), worth, held, "train-dev")
        dev = _Growing(apart.dev, apart.dev_rows, errors.shares)
        mismatch = _judge("mismatch", apart.gap, worth, dev, "dev")
    return Diagnosis(
        errors.measure,
        optimal,
        source,
        errors.train,
        None if apart is None else apart.train,
        errors.dev,
        bias,
        variance,
        mismatch,
        _sentence(errors, [one for one in (bias, variance, mismatch) if one is not None]),
        worth,
        note or {"given": "as given", "human": "people's error, as given"}.get(source, ""),
        (errors.train_rows, errors.dev_rows),
        errors.networks,
    )


def _bias(errors: Errors, best: Estimate, source: str, worth: float) -> Gap:
    train, rows, shares = errors.train, errors.train_rows, errors.shares
    if source != "estimate":
        return _judge("bias", difference(train, best), worth, _Growing(train, rows, shares), "training")
    # The ends of an estimate are bounds, not quantiles: they do not average out, and more examples do not move them.
    ends = (train.value - best.value, train.low - best.high, train.high - best.low)
    nearest, farthest = train.value - best.high, train.value - best.low
    if ends[1] > worth or ends[2] <= worth:
        return Gap("bias", *ends, "high" if ends[1] > worth else "low", of="training", rows=rows)
    needed = None
    if nearest > worth or farthest < worth:
        value = nearest if nearest > worth else farthest
        shifted = Estimate(value, value - (train.value - train.low), value + (train.high - train.value))
        needed = _needed(shifted, worth, _Growing(train, rows, shares))
    return Gap("bias", *ends, "cannot tell", needed, "training", rows)


@dataclass(frozen=True)
class _Growing:
    """An error measured on examples of which there could be more.

    Attributes:
        error: it.
        rows: the examples.
        shares: whether it is a share of wrong ones, with Wilson's interval; other intervals fall with the square root
            of the number of examples.
    """

    error: Estimate
    rows: int
    shares: bool

    def side(self, below: bool, rows: float) -> float:
        """Distance from the error to an end of its interval, of so many examples."""
        if self.shares:
            low, high = wilson(self.error.value * rows, rows, LEVEL)  # type: ignore[arg-type]
            return self.error.value - low if below else high - self.error.value
        now = self.error.value - self.error.low if below else self.error.high - self.error.value
        return now * math.sqrt(self.rows / rows)


def _judge(name: str, found: Estimate, worth: float, growing: _Growing, of: str) -> Gap:
    """Judge a gap, and say how many more examples would settle it if it cannot be judged."""
    ends = (found.value, found.low, found.high)
    if found.low > worth:
        return Gap(name, *ends, "high", of=of, rows=growing.rows)
    if found.high <= worth:
        return Gap(name, *ends, "low", of=of, rows=growing.rows)
    return Gap(name, *ends, "cannot tell", _needed(found, worth, growing), of, growing.rows)


def _needed(found: Estimate, worth: float, growing: _Growing) -> int | None:
    """Examples that are missing until an interval's side is as short as the distance to what is worth effort.

    Of the side, more examples of the one set shorten the part that is theirs. Where the rest alone is too long, all of
    it is taken to fall with the square root of their number. A gap that lies right at the border is told to a quarter
    of what is worth effort.
    """
    high = found.value > worth
    side = found.value - found.low if high else found.high - found.value
    if not math.isfinite(side):
        return None
    distance = max(abs(found.value - worth), worth / 4)
    own = growing.side(high, growing.rows)
    rest = max(side**2 - own**2, 0.0)
    if rest >= distance**2:
        return max(1, math.ceil(growing.rows * ((side / distance) ** 2 - 1)))
    low, many = growing.rows, 2 * growing.rows
    while math.hypot(growing.side(high, many), math.sqrt(rest)) > distance and many < MOST_ROWS:
        low, many = many, 2 * many
    while many - low > max(1, low // 1000):
        middle = (low + many) // 2
        short = math.hypot(growing.side(high, middle), math.sqrt(rest)) <= distance
        low, many = (low, middle) if short else (middle, many)
    return max(1, many - growing.rows)


def _sentence(errors: Errors, gaps: list[Gap]) -> str:
    """Say in a sentence or two what it comes to."""
    high = [one.name for one in gaps if one.verdict == "high"]
    unknown = [one for one in gaps if one.verdict == "cannot tell"]
    told = (
        f"the {errors.measure} is {percent(errors.dev.value)} on the dev set and {percent(errors.train.value)} on the "
        "training set."
    )
    if high:
        words = [f"High {' and high '.join(high)}: {told}"]
    elif not unknown:
        words = [f"Neither bias nor variance is worth more effort: {told}"]
    else:
        words = [f"{told[0].upper()}{told[1:]}"]
    words += [_unknown(one) for one in unknown]
    if any(one.missing for one in unknown):
        words.append("More examples are needed to measure with; that does not say that training on more would help.")
    return " ".join(words)


def _unknown(one: Gap) -> str:
    """Say what keeps a gap from being told."""
    told = f"Can't tell yet whether the {one.name} is high"
    if one.examples_needed:
        more = f"about {one.examples_needed:,} more would settle it"
        return f"{told}: the {one.of} error is measured on {one.rows:,} examples, and {more}."
    return f"{told}: the best achievable error is not known well enough." if one.name == "bias" else f"{told}."
