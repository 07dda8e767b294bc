"""How signals flow: vanishing and exploding ones, dead and saturated units, at the start and while training."""

from __future__ import annotations

import torch

from ikura.checks._base import Check, Result
from ikura.checks.short_training import reseed, trained
from ikura.checks.subject import Subject, without_dropout
from ikura.checks.trace import Signal, Trace, trace

__all__ = ["SignalCheck", "UnitsCheck"]

FADED, GONE = 1e-3, 1e-4
"""Ratio of a signal at two ends of the network that asks for a look, or is wrong."""

DEAD, ALL_DEAD = 0.6, 0.9
SATURATED, ALL_SATURATED = 0.6, 0.85


def _traces(subject: Subject) -> list[tuple[str, Trace]]:
    """Signals at the start and after some training."""
    batch = subject.seen()
    found = [("at the start", trace(subject, without_dropout(subject.module()), batch))]
    module = trained(subject)
    if all(bool(torch.isfinite(p).all()) for p in module.parameters()):
        found.append(("after some training", trace(subject, module, batch)))
    return found


class SignalCheck(Check):
    """Follows the size of signals from layer to layer, and of their gradients back."""

    name = "signal"
    about = "signals and gradients neither vanish nor explode from layer to layer"

    def run(self, subject: Subject) -> Result:
        """Compare the layers' sizes with each other."""
        figures: dict[str, list[dict[str, object]]] = {}
        sizes: list[float] = []
        findings: list[tuple[bool, str, str, str]] = []
        for when, found in _traces(subject):
            layers = found.of("layer")
            figures[when] = [{"layer": s.where, "signal": s.size, "gradient": s.norm} for s in layers]
            sizes += [s.size for s in layers]
            if len(layers) > 1:
                findings += _forward(when, layers) + _backward(when, layers)
        if not any(figures.values()):
            return self.skipped("no linear or convolutional layer was seen")
        if not findings:
            return self.passed(f"layers' signals lie between {min(sizes):.2g} and {max(sizes):.2g}", **figures)
        worst, told, cause, fix = max(findings, key=lambda one: one[0])
        return (self.failed if worst else self.warned)(told, cause, fix, **figures)


def _forward(when: str, layers: list[Signal]) -> list[tuple[bool, str, str, str]]:
    first = layers[0]
    least, most = min(layers[1:], key=lambda s: s.size), max(layers[1:], key=lambda s: s.size)
    found = []
    if first.size > 0 and least.size < FADED * first.size and least is not layers[-1]:
        found.append(
            (
                least.size < GONE * first.size,
                f"signals vanish {when}: {least.where} has {least.size:.1e}, {first.where} has {first.size:.1e}",
                "Initial weights are too small for the depth, or the activation squeezes signals.",
                "Scale initial weights by the number of inputs (He's or Xavier's rule), normalise, or use less depth.",
            )
        )
    if most.size > max(first.size, 1e-12) / FADED or not most.size < float("inf"):
        found.append(
            (
                most.size > max(first.size, 1e-12) / GONE or not most.size < float("inf"),
                f"signals explode {when}: {most.where} has {most.size:.1e}, {first.where} has {first.size:.1e}",
                "Initial weights are too large for the depth.",
                "Scale initial weights by the number of inputs (He's or Xavier's rule), normalise, or use less depth.",
            )
        )
    return found


def _backward(when: str, layers: list[Signal]) -> list[tuple[bool, str, str, str]]:
    known = [s for s in layers if s.norm is not None]
    if len(known) < 2 or not known[-1].norm:
        return []
    last = known[-1]
    assert last.norm is not None
    least = min(known[:-1], key=lambda s: s.norm or 0.0)
    most = max(known[:-1], key=lambda s: s.norm or 0.0)
    assert least.norm is not None
    assert most.norm is not None
    found = []
    if least.norm < FADED * last.norm:
        found.append(
            (
                least.norm < GONE * last.norm,
                f"gradients vanish {when}: {least.where} gets {least.norm:.1e}, {last.where} {last.norm:.1e}",
                "Saturating activations (sigmoid, tanh), too small weights or too many layers shrink gradients.",
                "Use ReLU with He's rule, normalisation or skip connections.",
            )
        )
    if most.norm > last.norm / FADED:
        found.append(
            (
                most.norm > last.norm / GONE,
                f"gradients explode {when}: {most.where} gets {most.norm:.1e}, {last.where} {last.norm:.1e}",
                "Too large initial weights or too many layers let gradients grow.",
                "Scale initial weights by He's or Xavier's rule, normalise, or clip the gradient's norm.",
            )
        )
    return found


class UnitsCheck(Check):
    """Counts units that never answer, and outputs where sigmoid and tanh are flat."""

    name = "units"
    about = "few ReLUs are dead and few sigmoids or tanhs saturated"

    def run(self, subject: Subject) -> Result:
        """Look at each activation but the one that makes the outputs."""
        figures = {}
        worst: tuple[float, Signal | None, str, str] = (0.0, None, "", "")
        reseed()
        for when, found in _traces(subject):
            inner = [s for s in found.of("relu", "sigmoid", "tanh") if s is not found.last]
            figures[when] = [
                {"layer": s.where, "kind": s.kind, "dead": s.dead, "saturated": s.saturated} for s in inner
            ]
            for s in inner:
                share, edge = (s.dead / DEAD, "dead") if s.kind == "relu" else (s.saturated / SATURATED, "saturated")
                if share > worst[0]:
                    worst = (share, s, when, edge)
        share, signal, when, edge = worst
        if not any(figures.values()):
            return self.skipped("no ReLU, sigmoid or tanh was seen")
        if signal is None or share <= 1:
            return self.passed("units answer", **figures)
        if edge == "dead":
            return (self.failed if signal.dead >= ALL_DEAD else self.warned)(
                f"{signal.dead:.0%} of the ReLUs of {signal.where} are dead {when}: zero for every example",
                "Biases are far below zero, the learning rate is too high, or inputs are not normalised.",
                "Begin biases at zero, lower the learning rate, or use leaky_relu.",
                **figures,
            )
        return (self.failed if signal.saturated >= ALL_SATURATED else self.warned)(
            f"{signal.saturated:.0%} of the outputs of the {signal.kind} in {signal.where} are saturated {when}",
            "Weights or inputs are too large: the activation is flat there, and its gradient near zero.",
            "Use Xavier's rule, normalise the inputs, or use ReLU.",
            **figures,
        )
