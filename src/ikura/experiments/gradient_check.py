"""A right and several wrong backward passes against a two-sided difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

import numpy as np
import pandas as pd
from typing_extensions import override

from ikura.experiments._base import Experiment, Findings, Repetition, Section, Tables
from ikura.experiments.charts import MARKS, Line, averaged, chart, level
from ikura.experiments.claim import Claim, mean_intervals
from ikura.page.html_tables import block

__all__ = ["EXPERIMENT", "MISTAKES", "GradientCheck", "backward", "cost", "difference", "relative_error"]

INPUTS, HIDDEN, ROWS, L2, EPSILON = 6, 8, 20, 0.1, 1e-7
SHAPES = ((HIDDEN, INPUTS), (HIDDEN,), (1, HIDDEN), (1,))
MISTAKES = {
    "none": "",
    "l2": "the penalty is left out of the gradient",
    "tanh": "the derivative of tanh is left out",
    "mean": "the first layer's gradient is not divided by the number of examples",
    "bias": "the gradient of the hidden biases has the wrong sign",
    "transpose": "one weight's gradient stands in another one's place",
}
SIDES = {1: "one side", 2: "two sides"}
STEPS = tuple(10.0**-power for power in range(1, 12))


def _parts(theta: np.ndarray) -> list[np.ndarray]:
    ends = np.cumsum([int(np.prod(shape)) for shape in SHAPES])
    return [part.reshape(shape) for part, shape in zip(np.split(theta, ends[:-1]), SHAPES, strict=True)]


def cost(theta: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """Mean cross-entropy of a network with one hidden layer of tanh, plus λ/2 ‖W‖², biases left out."""
    w, b, v, c = _parts(theta)
    z = np.tanh(x @ w.T + b) @ v[0] + c[0]
    return float(np.mean(np.logaddexp(0, z) - y * z) + L2 / 2 * ((w**2).sum() + (v**2).sum()))


def backward(theta: np.ndarray, x: np.ndarray, y: np.ndarray, mistake: str = "none") -> np.ndarray:
    """The gradient of `cost` by hand, right or with one of `MISTAKES`: shape of theta."""
    w, b, v, c = _parts(theta)
    h = np.tanh(x @ w.T + b)
    dz = (1 / (1 + np.exp(-(h @ v[0] + c[0]))) - y) / len(y)
    da = dz[:, None] * v * (1.0 if mistake == "tanh" else 1 - h**2)
    strength = 0.0 if mistake == "l2" else L2
    dw = da.T @ x * (len(y) if mistake == "mean" else 1) + strength * w
    if mistake == "transpose":
        dw[0, :2] = dw[0, 1::-1]
    db = da.sum(0) * (-1 if mistake == "bias" else 1)
    return np.concatenate([dw.ravel(), db, (dz @ h + strength * v[0]).ravel(), [dz.sum()]])


def difference(function: Callable[[np.ndarray], float], theta: np.ndarray, step: float, sides: int = 2) -> np.ndarray:
    """Approximate a gradient: (J(θ + ε e_i) - J(θ - ε e_i)) / 2ε, or (J(θ + ε e_i) - J(θ)) / ε from one side.

    Example:
        >>> cube = lambda theta: float(theta[0] ** 3)
        >>> [round(float(difference(cube, np.array([1.0]), 0.01, sides)[0]), 4) for sides in (2, 1)]
        [3.0001, 3.0301]
    """
    found = np.empty_like(theta)
    middle = function(theta) if sides == 1 else 0.0
    for i in range(len(theta)):
        moved = theta.copy()
        moved[i] += step
        above = function(moved)
        moved[i] = theta[i] - step
        found[i] = (above - function(moved)) / (2 * step) if sides == 2 else (above - middle) / step
    return found


def relative_error(approximate: np.ndarray, gradient: np.ndarray) -> float:
    """‖g≈ - g‖ / (‖g≈‖ + ‖g‖)."""
    both = np.linalg.norm(approximate) + np.linalg.norm(gradient)
    return float(np.linalg.norm(approximate - gradient) / both)


class GradientCheck(Experiment):
    """Planted mistakes."""

    name = "gradient-check"
    says: ClassVar[str] = (
        "With a step of 1e-7 the relative error between the two-sided difference and the gradient is about 1e-7 for "
        "a right backward pass; 1e-5 asks for a closer look, and from 1e-3 on it is probably wrong."
    )
    method: ClassVar[str] = (
        f"A network of {INPUTS} inputs, {HIDDEN} hidden units with tanh and one output, cross-entropy and an L2 "
        f"penalty of {L2} on {ROWS} examples, in double precision, with a backward pass written by hand: once right, "
        "and with one of five mistakes. Each repetition has other weights and examples. The gradient is compared with "
        f"the two-sided difference at a step of {EPSILON:g}, penalty included.\n\n"
        "For the right one, steps from 0.1 to 1e-11 are tried with differences from one and from two sides: the error "
        "of the first falls with ε, of the second with ε², until rounding takes over. The text's own example, θ³ at 1 "
        "with a step of 0.01, gives 3.0001 from two sides and 3.0301 from one; the derivative is 3."
    )

    @override
    def repeat(self, repetition: Repetition) -> Tables:
        rng = np.random.default_rng(repetition.seed)
        x, y = rng.standard_normal((ROWS, INPUTS)), rng.integers(0, 2, ROWS).astype(float)
        theta = rng.standard_normal(sum(int(np.prod(shape)) for shape in SHAPES)) * 0.5
        approximate = difference(lambda one: cost(one, x, y), theta, EPSILON)
        checks = [
            {
                "mistake": mistake,
                "log10_error": float(np.log10(relative_error(approximate, backward(theta, x, y, mistake)))),
            }
            for mistake in MISTAKES
        ]
        right, steps = backward(theta, x, y), []
        for step in STEPS[:: 2 if repetition.quick else 1]:
            for sides in (1, 2):
                error = relative_error(difference(lambda one: cost(one, x, y), theta, step, sides), right)
                steps.append({"sides": sides, "step": step, "log10_error": float(np.log10(max(error, 1e-17)))})
        return {"checks": checks, "steps": steps}

    @override
    def find(self, tables: Mapping[str, pd.DataFrame], quick: bool) -> Findings:
        checks, steps = tables["checks"], tables["steps"]
        by = {mistake: checks[checks["mistake"] == mistake]["log10_error"].to_numpy() for mistake in MISTAKES}
        what, wrong = "log10 of the relative error", np.concatenate([by[one] for one in MISTAKES if one != "none"])
        right = "The right backward pass has an error of about 1e-7 or less"
        claims = [
            Claim.of_mean(right, what, by["none"], most=-6.5),
            Claim.of_shares(
                "Wrong ones have an error above 1e-3", "share of wrong backward passes", wrong > -3, least=0.9
            ),
        ]
        wide = steps[steps["step"].between(1e-3 / 1.5, 0.15)]
        for sides, name in SIDES.items():
            slopes = [
                np.polyfit(np.log10(own["step"].to_numpy()), own["log10_error"].to_numpy(), 1)[0]
                for _, own in wide[wide["sides"] == sides].groupby("repetition")
            ]
            sentence = f"From {name} the error falls with {'ε' if sides == 1 else 'ε²'}"
            claims.append(Claim.of_mean(sentence, "slope on log axes", slopes, sides - 0.1, sides + 0.1))
        mean, low, high = mean_intervals(by.values())
        spread = Line("", [f"{name} " for name in by], mean, low, high, mode="markers")
        rows = [
            [
                name,
                MISTAKES[name] or "the right backward pass",
                f"{10**one:.1e}",
                f"{10 ** by[name].min():.1e} to {10 ** by[name].max():.1e}",
            ]
            for name, one in zip(by, mean, strict=True)
        ]
        headings = ["mistake", "what is wrong", "relative error, geometric mean", "smallest to largest"]
        errors = chart(
            [spread],
            "mistake",
            what,
            shapes=[level(limit, dash="dot", color="css(--muted)") for limit in (-7, -5, -3)],
            caption="Dotted: 1e-7, 1e-5 and 1e-3. Bars are 95 % intervals of the mean.",
        )
        by_step = [
            averaged(steps[steps["sides"] == sides], "step", "log10_error", f"from {name}", colour=MARKS[sides - 1])
            for sides, name in SIDES.items()
        ]
        over_steps = chart(by_step, "step ε", what, xaxis={"type": "log", "dtick": 2, "exponentformat": "e"})
        listed = block(headings, rows, words={"what is wrong"})
        return Findings(
            claims,
            [
                Section.of("Mistakes", "The right one and the wrong ones", errors, listed),
                Section("Steps", "By the size of the step", over_steps),
            ],
        )


EXPERIMENT = GradientCheck()
