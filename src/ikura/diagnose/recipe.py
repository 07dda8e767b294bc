"""The basic recipe: what to do against bias, variance and not knowing, each rule with its source.

The rules stand in `RULES`, one line each; below them is what each one looks at. `prescribe` asks those that fit the
diagnosis, the strongest first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ikura.diagnose.diagnosis import Diagnosis, Gap, percent
from ikura.space import DEFAULTS, Space, choice, integer, linear, log
from ikura.space.hyperparameters import OF_IMAGES

if TYPE_CHECKING:
    from ikura.study.study import Study

__all__ = ["RULES", "Change", "Prescription", "prescribe"]

RECIPE = "Ng, Deep Learning Specialization, course 2, week 1: the basic recipe"
YEARNING = "Ng, Machine Learning Yearning (2018)"
PLAYBOOK = "Godbole et al., Deep Learning Tuning Playbook (2023)"


MILD = {"l2": 1e-5, "l1": 1e-6, "weight_decay": 1e-4, "dropout": 0.1, "dropout_input": 0.05, "label_smoothing": 0.01}
"""Strengths of regularisation that hold no network back."""


@dataclass(frozen=True)
class Change:
    """What a prescription changes of a study.

    Attributes:
        space: hyperparameter to its new range, as `Space.replace` takes it.
        settings: argument of `ikura.tune` to its new value.
    """

    space: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether a study cannot make the change by itself, as with more data."""
        return not self.space and not self.settings

    def as_dict(self) -> dict[str, Any]:
        """Return the change as JSON values."""
        return {"space": dict(self.space), "settings": dict(self.settings)}


@dataclass(frozen=True)
class Prescription:
    """One thing to do.

    Attributes:
        name: of the rule.
        against: "bias", "variance", "mismatch", "uncertainty" or "nothing".
        reason: why, with the numbers.
        expected: what it is likely to bring, as far as that is known.
        command: the command that does it.
        source: who recommends it.
        change: what it changes of the study.
    """

    name: str
    against: str
    reason: str
    expected: str
    command: str
    source: str
    change: Change = field(default_factory=Change)

    def as_dict(self) -> dict[str, Any]:
        """Return the prescription as JSON values."""
        return {**vars(self), "change": self.change.as_dict()}


@dataclass(frozen=True)
class Advice:
    """What a rule has to say: how strongly (0 to 1), why, what to expect, and what to change."""

    strength: float
    reason: str
    expected: str = ""
    change: Change = field(default_factory=Change)
    command: str | None = None


@dataclass(frozen=True)
class Case:
    """What rules look at."""

    diagnosis: Diagnosis
    study: Study

    @cached_property
    def space(self) -> Space:
        """The space as it was searched, ranges that the search widened included."""
        return self.study.searched

    @cached_property
    def values(self) -> dict[str, Any]:
        """The chosen configuration, with the defaults of what it does not name."""
        from ikura.nn.zoo.cnn import CNN_DEFAULTS

        network = self.study.setting.network
        best = self.study.best
        return {**DEFAULTS, **(CNN_DEFAULTS if network == "cnn" else {}), **(best.hyperparameters if best else {})}

    @cached_property
    def row(self) -> dict[str, Any]:
        """The chosen trial."""
        best = self.study.best
        return next(row for row in self.study.records() if best and row["number"] == best.number)

    @property
    def network(self) -> str:
        """Name of the network."""
        return self.study.setting.network

    @property
    def images(self) -> bool:
        """Whether the data are images."""
        return bool(self.study.summary.get("images"))

    def can(self, name: str) -> bool:
        """Whether the network reads a hyperparameter."""
        from ikura.study.networks import OWN, known_names

        return name in (self.space if self.network == OWN else known_names(self.network))


@dataclass(frozen=True)
class Rule:
    """A rule: its name, what it is against, who recommends it, and what it looks at."""

    name: str
    against: str
    source: str
    asks: Callable[[Case], Advice | None]


def bigger_network(case: Case) -> Advice | None:
    """Widths up to four times the chosen ones, up to two more layers."""
    space: dict[str, Any] = {}
    values = case.values
    for name, most in (("units", 1_000_000), ("channels", 512)):
        if case.can(name) and isinstance(values.get(name), int | float):
            now = int(values[name])
            wide = (now, 2 * now, 4 * now) if name == "channels" else None
            if 4 * now <= most:
                space[name] = (choice(*wide) if wide else integer(now, 4 * now, log=True)).as_dict()
    if case.can("layers") and values.get("layers", 0) + 2 <= 64:
        space["layers"] = integer(int(values["layers"]), int(values["layers"]) + 2).as_dict()
    if not space:
        return None
    now = ", ".join(f"{name} {values[name]}" for name in space)
    return Advice(0.8, f"{_bias(case)}; the chosen network has {now}.", "a lower training error", Change(space))


def longer_training(case: Case) -> Advice | None:
    """Twice the epochs; the more urgent the nearer the best epoch is to the last."""
    epochs, best = case.study.setting.epochs, case.row["best_epoch"] or 0
    share = best / max(epochs, 1)
    near = share >= 0.9
    reason = f"{_bias(case)}; the chosen trial was best at epoch {best} of {epochs}"
    reason += ", so it had not come to its end." if near else ", so it had time enough: the last thing to try."
    return Advice(0.9 if near else 0.2, reason, "a lower training error", Change({}, {"epochs": 2 * epochs}))


def weaker_regularisation(case: Case) -> Advice | None:
    """Without the penalties and the noise that the chosen configuration has."""
    lows = {
        "l2": 1e-5,
        "l1": 1e-6,
        "weight_decay": 1e-4,
        "dropout": 0.1,
        "dropout_input": 0.05,
        "label_smoothing": 0.01,
    }
    strong = {name: case.values[name] for name, low in lows.items() if (case.values.get(name) or 0) > low}
    strong = {name: value for name, value in strong.items() if case.can(name)}
    if not strong:
        return None
    told = ", ".join(f"{name} {value:.3g}" for name, value in strong.items())
    space = {name: linear(0, value / 2).as_dict() for name, value in strong.items()}
    return Advice(0.6, f"{_bias(case)}; the chosen configuration holds it back with {told}.", "", Change(space))


def other_architecture(case: Case) -> Advice | None:
    """Another network for images, other activations and normalisation for tables."""
    if case.images and case.network in ("mlp", "cnn"):
        other = "cnn" if case.network == "mlp" else "resnet20"
        reason = f"{_worst(case)}; {other} suits images better than {case.network}."
        return Advice(0.5, reason, "", Change({}, {"network": other}))
    if case.network == "mlp" and case.can("normalisation"):
        space = {
            "activation": choice("relu", "tanh", "gelu", "silu").as_dict(),
            "normalisation": choice("none", "batch", "layer").as_dict(),
        }
        return Advice(0.3, f"{_worst(case)}; layers of another make may fit the data better.", "", Change(space))
    return None


def more_data(case: Case) -> Advice | None:
    """More training rows; how much they bring is read off the learning curve."""
    rows = case.study.summary.get("parts", {}).get("train")
    return Advice(0.7, f"{_variance(case)} with {rows:,} training rows.", "")


def stronger_regularisation(case: Case) -> Advice | None:
    """Penalties and dropout up to higher values than were searched."""
    space: dict[str, Any] = {}
    if case.can("l2"):
        space["l2"] = log(1e-5, max(0.1, 10 * float(case.values.get("l2") or 0))).as_dict()
    if case.can("dropout"):
        space["dropout"] = linear(0.0, 0.7).as_dict()
    if not space:
        return None
    told = ", ".join(f"{name} {case.values.get(name) or 0:.3g}" for name in space)
    return Advice(0.75, f"{_variance(case)}; the chosen configuration has {told}.", "", Change(space))


def augmentation(case: Case) -> Advice | None:
    """Changed training images, where the data are images and none of them is changed yet."""
    if not case.images or any(name in case.space for name in OF_IMAGES) or not case.can("crop"):
        return None
    space = {
        "crop": linear(0, 4).as_dict(),
        "rotation": linear(0, 15).as_dict(),
        "flip": choice(0.0, 0.5).as_dict(),
    }
    return Advice(0.8, f"{_variance(case)}, and training images are not changed.", "", Change(space))


def more_dev_data(case: Case) -> Advice | None:
    """More dev examples, as many as the interval says."""
    for one in _gaps(case):
        if one.verdict == "cannot tell" and one.examples_needed and one.of == "dev":
            return Advice(
                0.5,
                f"The {one.name} is {_between(one)}: it cannot be told from what is worth effort.",
                f"about {one.examples_needed:,} more dev examples would settle it",
            )
    return None


def human_error(case: Case) -> Advice | None:
    """The best achievable error, where not knowing it is what keeps the bias unknown."""
    bias, best = case.diagnosis.bias, case.diagnosis.optimal
    if bias.verdict != "cannot tell" or case.diagnosis.optimal_source != "estimate" or best is None:
        return None
    reason = f"The best achievable error is only known to lie between {percent(best.low)} and {percent(best.high)}."
    command = f"ikura diagnose {case.study.run} --human-error {best.value:.2g}"
    return Advice(
        0.6, reason, "an answer on the bias, with the error that people make in place of the guess", command=command
    )


def stop(case: Case) -> Advice | None:
    """Nothing is worth more effort."""
    if any(one.verdict != "low" for one in _gaps(case)):
        return None
    new = "new.png" if case.images else "new.csv"
    command = f"ikura predict {case.study.run} {new}"
    return Advice(1.0, f"No gap is above {percent(case.diagnosis.worth)}.", "", command=command)


RULES: tuple[Rule, ...] = (
    Rule("bigger-network", "bias", RECIPE, bigger_network),
    Rule("longer-training", "bias", RECIPE, longer_training),
    Rule("weaker-regularisation", "bias", f"{YEARNING}, chapter 25", weaker_regularisation),
    Rule("other-architecture", "bias", RECIPE, other_architecture),
    Rule("more-data", "variance", RECIPE, more_data),
    Rule("stronger-regularisation", "variance", RECIPE, stronger_regularisation),
    Rule("augmentation", "variance", RECIPE, augmentation),
    Rule("other-architecture", "variance", RECIPE, other_architecture),
    Rule("more-dev-data", "uncertainty", f"{YEARNING}, chapter 7", more_dev_data),
    Rule("human-error", "uncertainty", f"{YEARNING}, chapter 33", human_error),
    Rule("stop", "nothing", RECIPE, stop),
)
"""The recipe."""


def prescribe(diagnosis: Diagnosis, study: Study) -> list[Prescription]:
    """Say what to do about a diagnosis, the strongest prescription first.

    Args:
        diagnosis: of the study.
        study: the study.

    Returns:
        At least one prescription.
    """
    case = Case(diagnosis, study)
    wanted = {one.name for one in _gaps(case) if one.verdict == "high"} | {"uncertainty", "nothing"}
    found = [(rule, advice) for rule in RULES if rule.against in wanted and (advice := rule.asks(case)) is not None]
    found.sort(key=lambda pair: -pair[1].strength)
    kept: dict[str, Prescription] = {}
    for rule, advice in found:
        command = advice.command or command_of(study, advice.change)
        one = Prescription(rule.name, rule.against, advice.reason, advice.expected, command, rule.source, advice.change)
        kept.setdefault(rule.name, one)
    return list(kept.values())


def command_of(study: Study, change: Change, name: str = "space") -> str:
    """The command that tunes again with a change."""
    from ikura.study.command import command

    return command({**study.config, **change.settings}) or ""


def _gaps(case: Case) -> list[Gap]:
    one = case.diagnosis
    return [gap for gap in (one.bias, one.variance, one.mismatch) if gap is not None]


def _between(one: Gap) -> str:
    return f"{percent(one.value)} (95 % interval {percent(one.low)} to {percent(one.high)})"


def _bias(case: Case) -> str:
    return f"The training error is {percent(case.diagnosis.train.value)}, a bias of {_between(case.diagnosis.bias)}"


def _variance(case: Case) -> str:
    one = case.diagnosis
    return (
        f"The dev error of {percent(one.dev.value)} lies {_between(one.variance)} above the training error"
        if math.isfinite(one.variance.value)
        else "The dev error lies above the training error"
    )


def _worst(case: Case) -> str:
    return _bias(case) if case.diagnosis.bias.value > case.diagnosis.variance.value else _variance(case)
