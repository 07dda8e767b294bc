"""What a loss is: a value for each example, what it takes, and what it makes of outputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import numpy as np

from ikura.errors import UsageError, listed
from ikura.lazy_torch import Module, Tensor, torch
from ikura.nn.loss.predictions import Prediction, predicted
from ikura.nn.loss.target_shapes import as_one_logit, first_tensor
from ikura.wording import one_line

__all__ = ["TASKS", "Loss", "Prediction", "Targets", "each_row", "own_loss"]

TASKS = ("binary", "multiclass", "multilabel", "regression", "own")
"""What a network may learn: one of two classes, of several, several labels at once, values, or what its loss says."""

EachLoss = Callable[..., Tensor]


class Targets(Enum):
    """In which unit a loss takes values that are to be predicted."""

    STANDARDISED = "less their mean, in standard deviations of the training set"
    AS_GIVEN = "in their own unit"


@dataclass(frozen=True)
class Loss:
    """A loss, written for one network.

    Attributes:
        name: its name, such as "huber".
        functions: by task, a function of (outputs, target, **parameters) that gives each example's loss, shape (rows,).
            Empty for a loss of the caller's own, which takes any task.
        parameters: numbers that the functions take, with their values.
        bounds: the open interval in which each parameter lies.
        spreads: by task, a function of (outputs, **parameters) that gives each example's mean loss over all labels
            that it might have, shape (rows,); where there is one, labels can be smoothed.
        per_value: outputs for each value that is predicted.
        targets: in which unit values are taken.
        prediction: what is made of outputs.
        own: the caller's function of (outputs, target[, weight]); None for a named loss.
        predict_by: the caller's function from outputs to predictions; None for what `prediction` says.

    Example:
        >>> from ikura.nn.loss import LOSSES
        >>> LOSSES["mae"].mean("regression", torch.zeros(2, 1), torch.tensor([1.0, -3.0])).item()
        2.0
    """

    name: str
    functions: Mapping[str, EachLoss] = field(default_factory=dict, repr=False)
    parameters: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict, repr=False)
    spreads: Mapping[str, EachLoss] = field(default_factory=dict, repr=False)
    per_value: int = 1
    targets: Targets = Targets.STANDARDISED
    prediction: Prediction = Prediction.OF_TASK
    own: Callable[..., Any] | None = field(default=None, repr=False)
    predict_by: Callable[[Any], Tensor] | None = field(default=None, repr=False)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that it is for."""
        return TASKS if self.own is not None else tuple(self.functions)

    @property
    def made_by(self) -> Callable[..., Any] | None:
        """The caller's function that it was made of; None for a named loss."""
        return self.own

    @property
    def takes_weight(self) -> bool:
        """Whether the caller's own loss takes the examples' weights as a third argument."""
        return self.own is not None and _arguments(self.own) >= 3

    def smooths(self, task: str) -> bool:
        """Whether it is one of labels that can be smoothed."""
        return task in self.spreads

    def each(self, task: str, outputs: Any, target: Any, smoothing: Tensor | None = None) -> Tensor:
        """Compute one network's loss on each example.

        With labels smoothed by s it is (1 - s) times that of the label plus s times the mean over all labels that the
        example might have.

        Args:
            task: one of `TASKS`.
            outputs: raw outputs, shape (rows, ...); of a loss of the caller's own anything that a network returns.
            target: shape (rows, ...).
            smoothing: s, a scalar, or one for each example, shape (rows,); None for 0. A loss that is not one of labels
                ignores it.

        Returns:
            Shape (rows,); NaN where an output is NaN.

        Raises:
            UsageError: a loss of the caller's own gives one number for all examples together.
        """
        if self.own is not None:
            value = self._own(task, outputs, target, None)
            if value.dim() == 0:
                raise UsageError(
                    f"the loss {self.name} gives one number for all examples together, and here each example's is "
                    "needed; let it return a value for each, shape (rows,)"
                )
            return each_row(value)
        outputs = as_one_logit(outputs) if task == "binary" else outputs
        sharp = self.functions[task](outputs, target, **self.parameters)
        if smoothing is None or task not in self.spreads:
            return sharp
        return (1 - smoothing) * sharp + smoothing * self.spreads[task](outputs, **self.parameters)

    def mean(
        self, task: str, outputs: Any, target: Any, smoothing: Tensor | None = None, weight: Tensor | None = None
    ) -> Tensor:
        """Compute one network's loss on a mini-batch, Σ w_i l_i / n of n examples.

        Args:
            task, outputs, target, smoothing: as for `each`.
            weight: w, shape (rows,), whose mean over the training set is 1; None for 1 each.

        Returns:
            A scalar; NaN if an output is NaN.

        Raises:
            UsageError: a loss of the caller's own gives one number and takes no weights, and there are some.
        """
        if self.own is None:
            values = self.each(task, outputs, target, smoothing)
            return values.mean() if weight is None else (values * weight).mean()
        value = self._own(task, outputs, target, weight)
        if value.dim() == 0:
            if weight is not None and not self.takes_weight:
                raise UsageError(
                    f"the loss {self.name} gives one number for all examples together, so that they cannot be "
                    "weighted; let it return a value for each, shape (rows,), or take the weights as a third argument"
                )
            return value
        values = each_row(value)
        return values.mean() if weight is None or self.takes_weight else (values * weight).mean()

    def _own(self, task: str, outputs: Any, target: Any, weight: Tensor | None) -> Tensor:
        assert self.own is not None
        if task == "binary" and first_tensor(outputs).shape[-1:] == (2,):
            target = target.long()
        if self.takes_weight:
            rows = first_tensor(outputs).shape[0]
            ones = first_tensor(target).new_ones(rows, dtype=first_tensor(outputs).dtype)
            value = self.own(outputs, target, ones if weight is None else weight)
        else:
            value = self.own(outputs, target)
        if not isinstance(value, Tensor):
            raise UsageError(f"the loss {self.name} returns a {type(value).__name__}; return a tensor")
        rows = first_tensor(outputs).shape[0]
        if value.dim() and value.shape[0] != rows:
            if value.numel() == 1:
                return value.reshape(())
            raise UsageError(
                f"the loss {self.name} returns shape {tuple(value.shape)} for {rows} examples; return a value for "
                "each, or their mean"
            )
        return value

    def predict(
        self, task: str, outputs: Any, mean: Any = 0.0, std: Any = 1.0, shape: tuple[int, ...] | None = None
    ) -> Any:
        """Turn raw outputs into predictions.

        Args:
            task: one of `TASKS`.
            outputs: shape (rows, ...), a tensor or an array.
            mean, std: of the values to predict in the training set, where they are taken standardised: scalars, or of
                the shape of one example's target.
            shape: of one example's target, in which labels and values are returned; None for that of the outputs.

        Returns:
            binary: probability of the second class, shape (rows,); multiclass: probabilities, shape (rows, classes);
            multilabel: probability of each label, shape (rows, labels); regression: values in the target's units,
            float64 (float32 has steps of 128 at 1.7e9), shape (rows,) or that of the target; own: outputs as they are.
            Of an array they are an array.
        """
        if isinstance(outputs, np.ndarray):
            if self.predict_by is not None:
                return self.predict_by(torch.from_numpy(outputs)).detach().numpy()
            return predicted(self.prediction, task, outputs, mean, std, shape)
        if self.predict_by is not None:
            return self.predict_by(outputs)
        found = first_tensor(outputs)
        if task == "own":
            return found
        if task == "binary":
            return as_one_logit(found).sigmoid()
        if task == "multiclass":
            return found.softmax(1)
        if self.prediction is Prediction.FIRST_HALF:
            found = found.chunk(2, 1)[0]
        if shape is not None:
            found = found.reshape(len(found), *shape)
        elif found.dim() == 2 and found.shape[1] == 1:
            found = found[:, 0]
        if task == "multilabel":
            return found.sigmoid()
        if self.prediction is Prediction.EXPONENTIAL:
            return found.double().exp()
        if not isinstance(mean, int | float):
            mean, std = (torch.as_tensor(one, dtype=torch.float64, device=found.device) for one in (mean, std))
        values: Tensor = found.double() * std + mean
        return values

    def with_parameters(self, given: Mapping[str, Any]) -> Loss:
        """The loss with other values of its parameters.

        Raises:
            UsageError: it has no such parameter, or the value is out of range.
        """
        for name, value in given.items():
            if name not in self.parameters:
                has = f"it has {listed(self.parameters)}" if self.parameters else "it has none"
                raise UsageError(f"the loss {self.name!r} has no parameter {name!r}; {has}")
            low, high = self.bounds[name]
            if isinstance(value, bool) or not isinstance(value, int | float) or not low < value < high:
                inside = f"above {low:g}" if high == torch.inf else f"between {low:g} and {high:g}"
                raise UsageError(f"{name} of the loss {self.name!r} must be {inside}, but is {value!r}")
        return replace(self, parameters={**self.parameters, **{name: float(one) for name, one in given.items()}})


def each_row(value: Tensor) -> Tensor:
    """Average a loss of shape (rows, ...) over everything but the rows: shape (rows,).

    Example:
        >>> each_row(torch.tensor([[1.0, 3.0], [0.0, 0.0]]))
        tensor([2., 0.])
    """
    return value if value.dim() == 1 else value.flatten(1).mean(1)


def own_loss(function: Callable[..., Any], prediction: Callable[[Any], Tensor] | None = None) -> Loss:
    """Take a loss of the caller's own.

    Args:
        function: of (outputs, target) or (outputs, target, weight); gives a value for each example, or their mean.
        prediction: makes predictions of outputs; None for what is usual for the task.

    Raises:
        UsageError: it is no function of these, or would have to be trained.
    """
    if not callable(function):
        raise UsageError(f"a loss is a name or a function of (outputs, target), not {one_line(repr(function), 60)}")
    if isinstance(function, type):
        raise UsageError(f"the loss is the class {function.__qualname__}; give one of it: {function.__qualname__}(…)")
    if isinstance(function, Module) and any(p.requires_grad for p in function.parameters()):
        raise UsageError(
            f"the loss {type(function).__name__} has parameters of its own, which would not be trained; make them part "
            "of the network, whose outputs the loss is given"
        )
    count = _arguments(function)
    if count < 2:
        raise UsageError(f"a loss is a function of (outputs, target) or (outputs, target, weight), but takes {count}")
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return Loss(name.rpartition("<locals>.")[2], own=function, targets=Targets.AS_GIVEN, predict_by=prediction)


def _arguments(function: Callable[..., Any]) -> int:
    """How many of (outputs, target, weight) a function is given: 3 where its third argument is a weight."""
    called = function.forward if isinstance(function, Module) else function
    try:
        parameters = list(inspect.signature(called).parameters.values())
    except (TypeError, ValueError):
        return 2
    places = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    needed = sum(one.default is one.empty for one in places)
    if any(one.kind is one.VAR_POSITIONAL for one in parameters):
        return max(2, needed)
    if len(places) < 2 or needed > 3:
        return len(places) if len(places) < 2 else needed
    third = places[2] if len(places) > 2 else None
    weighted = third is not None and (third.default is third.empty or third.name in ("weight", "weights", "w"))
    return 3 if weighted else 2
