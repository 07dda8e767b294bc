"""A short training of one network, on copies, as the setting says."""

from __future__ import annotations

from typing import Any

from ikura.checks.subject import Batch, Subject, without_dropout
from ikura.lazy_torch import Tensor, nn, torch
from ikura.nn import generators
from ikura.population.update_rules import coefficients, rule

__all__ = ["STEPS", "evaluate", "gradients", "reseed", "train", "trained"]

STEPS = 40
"""Steps after which a network counts as trained a little."""


def reseed(seed: int = 0) -> None:
    """Begin the noise of a network's own anew, inside of `undisturbed_generators`."""
    generators.reseed(seed)


def gradients(subject: Subject, module: nn.Module, batch: Batch) -> tuple[float, list[Tensor | None]]:
    """Compute the objective and its gradient for each parameter; None where it does not reach the parameter."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    value = subject.objective(module, batch)
    found = torch.autograd.grad(value, parameters, allow_unused=True) if value.requires_grad else []
    return float(value.detach()), list(found) or [None] * len(parameters)


def train(
    subject: Subject,
    module: nn.Module,
    steps: int,
    learning_rate: float | None = None,
    fixed: Batch | None = None,
    optimizer: str | None = None,
) -> list[float]:
    """Train a network in place with ikura's own update rules.

    Args:
        subject: gives loss, penalties, clipping and mini-batches.
        module: the network, in the mode it is to be trained in.
        steps: updates.
        learning_rate: the setting's by default.
        fixed: the one mini-batch to train on; the training set's by default.
        optimizer: an update rule with its own defaults and nothing else; the setting's by default.

    Returns:
        The loss before each update; training ends with the first that is not finite.
    """
    values = subject.values
    chosen = rule(optimizer or values.optimizer)
    numbers = values if optimizer is None else {**values, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    rate = float(values.learning_rate if learning_rate is None else learning_rate)
    parameters = [p for p in module.parameters() if p.requires_grad]
    moments: list[list[Tensor]] = [[torch.zeros_like(p) for _ in range(chosen.moments)] for p in parameters]
    losses: list[float] = []
    decayed = {id(p) for p in subject.weights(module)} if values.weight_decay else set()
    for step in range(1, steps + 1):
        batch = fixed or subject.batch(int(values.batch_size), step - 1, parameters[0].dtype)
        value, found = gradients(subject, module, batch)
        losses.append(value)
        if not torch.isfinite(torch.tensor(value)):
            break
        momentum, beta1, beta2, epsilon = (float(numbers[n]) for n in ("momentum", "beta1", "beta2", "epsilon"))
        c = coefficients(rate, momentum, beta1, beta2, epsilon, step)._replace(learning_rate=torch.tensor(rate))
        with torch.no_grad():
            clips = optimizer is None and step <= (values.clip_steps or step)
            clipped = _clip(found, values) if clips else found
            for p, gradient, state in zip(parameters, clipped, moments, strict=True):
                if gradient is None:
                    continue
                if optimizer is None and values.weight_decay and id(p) in decayed:
                    p.mul_(1 - rate * values.weight_decay)
                new, *kept = chosen.update(p, gradient, *state, c)
                p.copy_(new)
                state[:] = kept
    return losses


def _clip(found: list[Tensor | None], values: Any) -> list[Tensor | None]:
    if values.clip_value:
        found = [None if g is None else g.clamp(-values.clip_value, values.clip_value) for g in found]
    if values.clip_norm:
        norm = float(torch.stack([g.norm() for g in found if g is not None]).norm())
        factor = min(1.0, values.clip_norm / max(norm, 1e-300))
        found = [None if g is None else g * factor for g in found]
    return found


def evaluate(subject: Subject, module: nn.Module, batch: Batch) -> float:
    """Compute the loss without penalties, dropout off, batch statistics as in training."""
    was = module.training
    reseed()
    with torch.no_grad():
        value = float(subject.cost(subject.outputs(without_dropout(module), batch), batch.y))
    module.train(was)
    return value


def trained(subject: Subject, dtype: torch.dtype | None = None, steps: int = STEPS) -> nn.Module:
    """Return a network that was trained for a few steps as the setting says, dropout off."""
    reseed(1)
    module = without_dropout(subject.module(dtype))
    train(subject, module, steps)
    return module
