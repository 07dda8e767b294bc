"""Whether training, dev and test set come from the same distribution: a classifier two-sample test."""

from __future__ import annotations

import numpy as np

from ikura.checks._base import Check, Result
from ikura.checks.forest import MOST_ROWS, feature_names, forest_scores, matrix, rank_test
from ikura.checks.subject import Subject
from ikura.population.examples import Examples

__all__ = ["DistributionCheck"]

LEVEL = 0.001
NOTABLE = 0.6
LEAST_ROWS = 20


class DistributionCheck(Check):
    """Lets a forest tell training examples from others; where it can, the distributions differ."""

    name = "distribution"
    about = "training, dev and test set come from the same distribution"
    needs = ("examples", "dev")

    def run(self, subject: Subject) -> Result:
        """Test dev and test set, each at half the level."""
        figures, p_values = {}, []
        worst: tuple[float, str, float, list[str]] = (1.0, "", 0.0, [])
        for part, examples in (("dev", subject.dev), ("test", subject.test)):
            if examples is None or len(examples) < LEAST_ROWS:
                continue
            area, p_value, names = self._test(subject, examples)
            figures[part] = {"area": area, "p_value": p_value, "columns": names}
            p_values.append(p_value)
            if area > 0.5 and p_value < worst[0]:
                worst = (p_value, part, area, names)
        if not figures:
            return self.skipped(f"dev and test set have fewer than {LEAST_ROWS} examples")
        p_value, part, area, names = worst
        if p_value >= LEVEL / len(figures):
            return self.passed(f"a classifier cannot tell the parts apart (p = {min(p_values):.3f})", **figures)
        told = (
            f"a classifier tells the {part} set from the training set with an area under the curve of "
            f"{area:.2f} (p = {p_value:.1g}); they differ most in {', '.join(names)}"
        )
        cause = "The parts come from different sources or times, or were processed differently."
        fix = "Shuffle before splitting, treat all parts alike, or collect training data like those to be predicted."
        give = self.failed if area >= NOTABLE else self.warned
        return give(told, cause, fix, **figures)

    def _test(self, subject: Subject, examples: Examples) -> tuple[float, float, list[str]]:
        assert subject.train is not None
        random = np.random.default_rng(subject.seed)
        half = MOST_ROWS // 2
        x = np.concatenate(
            [
                matrix(subject, one, random.permutation(len(one))[:most])
                for one, most in ((subject.train, half), (examples, half))
            ]
        )
        count = min(len(subject.train), half)
        second = np.arange(len(x)) >= count
        scores, importance = forest_scores(x, second, False, subject.seed, leaf=5)
        area, p_value = rank_test(scores[:, 1], second)
        names = feature_names(subject, x.shape[1])
        return area, p_value, [names[i] for i in np.argsort(-importance)[:3]]
