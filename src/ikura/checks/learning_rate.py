"""The learning-rate range test: short trainings from the same start over a range of rates."""

from __future__ import annotations

import math

from ikura.checks._base import Check, Result
from ikura.checks.short_training import evaluate, reseed, train
from ikura.checks.subject import Subject, without_dropout

__all__ = ["LearningRateCheck", "range_test"]

RATES = tuple(10 ** (exponent / 2) for exponent in range(-10, 3))
STEPS = 20
DIVERGED, USEFUL, FAR = 3.0, 0.1, 10.0
TOO_LITTLE, LITTLE = 1e-3, 1e-2


def range_test(subject: Subject, rates: tuple[float, ...] = RATES, steps: int = STEPS) -> dict[float, float]:
    """Train a copy for a few steps at each learning rate, always from the same weights on the same mini-batches.

    Args:
        subject: gives the network, the update rule and the mini-batches.
        rates: the learning rates.
        steps: updates at each of them.

    Returns:
        Learning rate to the loss afterwards on the examples that checks look at, infinite where it diverged; 0 stands
        for the loss before.

    References:
        Smith 2017, Cyclical learning rates, arXiv:1506.01186, whose single sweep carries over from rate to rate.
    """
    batch = subject.seen()
    found = {0.0: evaluate(subject, subject.module(), batch)}
    for rate in rates:
        reseed(1)
        module = subject.module()
        without_dropout(module)
        losses = train(subject, module, steps, rate)
        end = evaluate(subject, module, batch) if math.isfinite(losses[-1]) else math.inf
        found[rate] = end if math.isfinite(end) else math.inf
    return found


class LearningRateCheck(Check):
    """Compares the chosen learning rate with the range in which the network learns."""

    name = "learning-rate"
    about = "the learning rate lies where the loss falls"

    def run(self, subject: Subject) -> Result:
        """Find the range, then try the chosen rate."""
        chosen = float(subject.values.learning_rate)
        found = range_test(subject)
        found |= range_test(subject, (chosen,))
        start, end = found[0.0], found[chosen]
        best = min((rate for rate in RATES), key=lambda rate: found[rate])
        gain = start - found[best]
        figures: dict[str, object] = {
            "learning_rate": chosen,
            "loss_before": start,
            "loss_after": end,
            "losses": {f"{rate:.3g}": found[rate] for rate in RATES},
        }
        if not math.isfinite(start) or gain <= 1e-3 * abs(start):
            return self.skipped("the loss falls at no learning rate; see overfit", **figures)
        useful = [rate for rate in RATES if start - found[rate] >= USEFUL * gain]
        figures |= {"range": [useful[0], useful[-1]], "best": best}
        where = f"the loss falls well between {useful[0]:.2g} and {useful[-1]:.2g}, best at {best:.2g}"
        level = max(start, subject.guess if subject.loss is None else start)
        grown = end > DIVERGED * abs(level) or not math.isfinite(end)
        if chosen > useful[-1] and (grown or (end >= start and chosen > FAR * useful[-1])):
            grows = "diverges" if not math.isfinite(end) else f"goes from {start:.3g} to {end:.3g}"
            give = self.warned if subject.values.warm_up else self.failed
            return give(
                f"at the learning rate {chosen:.3g} the loss {grows} in {STEPS} updates; {where}",
                "The learning rate is far too high.",
                f"Try about {best / 3:.2g}.",
                **figures,
            )
        share = (start - end) / gain
        figures["share_of_the_best_gain"] = share
        if share < LITTLE and chosen * 300 <= best:
            give = self.failed if share < TOO_LITTLE else self.warned
            return give(
                f"at the learning rate {chosen:.3g} the loss hardly moves, from {start:.4g} to {end:.4g}; {where}",
                "The learning rate is far too low.",
                f"Try about {best / 3:.2g}.",
                **figures,
            )
        return self.passed(where, **figures)
