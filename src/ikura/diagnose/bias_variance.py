"""Bias and variance: what the errors of a study say is wrong, and whether they can say it yet."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING

from ikura.errors import UsageError
from ikura.metric.estimate import LEVEL, Estimate, difference, known_error, percent, widened
from ikura.metric.interval import wilson
from ikura.study.record.diagnosis import RARE, WORTH, Diagnosis, Errors, Gap, worth_effort

if TYPE_CHECKING:
    from ikura.study.record.record import Record

__all__ = ["MARGIN", "check_worth", "diagnose", "judge_errors"]

MARGIN = 0.25
"""Share of what is worth effort by which a gap may be above it and still be practically as small."""
MOST_ROWS, MOST_TIMES = 50_000, 100
"""Examples that may be asked for: so many, or so many times those that there are."""
MOST_SEEDS = 200
"""Networks that may be asked for."""


def diagnose(
    record: Record, *, bayes_error: float | None = None, human_error: float | None = None, worth: float = WORTH
) -> Diagnosis:
    """Tell bias from variance by the training error, the dev error and the best achievable error.

    bias = training error - best achievable error; variance = dev error - training error. Errors are shares: of the
    examples that are wrong, or of the target's variance that is left unexplained (1 - R²). They are means over the
    chosen configuration's networks. A gap counts as high or low only if its whole 95 % interval does.

    Nothing is trained and nothing of the run is changed; the test set is not looked at.

    Args:
        record: of a finished study, such as `ikura.open_study` returns.
        bayes_error: the best achievable error, as a share, if it is known.
        human_error: the error of people, as a share, which stands for the best achievable one. With neither it is
            estimated (`ikura.diagnose.best_achievable`), and the diagnosis says so.
        worth: gap of errors from which on effort is worth it.

    Returns:
        Errors and gaps with their intervals and verdicts.

    Raises:
        UsageError: the study has chosen no network, or an error is not a share.

    Source: Ng, Machine Learning Yearning (2018), chapters 20 to 24.
    """
    from ikura.diagnose.best_achievable import best_achievable
    from ikura.diagnose.measured_errors import read_errors

    known = known_error(bayes_error, human_error)
    check_worth(worth)
    errors, neighbour = read_errors(record)
    if known is not None:
        return judge_errors(errors, *known, worth=worth)
    optimal, note = best_achievable(neighbour, {"this study": errors.dev})
    return judge_errors(errors, optimal, "estimate", worth, note)


def check_worth(worth: float) -> None:
    """Refuse a gap worth effort that is no share."""
    if not isinstance(worth, Real) or not 0 < worth < 1:
        raise UsageError(f"worth is a share above 0 and below 1, such as 0.02 for 2 %, but is {worth!r}")


def judge_errors(
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
        worth: gap from which on effort is worth it; at most a fifth of the errors that always giving the most common
            answer makes, where these are fewer than one in ten.
        note: more on where it is from.
        apart: errors of train-dev set (in `train`) and dev set, where these have different sources.

    Example:
        >>> from ikura.diagnose.error_rates import rates
        >>> judge_errors(rates(0.01, 0.11, 10_000, 10_000), Estimate.exactly(0.0)).sentence
        'High variance: the error rate is 11 % on the dev set and 1 % on the training set.'
    """
    worth = worth_effort(errors.constant, worth)
    best = optimal or Estimate(errors.dev.value / 2, 0.0, errors.dev.high)
    fit, gap = (errors.reached or errors.train), (errors.reached_gap or errors.gap)
    bias = _bias(errors, fit, best, source if optimal else "estimate", worth)
    if errors.cut and bias.verdict == "high":
        bias = replace(bias, verdict="cannot tell")
    dev = _Growing(errors.dev, errors.dev_rows, errors.shares, errors.networks)
    if errors.dev_rows:
        variance = _judge("variance", gap, worth, dev, "dev")
    else:
        fitted = _Growing(fit, errors.train_rows, errors.shares, errors.networks)
        variance = _judge("variance", gap, worth, fitted, "training")
    mismatch = None
    if apart is not None:
        held = _Growing(apart.train, apart.train_rows, errors.shares, apart.networks)
        variance = _judge("variance", difference(apart.train, fit), worth, held, "train-dev")
        dev = _Growing(apart.dev, apart.dev_rows, errors.shares, apart.networks)
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
        errors.reached,
        errors.constant,
    )


def _bias(errors: Errors, fit: Estimate, best: Estimate, source: str, worth: float) -> Gap:
    growing = _Growing(fit, errors.train_rows, errors.shares, errors.networks)
    if source != "estimate":
        return _judge("bias", difference(fit, best), worth, growing, "training")
    # The ends of an estimate are bounds, not quantiles: they do not average out, and more examples do not move them.
    ends = (fit.value - best.value, fit.low - best.high, fit.high - best.low)
    nearest, farthest = fit.value - best.high, fit.value - best.low
    verdict = _verdict(ends[1], ends[2], worth)
    if verdict != "cannot tell":
        return Gap("bias", *ends, verdict, of="training", rows=errors.train_rows, seeds=errors.networks)
    open_ = Gap("bias", *ends, verdict, None, "training", errors.train_rows, None, errors.networks)
    if nearest <= worth <= farthest:
        return open_
    value = nearest if nearest > worth else farthest
    return _asking(open_, difference(fit, Estimate.exactly(fit.value - value)), worth, growing)


@dataclass(frozen=True)
class _Growing:
    """An error measured on examples, and of networks, of which there could be more.

    Attributes:
        error: it.
        rows: the examples.
        shares: whether it is a share of wrong ones, with Wilson's interval; other intervals fall with the square root
            of the number of examples.
        seeds: the networks.
    """

    error: Estimate
    rows: int
    shares: bool
    seeds: int = 1

    def side(self, below: bool, rows: float) -> float:
        """Distance from the error to an end of its interval over so many examples."""
        if self.shares:
            low, high = wilson(self.error.value * rows, rows, LEVEL)  # type: ignore[arg-type]
            return self.error.value - low if below else high - self.error.value
        low, high = self.error.ends_of_examples
        now = self.error.value - low if below else high - self.error.value
        return now * math.sqrt(self.rows / rows)


def _verdict(low: float, high: float, worth: float) -> str:
    """Judge an interval; one around what is worth effort that is tight enough is practically as small."""
    return "high" if low > worth else "low" if high <= (1 + MARGIN) * worth else "cannot tell"


def _judge(name: str, found: Estimate, worth: float, growing: _Growing, of: str) -> Gap:
    """Judge a gap, and say how many more examples or seeds would settle it if it cannot be judged."""
    verdict = _verdict(found.low, found.high, worth)
    gap = Gap(name, found.value, found.low, found.high, verdict, None, of, growing.rows, None, growing.seeds)
    return _asking(gap, found, worth, growing) if verdict == "cannot tell" else gap


def _asking(gap: Gap, found: Estimate, worth: float, growing: _Growing) -> Gap:
    """Say of an open gap what would settle it, or which border it lies too near for any sensible size."""
    examples, seeds = _needed(found, worth, growing)
    if (examples or 0) >= _most(growing.rows) or (seeds or 0) >= MOST_SEEDS:
        return replace(gap, border=worth if _above(found.value, worth) else (1 + MARGIN) * worth)
    return replace(gap, examples_needed=examples, seeds_needed=seeds)


def _most(rows: int) -> int:
    """Examples that may be asked for, where there are so many."""
    return max(MOST_ROWS, MOST_TIMES * rows)


def _above(value: float, worth: float) -> bool:
    """Whether a gap is nearer to being high than to being low."""
    return value > (1 + MARGIN / 2) * worth


def _needed(found: Estimate, worth: float, growing: _Growing) -> tuple[int | None, int | None]:
    """Examples and seeds that are missing until an interval's side is as short as the distance to a verdict.

    A side has a part of the examples and a part of the seeds (`widened`). The longer one decides, and more of that are
    asked for; both, where the other alone is too long. More examples of the one set shorten the part that is theirs;
    where the rest of the examples' part alone is too long, all of it is taken to fall with the square root of their
    number.
    """
    high = _above(found.value, worth)
    distance = found.value - worth if high else (1 + MARGIN) * worth - found.value
    place = 0 if high else 1
    whole, alone = (found.low, found.high)[place], found.ends_of_examples[place]
    if not math.isfinite(whole) or not math.isfinite(alone):
        return None, None
    side, own = abs(found.value - alone), growing.side(high, growing.rows)
    rest = max(side**2 - own**2, 0.0)

    def of_examples(rows: float, room: float) -> float:
        if rest >= room**2:
            return side * math.sqrt(growing.rows / rows)
        return math.hypot(growing.side(high, rows), math.sqrt(rest))

    def missing_examples(room: float, spread: float) -> int:
        def length(rows: float) -> float:
            return widened(of_examples(rows, room), spread, growing.seeds, rows)

        return _smallest(lambda more: length(growing.rows + more) <= room, _most(growing.rows))

    def missing_seeds(room: float, part: float) -> int:
        def length(more: float) -> float:
            return widened(part, found.spread, growing.seeds + more, growing.rows)

        return _smallest(lambda more: length(more) <= room, MOST_SEEDS)

    if not found.spread:
        return missing_examples(distance, 0.0), None
    seeds_alone = widened(0.0, found.spread, growing.seeds, growing.rows)
    if seeds_alone >= side and side < distance:
        return None, missing_seeds(distance, side)
    if seeds_alone < side and seeds_alone < distance:
        return missing_examples(distance, found.spread), None
    room = distance / math.sqrt(2)
    examples = missing_examples(room, 0.0) if side > room else None
    return examples, missing_seeds(room, 0.0) if seeds_alone > room else None


def _smallest(enough: Callable[[int], bool], most: int) -> int:
    """The smallest number from 1 on that is enough, to a thousandth; `most` where none is."""
    low, many = 0, 1
    while not enough(many) and many < most:
        low, many = many, 2 * many
    while many - low > max(1, low // 1000):
        middle = (low + many) // 2
        low, many = (low, middle) if enough(middle) else (middle, many)
    return min(many, most)


def _sentence(errors: Errors, gaps: list[Gap]) -> str:
    """Say in a sentence or two what it comes to."""
    for part, found in (("dev", errors.dev), ("training", errors.train)):
        if math.isnan(found.value):
            return (
                f"The {errors.measure} cannot be given on the {part} set, whose targets are all the same: nothing can "
                "be said of bias and variance."
            )
    high = [one.name for one in gaps if one.verdict == "high"]
    unknown = [one for one in gaps if one.verdict == "cannot tell"]
    told = (
        f"the {errors.measure} is {percent(errors.dev.value)} on the dev set and {percent(errors.train.value)} on the "
        "training set"
    )
    if errors.reached is not None:
        told += (
            f", which training to its end brings to {percent(errors.reached.value)}: early stopping traded the fit for "
            "the dev error"
        )
    if errors.constant is not None and errors.constant < RARE:
        told += f"; always giving the most common answer is wrong in {percent(errors.constant)} of the dev set"
    if high:
        words = [f"High {' and high '.join(high)}: {told}."]
    elif not unknown:
        words = [f"Neither bias nor variance is worth more effort: {told}."]
    else:
        words = [f"{told[0].upper()}{told[1:]}."]
    words += [_unknown(one, errors) for one in unknown]
    if any(one.examples_needed for one in unknown):
        words.append("More examples are needed to measure with; that does not say that training on more would help.")
    return " ".join(words)


def _unknown(one: Gap, errors: Errors) -> str:
    """Say what keeps a gap from being told."""
    told = f"Can't tell yet whether the {one.name} is high"
    if one.name == "bias" and errors.cut:
        return (
            f"{told}: early stopping kept an epoch after which the training loss still fell; `ikura diagnose` measures "
            "what training to its end reaches."
        )
    if one.border is not None:
        return f"{told}: {_too_near(one)}."
    reasons = []
    if one.seeds_needed:
        more = f"about {one.seeds_needed:,} more would settle it"
        reasons.append(f"it varies between {one.seeds:,} seeds, and {more}")
    if one.examples_needed:
        more = f"about {one.examples_needed:,} more would settle it"
        reasons.append(f"the {one.of} error is measured on {one.rows:,} examples, and {more}")
    if len(reasons) == 2:
        reasons = [reason.replace(" would settle it", " are needed") for reason in reasons]
    if reasons:
        return f"{told}: {'; '.join(reasons)}."
    return f"{told}: the best achievable error is not known well enough." if one.name == "bias" else f"{told}."


def _too_near(one: Gap) -> str:
    """Say that a gap lies too near a border."""
    what = f"{one.rows:,} {one.of} examples" if one.rows else "these errors"
    also = f" and {one.seeds:,} seeds" if one.seeds > 1 else ""
    return (
        f"it lies too near the border of {percent(one.border or 0.0)} to be told from {what}{also}, or from many times "
        "as many"
    )
