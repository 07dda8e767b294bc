"""Bare error rates, judged without a study."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real

from ikura.diagnose.bias_variance import check_worth, judge_errors
from ikura.errors import UsageError
from ikura.metric.estimate import LEVEL, Estimate, difference, known_error
from ikura.metric.interval import wilson
from ikura.study.record.diagnosis import WORTH, Diagnosis, Errors

__all__ = ["judge"]


def judge(
    train_error: float,
    dev_error: float,
    bayes_error: float | None = None,
    human_error: float | None = None,
    examples: int | None = None,
    train_examples: int | None = None,
    worth: float = WORTH,
) -> Diagnosis:
    """Tell bias from variance by error rates alone.

    bias = training error - best achievable error; variance = dev error - training error. With the number of examples
    each error has Wilson's 95 % interval, and a gap is high or low only if its whole interval is; without it the
    numbers are taken as exact.

    Args:
        train_error, dev_error: shares of wrong examples, from 0 to 1.
        bayes_error: the best achievable error, a share; 0 where neither it nor people's error is given.
        human_error: the error of people, which stands for the best achievable one.
        examples: dev examples that the dev error was measured on.
        train_examples: training examples that the training error was measured on.
        worth: gap from which on effort is worth it, a share.

    Returns:
        Bias and variance with their verdicts, and a sentence.

    Raises:
        UsageError: an error is no share (NaN is none), or a number of examples is no whole number from 1 on.

    Example:
        >>> found = judge(train_error=0.01, dev_error=0.11)
        >>> found.bias.verdict, found.variance.verdict
        ('low', 'high')
        >>> judge(0.15, 0.16, bayes_error=0.15).sentence.split(":")[0]
        'Neither bias nor variance is worth more effort'
        >>> judge(0.01, 0.11, examples=10).variance.verdict
        'cannot tell'

    References:
        Ng, Machine Learning Yearning (2018), chapters 20 to 22.
    """
    check_worth(worth)
    for name, value in (("train_error", train_error), ("dev_error", dev_error)):
        if not isinstance(value, Real) or not 0 <= value <= 1:
            raise UsageError(f"{name} is a share from 0 to 1, such as 0.01 for 1 %, but is {value!r}")
    for name, count in (("examples", examples), ("train_examples", train_examples)):
        if count is not None and (not isinstance(count, Integral) or count < 1):
            raise UsageError(f"{name} must be a whole number of at least 1, but is {count!r}")
    optimal, source = known_error(bayes_error, human_error) or (Estimate.exactly(0.0), "given")
    train, dev = _measured(train_error, train_examples), _measured(dev_error, examples)
    errors = Errors("error rate", train, dev, difference(dev, train), train_examples or 0, examples or 0)
    note = "taken to be 0, since none was given" if bayes_error is None and human_error is None else ""
    found = judge_errors(errors, optimal, source, worth, note)
    exact = [name for name, count in (("training", train_examples), ("dev", examples)) if count is None]
    if not exact:
        return found
    whose, it = ("The numbers are", "they were") if len(exact) == 2 else (f"The {exact[0]} error is", "it was")
    more = f"{whose} taken as exact, since nobody said on how many examples {it} measured."
    return replace(found, sentence=f"{found.sentence} {more}")


def _measured(error: float, examples: int | None) -> Estimate:
    if examples is None:
        return Estimate.exactly(float(error))
    return Estimate(float(error), *wilson(error * examples, examples, LEVEL))  # type: ignore[arg-type]
