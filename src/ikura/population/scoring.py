"""How the outputs of a tile's members are scored: losses, predictions and metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ikura.lazy_torch import Tensor, pytree, torch
from ikura.metric import METRICS, as_array, each_member
from ikura.nn.generators import seeded
from ikura.nn.loss import Loss, Prediction, first_tensor, usual_loss

if TYPE_CHECKING:
    from ikura.population.kernel.loss import KernelLoss

__all__ = ["Measured", "Outputs", "Scorer"]

Outputs = Any
"""Raw outputs of a tile: an array of shape (members, rows, ...), or a tuple or dictionary of such arrays."""


class Measured(NamedTuple):
    """What was measured of a tile's outputs.

    Attributes:
        losses, scores: float64 of shape (members,); NaN where the outputs are NaN.
        predictions: of each member, as metrics take them: shape (members, rows, ...).
    """

    losses: np.ndarray
    scores: np.ndarray
    predictions: np.ndarray


@dataclass(frozen=True)
class Scorer:
    """How raw outputs are scored.

    Of n examples, a classification's loss is their mean cross-entropy L. It falls without end as a network that is
    right on all n grows surer of everything, and of such networks the surest would count as the best; yet n right
    examples cannot tell errors rarer than about 1 / (n + 1). A loss that chooses between networks therefore counts m
    examples more which might be of any class: (n L + m U) / (n + m), U being the mean cross-entropy to labels spread
    evenly over all classes, which is cross-entropy with labels smoothed by m / (n + m). So do other losses of labels.

    Attributes:
        task: "binary", "multiclass", "multilabel", "regression" or "own".
        metric: scores one member's predictions, `metric(prediction, target) -> 0-dim tensor`.
        mean, std: of the values to predict in the training set, scalars or of the shape of one example's target;
            metrics see the target's own units.
        loss: the loss; None for the task's usual one.
        others: further metrics that are recorded, by name.
        whole_targets: whether a loss of the caller's own takes the targets as whole numbers.
        stop_on: name of the metric, or of a further one, by which epochs are kept and trials stop; empty for the loss.

    References:
        Perks, Some observations on inverse probability including a new indifference rule, J. Inst. Actuaries 73, 1947
        (a prior worth one observation); Szegedy et al., Rethinking the inception architecture, 2016 (smoothed labels).
    """

    task: str
    metric: Callable[..., Any]
    mean: Any = 0.0
    std: Any = 1.0
    loss: Loss | None = None
    others: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    whole_targets: bool = False
    stop_on: str = ""

    @property
    def sign(self) -> float:
        """1 if a greater score is better, -1 otherwise."""
        return 1.0 if getattr(self.metric, "greater_is_better", True) else -1.0

    @property
    def watched(self) -> str:
        """The further metric that is measured after each epoch, because epochs are kept by it; empty for none."""
        return "" if self.stop_on == getattr(self.metric, "name", "") else self.stop_on

    def after_epoch(self, found: Measured, y: np.ndarray) -> dict[str, np.ndarray]:
        """Measure what is watched: name to float64 of shape (members,); NaN where the loss is."""
        if not self.watched:
            return {}
        values = each_member(self.others[self.watched], found.predictions, self.target(y))
        return {self.watched: np.where(np.isnan(found.losses), np.nan, values)}

    def goal(self, losses: np.ndarray, scores: np.ndarray, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """What the kept epoch has least of: the dev loss, or a metric, less than zero where it is to be great.

        Args:
            losses, scores: of the dev set, of any shape.
            values: what `after_epoch` measured, of the same shape.
        """
        if not self.stop_on:
            return losses
        if not self.watched:
            return -self.sign * scores
        better = getattr(self.others[self.watched], "greater_is_better", True)
        return -values[self.watched] if better else values[self.watched]

    @property
    def criterion(self) -> Loss:
        """The loss, the task's usual one if none was chosen."""
        return usual_loss(self.task) if self.loss is None else self.loss

    @property
    def kernel_loss(self) -> KernelLoss | None:
        """The loss as compiled kernels know it; None where they do not."""
        from ikura.population.kernel.loss import kernel_loss

        loss = self.criterion
        return None if loss.own is not None else kernel_loss(self.task, loss.name, loss.parameters)

    def target(self, y: np.ndarray) -> np.ndarray:
        """Targets as metrics take them, values in their own units and in double precision: shape (rows, ...)."""
        if self.task in ("multiclass", "multilabel") or (self.task == "own" and self.whole_targets):
            return y.astype(np.int64)
        if self.task == "own":
            return y
        values: np.ndarray = y.astype(np.float64) * np.asarray(self.std) + np.asarray(self.mean)
        return values

    def predicted(self, outputs: Any, shape: tuple[int, ...] = ()) -> np.ndarray:
        """What metrics take of one member's raw outputs.

        Args:
            outputs: shape (rows, ...), an array or tensor, or a tuple or dictionary of tensors.
            shape: of one example's target.
        """
        return as_array(self.criterion.predict(self.task, outputs, self.mean, self.std, shape))

    def __call__(
        self, outputs: Outputs, y: np.ndarray, more: float = 0.0, weights: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute each member's loss and score, as `measured`."""
        found = self.measured(outputs, y, more, weights)
        return found.losses, found.scores

    def measured(
        self, outputs: Outputs, y: np.ndarray, more: float = 0.0, weights: np.ndarray | None = None
    ) -> Measured:
        """Compute each member's mean loss and score; a member's numbers do not depend on the others.

        Args:
            outputs: raw outputs; what lies in them may be replaced by predictions.
            y: targets as trained on, shape (rows, ...), in the precision of the outputs.
            more: m, how many examples of any class the loss of a classification counts besides.
            weights: of the examples in the loss, shape (rows,); None for 1 each.
        """
        if self._compiled(outputs, y):
            return self._assessed(outputs, y, more, weights)
        losses, predictions = [], []
        target = self._as_trained(y)
        weight = None if weights is None else torch.from_numpy(_mean_one(weights))
        for one in _members(outputs):
            losses.append(self._loss_of(one, target, more, weight))
            predictions.append(self.predicted(one, y.shape[1:]))
        found, shown = np.array(losses), np.stack(predictions)
        scores = each_member(self.metric, shown, self.target(y))
        return Measured(found, np.where(np.isnan(found), np.nan, scores), shown)

    def measures(self, predictions: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
        """Score predictions by the further metrics: name to float64 of shape (members,)."""
        target = self.target(y)
        return {name: each_member(one, predictions, target) for name, one in self.others.items()}

    def losses(
        self, outputs: Outputs, y: np.ndarray, more: float = 0.0, weights: np.ndarray | None = None
    ) -> np.ndarray:
        """Compute each member's loss on each example, in double precision; their mean is the loss of all.

        Args:
            outputs, y, more, weights: as for `measured`.

        Returns:
            float64 of shape (members, rows); NaN where the outputs are NaN.
        """
        target = self._as_trained(y)
        smoothing = torch.tensor(more / (len(y) + more), dtype=torch.float64) if more else None
        each = []
        for one in _members(outputs):
            wide = one.double() if self.criterion.own is None else one
            values = self.criterion.each(self.task, wide, target, smoothing).double().numpy()
            each.append(values if weights is None else values * _mean_one(weights))
        return np.stack(each)

    def _as_trained(self, y: np.ndarray) -> Tensor:
        target = torch.from_numpy(y)
        return target.long() if self.task == "multiclass" or self.whole_targets else target

    def _loss_of(self, outputs: Any, target: Tensor, more: float, weight: Tensor | None) -> float:
        """One member's mean loss; NaN if any output is NaN."""
        loss = self.criterion
        if any(bool(one.isnan().any()) for one in pytree.tree_leaves(outputs) if isinstance(one, Tensor)):
            return float("nan")
        if loss.own is not None:
            given = None if weight is None else weight.to(first_tensor(outputs).dtype)
            try:
                with seeded(0):
                    return float(loss.mean(self.task, outputs, target, None, given))
            except Exception:
                # Outputs beyond what a loss takes: the member has diverged.
                if all(bool(one.isfinite().all()) for one in pytree.tree_leaves(outputs) if isinstance(one, Tensor)):
                    raise
                return float("nan")
        smoothing = torch.tensor(more / (len(target) + more), dtype=outputs.dtype) if more else None
        values = loss.each(self.task, outputs, target, smoothing).double()
        return float((values if weight is None else values * weight).mean())

    def _compiled(self, outputs: Outputs, y: np.ndarray) -> bool:
        """Whether the compiled kernel measures it."""
        one_row_each = y.ndim == 1 or (y.ndim == 2 and self.task in ("regression", "multilabel"))
        return self.kernel_loss is not None and one_row_each and isinstance(outputs, np.ndarray)

    def _assessed(self, outputs: np.ndarray, y: np.ndarray, more: float, weights: np.ndarray | None) -> Measured:
        from ikura.population.kernel.score import CODES, assess

        if self.task == "binary" and (outputs.ndim == 2 or outputs.shape[-1] == 2):
            outputs = _one_logit(outputs)
        elif outputs.ndim == 2:
            outputs = outputs[..., None]
        name = getattr(self.metric, "name", "")
        loss = self.kernel_loss
        assert loss is not None
        counts_in_logarithms = self.criterion.prediction is Prediction.EXPONENTIAL
        known = METRICS.get(name) is self.metric and name in CODES and not counts_in_logarithms
        losses, scores = np.empty(len(outputs)), np.empty(len(outputs))
        kind = CODES[name] if known else 0
        smoothing = more / (len(y) + more)
        stds = np.ascontiguousarray(np.broadcast_to(np.asarray(self.std, np.float64), outputs.shape[2]))
        counts = np.empty(0) if weights is None else _mean_one(weights)
        assess(*loss, outputs, y.reshape(-1), counts, smoothing, stds, kind, losses, scores)
        predictions = outputs if self.task == "multiclass" or y.ndim == 2 else outputs[..., 0]
        if counts_in_logarithms:
            predictions = np.exp(predictions.astype(np.float64))
        elif self.task == "regression":
            predictions = predictions.astype(np.float64) * np.asarray(self.std) + np.asarray(self.mean)
        if not known:
            measured = each_member(self.metric, predictions, self.target(y))
            scores = np.where(np.isnan(losses), np.nan, measured)
        return Measured(losses, scores, predictions)


def _one_logit(outputs: np.ndarray) -> np.ndarray:
    """One logit of shape (members, rows, 1) of one or two."""
    logit = outputs[..., 1] - outputs[..., 0] if outputs.ndim == 3 and outputs.shape[-1] == 2 else outputs
    return np.ascontiguousarray(logit.reshape(*outputs.shape[:2], 1))


def _members(outputs: Outputs) -> Iterator[Any]:
    """The outputs of each member as tensors."""
    count = len(next(one for one in pytree.tree_leaves(outputs) if isinstance(one, np.ndarray)))
    for k in range(count):
        yield pytree.tree_map(
            lambda one, k=k: torch.from_numpy(one[k]) if isinstance(one, np.ndarray) else one, outputs
        )


def _mean_one(weights: np.ndarray) -> np.ndarray:
    """Weights of examples scaled to a mean of 1, as they count in a mean loss."""
    scaled: np.ndarray = (weights / weights.mean()).astype(np.float64)
    return scaled
