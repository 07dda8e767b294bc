"""The losses by name, and what a caller gives as a loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ikura import built_in
from ikura.errors import UsageError
from ikura.lazy_torch import Tensor
from ikura.nn.loss._base import Loss, own_loss
from ikura.registry import Registry

__all__ = ["LOSSES", "as_loss", "chosen_loss", "loss"]

LOSSES: Registry[Loss] = built_in.LOSSES
"""Name to loss."""


def as_loss(name: str, thing: Any) -> Loss:
    """Take a loss that was found under a name: a `Loss`, or a function of (outputs, target[, weight]).

    Raises:
        UsageError: it is neither.
    """
    if isinstance(thing, Loss):
        if thing.name != name:
            raise UsageError(f"the loss {name!r} does not call itself so; write name={name!r}")
        return thing
    made = own_loss(thing)
    return Loss(name, own=made.own, targets=made.targets)


def loss(
    what: str | Callable[..., Any], *, prediction: Callable[[Any], Tensor] | None = None, **parameters: float
) -> Loss:
    """Make a loss: a named one with its parameters, or one of your own.

    Args:
        what: one of `ikura.nn.loss.LOSSES`; or a function of (outputs, target), or (outputs, target, weight), that
            gives a value for each example, shape (rows,), or their mean. It is given just what the network returns.
        prediction: for a loss of your own, makes predictions of outputs; by default the task's: a sigmoid, a softmax,
            or values in the target's own unit.
        parameters: huber has delta (1), quantile q (0.5), focal gamma (2).

    Returns:
        What `ikura.tune` takes as `loss`.

    Raises:
        UsageError: the name or a parameter is unknown, or a number out of range.

    Example:
        >>> loss("quantile", q=0.9).parameters
        {'q': 0.9}
        >>> loss("hubert")
        Traceback (most recent call last):
        ikura.errors.UsageError: unknown loss 'hubert', did you mean 'huber'?: use cross_entropy, \
binary_cross_entropy, focal, hinge, mse, mae, huber, quantile, poisson, gaussian_nll
    """
    if not isinstance(what, str):
        if parameters:
            raise UsageError(f"parameters ({', '.join(parameters)}) are for named losses; bind them to your function")
        return own_loss(what, prediction)
    found = LOSSES.look_up(what)
    if prediction is not None:
        raise UsageError(f"the loss {what!r} makes its own predictions; prediction is for a loss of your own")
    return found.with_parameters(parameters)


def chosen_loss(what: Any) -> Loss | None:
    """What a caller gives as a loss: None, a name, perhaps with parameters ("huber:delta=2"), a `Loss` or a function.

    Raises:
        UsageError: it is none of these.

    Example:
        >>> chosen_loss("quantile:q=0.1").parameters
        {'q': 0.1}
    """
    if what is None or isinstance(what, Loss):
        return what
    if not isinstance(what, str):
        return own_loss(what)
    name, _, rest = what.partition(":")
    return loss(name).with_parameters(_numbers(what, rest))


def _numbers(what: str, rest: str) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for part in filter(None, rest.split(",")):
        name, sign, value = part.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            sign = ""
        if not sign:
            raise UsageError(f"the loss {what!r} has the parameter {part!r}; write name=number, as in huber:delta=2")
    return found
