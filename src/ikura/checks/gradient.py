"""The gradient check: what backpropagation says against two-sided differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ikura.checks._base import Check, Result
from ikura.checks.short_training import reseed, train
from ikura.checks.subject import Batch, Subject, without_dropout
from ikura.nn.noise import key

__all__ = ["Compared", "GradientCheck", "compare"]

GREAT, CLOSE, WRONG = 1e-7, 1e-5, 1e-3
"""Relative errors: great, worth a closer look above, probably wrong above."""

STEPS = (1e-7, 1e-6, 1e-5)
"""Widths of the difference, relative to the weight where it is above one; wider ones where rounding hides the slope."""

COMPONENTS, DIRECTIONS, LEAST = 480, 3, 6
ROUNDING = 64 * float(np.finfo(np.float64).eps)
KINK = 1e-2
ROWS = 12
TRAINED = 12


@dataclass(frozen=True)
class Compared:
    """One parameter's gradient.

    Attributes:
        name: the parameter's.
        error: relative error ‖g≈ - g‖ / (‖g≈‖ + ‖g‖) over the components and directions that were compared.
        compared: components that were compared.
        size: components there are.
        kinks: differences left out because the loss has a kink there.
        worst: (place, difference, backpropagated) of the components that differ most.
    """

    name: str
    error: float
    compared: int
    size: int
    kinks: int
    worst: list[tuple[tuple[int, ...], float, float]]


def compare(
    objective: Callable[[], Tensor], parameters: Mapping[str, Tensor], components: int = COMPONENTS, seed: int = 0
) -> list[Compared]:
    """Compare the gradient of each parameter with two-sided differences.

    g≈ = (J(θ + h) - J(θ - h)) / 2h for one component at a time, and along random directions of ±1. Components are
    sampled where a parameter has many. Where the one-sided differences disagree there is a kink (of a ReLU, say): any
    slope between the two counts as right. Parameters are as they were afterwards.

    Args:
        objective: computes J from the parameters; must give the same value each time.
        parameters: name to float64 leaf tensor.
        components: components to compare in all, beside the directions.
        seed: picks components and directions.

    Returns:
        One for each parameter, in their order.

    Example:
        >>> w = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
        >>> [one] = compare(lambda: (w**2).sum(), {"w": w})
        >>> one.error < 1e-7, one.compared
        (True, 2)
    """
    tensors = list(parameters.values())
    value = objective()
    grads = torch.autograd.grad(value, tensors, allow_unused=True) if value.requires_grad else [None] * len(tensors)
    base = float(value.detach())
    total = sum(p.numel() for p in tensors)
    found = []
    for (name, p), grad in zip(parameters.items(), grads, strict=True):
        gradient = torch.zeros_like(p) if grad is None else grad.detach()
        share = p.numel() if total <= components else max(LEAST, components * p.numel() // total)
        random = np.random.default_rng(key(seed, f"gradient {name}"))
        found.append(_one(objective, base, name, p, gradient, min(share, p.numel()), random))
    return found


def _one(
    objective: Callable[[], Tensor],
    base: float,
    name: str,
    p: Tensor,
    gradient: Tensor,
    count: int,
    random: np.random.Generator,
) -> Compared:
    places = np.sort(random.choice(p.numel(), count, replace=False))
    flat = gradient.reshape(-1)
    points: list[tuple[Tensor, float, Any]] = []
    for place in places:
        direction = torch.zeros(p.numel(), dtype=p.dtype)
        direction[place] = max(1.0, float(p.detach().reshape(-1)[place].abs()))
        points.append((direction.reshape(p.shape), float(direction[place]), int(place)))
    if count < p.numel():
        for _ in range(DIRECTIONS):
            signs = torch.from_numpy(random.choice([-1.0, 1.0], p.numel())).to(p.dtype)
            points.append((signs.reshape(p.shape), 1.0, None))
    kept = p.detach().clone()
    best: tuple[float, np.ndarray, int] | None = None
    analytic = np.array([float((d.reshape(-1) * flat).sum()) / scale for d, scale, _ in points])
    for h in STEPS:
        numeric, kinks = np.empty(len(points)), 0
        for i, (direction, scale, _) in enumerate(points):
            slope, kink = _slope(objective, base, p, kept, direction, h, analytic[i] * scale)
            numeric[i] = slope / scale
            kinks += kink
        error = _error(numeric, analytic, ROUNDING * max(abs(base), 1e-3) / h)
        if best is None or error < best[0]:
            best = (error, numeric, kinks)
        if error <= GREAT:
            break
    assert best is not None
    error, numeric, kinks = best
    singles = [i for i, point in enumerate(points) if point[2] is not None]
    order = sorted(singles, key=lambda i: -abs(numeric[i] - analytic[i]))[:3]
    worst = [(_place(points[i][2], p.shape), float(numeric[i]), float(analytic[i])) for i in order]
    apart = np.abs(numeric - analytic)
    if len(singles) < len(points) and error > CLOSE and apart[len(singles) :].max() > apart[: len(singles)].max():
        along = points[len(singles) + int(apart[len(singles) :].argmax())][0]
        found = _bisected(objective, base, p, kept, flat, along)
        if not worst or abs(found[1] - found[2]) > abs(worst[0][1] - worst[0][2]):
            worst = [(_place(found[0], p.shape), *found[1:]), *worst][:3]
    return Compared(name, error, count, p.numel(), kinks, worst)


def _bisected(
    objective: Callable[[], Tensor], base: float, p: Tensor, kept: Tensor, gradient: Tensor, along: Tensor
) -> tuple[int, float, float]:
    """Find a component that is wrong, where a direction of ±1 says that there is one and no sampled component shows it.

    Of the components left, the half along which difference and backpropagation are further apart is kept.

    Returns:
        Its place, the difference, and what backpropagation says.
    """
    signs, places = along.reshape(-1), np.arange(p.numel())
    while True:
        halves = np.array_split(places, 2) if len(places) > 1 else [places]
        told = []
        for half in halves:
            direction = torch.zeros(p.numel(), dtype=p.dtype)
            direction[half] = signs[half]
            analytic = float((direction * gradient).sum())
            apart = [
                _slope(objective, base, p, kept, direction.reshape(p.shape), h, analytic)[0] - analytic for h in STEPS
            ]
            told.append(min(apart, key=abs))
        if len(places) == 1:
            place, sign = int(places[0]), float(signs[places[0]])
            backpropagated = float(gradient[place])
            return place, backpropagated + told[0] / sign, backpropagated
        places = halves[int(np.argmax(np.abs(told)))]


def _slope(
    objective: Callable[[], Tensor],
    base: float,
    p: Tensor,
    kept: Tensor,
    direction: Tensor,
    h: float,
    analytic: float,
) -> tuple[float, bool]:
    """Slope along a direction, and whether there is a kink, where the backpropagated one may count as the slope."""
    with torch.no_grad():
        p.copy_(kept + h * direction)
        above = float(objective())
        p.copy_(kept - h * direction)
        below = float(objective())
        p.copy_(kept)
    right, left = (above - base) / h, (base - below) / h
    noise = ROUNDING * max(abs(base), 1e-3) / h
    if abs(right - left) > KINK * max(abs(right), abs(left)) + 2 * noise:
        low, high = min(right, left), max(right, left)
        margin = KINK * (high - low) + noise
        return (analytic if low - margin <= analytic <= high + margin else (above - below) / (2 * h)), True
    return (above - below) / (2 * h), False


def _error(numeric: np.ndarray, analytic: np.ndarray, noise: float) -> float:
    """Relative error of norms; what rounding alone can do is no error."""
    difference = float(np.linalg.norm(numeric - analytic))
    if not np.isfinite(difference):
        return 1.0
    allowed = noise * np.sqrt(len(numeric))
    size = float(np.linalg.norm(numeric) + np.linalg.norm(analytic))
    if difference <= allowed:
        return min(difference / size, GREAT) if size else 0.0
    return difference / size


def _place(flat: int, shape: torch.Size) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(flat, tuple(shape))) if shape else ()


class GradientCheck(Check):
    """Compares backpropagation with two-sided differences, at the start and after some training."""

    name = "gradient"
    about = "the gradient of every parameter equals its two-sided difference"

    def run(self, subject: Subject) -> Result:
        """Check in float64, dropout off, penalties included."""
        batch = subject.batch(ROWS, dtype=torch.float64)
        rounds: dict[str, list[Compared]] = {}
        with subject.read_by_the_loss(torch.float64) as module:
            without_dropout(module)
            rounds["at the start"] = _compared(subject, module, batch)
            train(subject, module, TRAINED, learning_rate=min(float(subject.values.learning_rate), 0.01))
            if all(torch.isfinite(p).all() for p in module.parameters()):
                rounds["after some training"] = _compared(subject, module, batch)
        return self._judge(rounds)

    def _judge(self, rounds: dict[str, list[Compared]]) -> Result:
        everything = [(when, one) for when, found in rounds.items() for one in found]
        if not everything:
            return self.failed("no parameter is trained", "every parameter is frozen", "let some parameters learn")
        when, worst = max(everything, key=lambda pair: pair[1].error)
        layers: dict[str, float] = {}
        for _, one in everything:
            layer = one.name.rpartition(".")[0] or "the network"
            layers[layer] = max(layers.get(layer, 0.0), one.error)
        figures = {
            "error": worst.error,
            "parameter": worst.name,
            "when": when,
            "layers": layers,
            "parameters": {
                one.name: max(o.error for _, o in everything if o.name == one.name) for _, one in everything
            },
            "components": sum(one.compared for _, one in everything),
            "kinks": sum(one.kinks for _, one in everything),
            "worst": [{"place": list(p), "difference": n, "backpropagated": a} for p, n, a in worst.worst],
            "confidence": _confidence([one for _, one in everything]),
        }
        if worst.error <= CLOSE:
            return self.passed(f"largest relative error {worst.error:.0e}, of {worst.name}", **figures)
        wrong = {one.name: one for _, one in everything if one.error > CLOSE}
        place, numeric, analytic = worst.worst[0]
        where = f"{worst.name}{list(place)}" if place else worst.name
        finding = (
            f"{worst.name} has a relative error of {worst.error:.0e} {when}: at {where} the difference is "
            f"{numeric:.4g}, "
            f"backpropagation says {analytic:.4g}"
            + (f"; also {', '.join(n for n in wrong if n != worst.name)}" if len(wrong) > 1 else "")
        )
        names = [one.name for one in next(iter(rounds.values()))]
        cause = _cause([name for name in names if name in wrong], names)
        fix = "Correct the backward pass there and compare again; torch.autograd.gradcheck tests a function alone."
        give = self.failed if worst.error > WRONG else self.warned
        return give(finding, cause, fix, **figures)


def _compared(subject: Subject, module: nn.Module, batch: Batch) -> list[Compared]:
    state = {name: buffer.clone() for name, buffer in module.named_buffers()}

    def objective() -> Tensor:
        with torch.no_grad():
            for name, buffer in module.named_buffers():
                buffer.copy_(state[name])
        reseed()
        return subject.objective(module, batch)

    named = {name: p for name, p in module.named_parameters() if p.requires_grad}
    return compare(objective, named, seed=subject.seed)


def _cause(wrong: list[str], names: list[str]) -> str:
    """Where the fault may be: errors travel from a wrong function to everything before it."""
    if len(wrong) == len(names) and len(names) > 1:
        return "All gradients are wrong: the loss, or what follows the last layer, has a wrong backward pass."
    last = max(names.index(name) for name in wrong)
    if all(name in wrong for name in names[: last + 1]) and last + 1 < len(names) and last > 1:
        return (
            f"Everything up to {names[last]} is wrong and {names[last + 1]} is right: the function between the two has "
            "a wrong backward pass (a custom autograd.Function, an in-place change, a detached part)."
        )
    return f"The backward pass of {', '.join(wrong)} is wrong: a custom autograd.Function, or a part that is detached."


def _confidence(found: list[Compared]) -> str:
    """What a sample can say."""
    sampled = [one for one in found if one.compared < one.size]
    if not sampled:
        return "every component was compared"
    least = min(one.compared for one in sampled)
    # An error in all components escapes a direction of ±1 (to within a tenth of its norm) with probability 0.08.
    return (
        f"{len(sampled)} of {len(found)} parameters were sampled, at least {least} components and {DIRECTIONS} random "
        f"directions each: an error spread over a parameter escapes with probability below {0.08**DIRECTIONS:.4f}, one "
        f"in a tenth of its components, found singly, with {0.9**least:.2f}"
    )
