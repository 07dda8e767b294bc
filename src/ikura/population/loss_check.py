"""A dry run of a loss of the caller's own, on what a network returns for a few examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ikura.errors import UsageError
from ikura.lazy_torch import Tensor, pytree, torch
from ikura.nn.generators import seeded
from ikura.nn.loss import Loss, OutputShape
from ikura.population.factory import NetworkError

__all__ = ["Aim", "check_loss", "check_predictions"]


@dataclass(frozen=True)
class Aim:
    """What a network's outputs are for.

    Attributes:
        task: its name.
        outputs: the raw outputs that the loss takes.
        loss: the loss.
        y: targets of some examples, as the loss takes them.
        weights: of the examples; None where they count alike.
    """

    task: str
    outputs: OutputShape
    loss: Loss
    y: Tensor
    weights: Tensor | None = None

    def rows(self, which: slice) -> Aim:
        """The same for some of the examples."""
        weights = None if self.weights is None else self.weights[which]
        return Aim(self.task, self.outputs, self.loss, self.y[which], weights)


def check_loss(outputs: Any, aim: Aim) -> None:
    """Refuse a loss that cannot be trained with.

    Args:
        outputs: what a network returns in training.
        aim: its loss, and the targets of the same examples.

    Raises:
        UsageError: it fails, gives no gradient, or remembers what it was given before.
    """
    if aim.loss.own is None:
        return
    first, again = (_value(outputs, aim) for _ in range(2))
    what = f"the loss {aim.loss.name}"
    if not first.requires_grad:
        raise UsageError(
            f"{what} has no gradient: it was computed from numbers taken out of the graph (.item(), .detach(), "
            ".numpy(), argmax or a comparison); compute it from the outputs with differentiable operations alone"
        )
    if not bool(first.isfinite()):
        if _finite(outputs):
            raise NetworkError(f"{what} is {first.item():g} before training: look for logarithms of zero and divisions")
        return
    if not torch.equal(first, again):
        raise UsageError(
            f"{what} gives {first.item():.6g} and then {again.item():.6g} for the same outputs: it remembers "
            "something, which all trials would share; keep it in a buffer of the network"
        )
    _check_broadcast(outputs, aim, first.detach())


def _check_broadcast(outputs: Any, aim: Aim, found: Tensor) -> None:
    """Refuse a loss in which (rows, 1) meets (rows,): it compares every output with every target."""
    rows = len(aim.y)
    if not isinstance(outputs, Tensor) or tuple(outputs.shape) != (rows, 1) or aim.y.dim() != 1 or rows < 3:
        return
    with torch.no_grad():
        single = [aim.rows(slice(j, j + 1)) for j in range(rows)]
        pairs = torch.stack([torch.stack([_value(outputs[i : i + 1], one) for one in single]) for i in range(rows)])
    own, every = pairs.diagonal().mean(), pairs.mean()
    close = 1e-5 * float(every.abs())
    if aim.weights is None and abs(float(found - every)) <= close < abs(float(found - own)):
        raise UsageError(
            f"the loss {aim.loss.name} compares every output with every target, because outputs have shape (rows, 1) "
            "and targets (rows,); take outputs[:, 0]"
        )


def check_predictions(outputs: Any, aim: Aim) -> list[str]:
    """Refuse outputs of which no predictions for the task can be made; say of which they are made.

    Args:
        outputs: what a network returns in evaluation.
        aim: its loss, and the targets of the same examples.

    Raises:
        UsageError: the loss fails in evaluation, or predictions would be of another shape than the task's.
    """
    if aim.loss.own is None:
        return []
    with torch.no_grad():
        _value(outputs, aim, " in evaluation")
        try:
            shown = aim.loss.predict(aim.task, outputs)
        except Exception as error:
            raise UsageError(f"predictions cannot be made of the outputs: {_reason(error)}") from error
    if not isinstance(shown, Tensor) or not shown.dim() or len(shown) != len(aim.y):
        found = f"shape {tuple(shown.shape)}" if isinstance(shown, Tensor) else f"a {type(shown).__name__}"
        raise UsageError(f"predictions of {len(aim.y)} examples must be a tensor with a row for each, not {found}")
    if aim.task == "own" or aim.loss.predict_by is not None:
        return []
    first = next(one for one in pytree.tree_leaves(outputs) if isinstance(one, Tensor))
    shapes = aim.outputs.shapes(len(aim.y))
    if tuple(first.shape) not in shapes:
        raise UsageError(
            f"with the loss {aim.loss.name} the network gives outputs of shape {tuple(first.shape)}, of which no "
            f"predictions of a {aim.task} task are made ({shapes[0]} are); say how, "
            "loss=ikura.loss(function, prediction=lambda outputs: …), or give task='own': then outputs are predictions"
        )
    if isinstance(outputs, Tensor):
        return []
    return ["The network returns several outputs; predictions are made of the first (prediction=… of ikura.loss)."]


def _value(outputs: Any, aim: Aim, when: str = "") -> Tensor:
    try:
        with seeded(0, aim.y.device):
            return aim.loss.mean(aim.task, outputs, aim.y, None, aim.weights)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(
            f"the loss {aim.loss.name} fails{when} on outputs of shape {_shape(outputs)} and targets of shape "
            f"{tuple(aim.y.shape)} ({str(aim.y.dtype).removeprefix('torch.')}): {_reason(error)}"
        ) from error


def _shape(outputs: Any) -> Any:
    if isinstance(outputs, Tensor):
        return tuple(outputs.shape)
    return [tuple(one.shape) for one in pytree.tree_leaves(outputs) if isinstance(one, Tensor)]


def _finite(outputs: Any) -> bool:
    return all(bool(one.isfinite().all()) for one in pytree.tree_leaves(outputs) if isinstance(one, Tensor))


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
