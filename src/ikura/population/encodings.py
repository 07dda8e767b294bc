"""Encodings of numeric columns and transforms of the target, fitted to the examples that a population trains on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ikura.nn.encoding import WAVES, NumericEncoding, fit_encoding
from ikura.nn.target_transform import TargetTransform, fit_target
from ikura.population.examples import Examples
from ikura.population.member import Hyperparameters
from ikura.population.scoring import Scorer

__all__ = ["FittedEncodings"]


@dataclass
class FittedEncodings:
    """Encodings and transforms that were asked for, each fitted once for the same examples.

    Statistics are those of the examples in the order in which they lie, whatever is trained on them.
    """

    _found: dict[tuple[object, ...], tuple[Examples, NumericEncoding | None]] = field(default_factory=dict, repr=False)
    _targets: dict[tuple[object, ...], tuple[Examples, TargetTransform | None]] = field(
        default_factory=dict, repr=False
    )

    def of(
        self, values: Hyperparameters, examples: Examples, numeric: Sequence[tuple[int, int]]
    ) -> NumericEncoding | None:
        """The encoding that a member's hyperparameters ask for; None where inputs stay as they are.

        Args:
            values: the member's hyperparameters.
            examples: those that it trains on.
            numeric: numeric columns, each with the column that marks its missing values, -1 for none.
        """
        kind = values.numeric_encoding
        if kind == "standard" or not numeric or not examples.is_table or examples.standard is not None:
            return None
        bins = int(values.encoding_bins) if kind == "piecewise_linear" else 0
        sizes = (int(values.encoding_frequencies), int(values.encoding_size)) if kind in WAVES else (0, 0)
        # The examples are kept, so that no others can come by their identity.
        name = (id(examples), tuple(numeric), kind, bins, *sizes)
        if name not in self._found:
            self._found[name] = examples, fit_encoding(kind, examples.array, numeric, bins, *sizes)
        return self._found[name][1]

    def target(self, values: Hyperparameters, examples: Examples, scorer: Scorer) -> TargetTransform | None:
        """What a member learns in place of the target's values; None for these themselves.

        Args:
            values: the member's hyperparameters.
            examples: those that it trains on.
            scorer: which knows the task, and how values were standardised.
        """
        kind = values.target_transform
        if kind == "none" or scorer.task != "regression" or examples.y.ndim != 1:
            return None
        mean, std = float(scorer.mean), float(scorer.std)
        name = (id(examples), kind, mean, std)
        if name not in self._targets:
            self._targets[name] = examples, fit_target(kind, examples.y, mean, std)
        return self._targets[name][1]
