"""Losses, metrics and callbacks of the caller's own, given as functions: they go by names, as registered ones do."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from ikura.built_in import CALLBACKS, LOSSES, METRICS, OPTIMIZERS, TRAINING_STEPS
from ikura.errors import UsageError
from ikura.files import shown
from ikura.lazy_torch import Module
from ikura.metric import Metric, own_metric
from ikura.metric.own import scorer_named
from ikura.nn.loss import Loss, Targets, chosen_loss
from ikura.population.callbacks import as_callback
from ikura.population.fingerprint import Fingerprint, fingerprint
from ikura.population.own_optimizer import as_optimizer, made_of
from ikura.population.own_step import as_training_step
from ikura.registry import Registry
from ikura.wording import one_line

__all__ = [
    "callbacks_called",
    "fingerprints",
    "give_again",
    "loss_called",
    "loss_of",
    "metric_called",
    "optimizer_called",
    "takes_given",
    "training_step_called",
]

REGISTRIES: dict[str, Registry[Any]] = {
    "loss": LOSSES,
    "metric": METRICS,
    "callback": CALLBACKS,
    "training_step": TRAINING_STEPS,
    "optimizer": OPTIMIZERS,
}


def loss_called(what: Any) -> str | None:
    """The text by which a setting knows a loss: a name, perhaps with parameters; None for the task's usual one.

    Args:
        what: None, a name, a `Loss` or a function, which is registered.

    Raises:
        UsageError: it is no loss.

    Example:
        >>> from ikura.nn.loss import loss
        >>> loss_called(loss("huber", delta=2)), loss_called("mae"), loss_called(None)
        ('huber:delta=2', 'mae', None)
    """
    found = chosen_loss(what)
    if found is None:
        return None
    if found.own is not None:
        return found.name if isinstance(what, str) else _registered(LOSSES, found.name, found)
    usual = LOSSES[found.name].parameters if found.name in LOSSES else {}
    changed = [f"{name}={value:.17g}" for name, value in found.parameters.items() if usual.get(name) != value]
    return f"{found.name}:{','.join(changed)}" if changed else found.name


def loss_of(text: str | None) -> Loss | None:
    """The loss of a setting; None for the task's usual one."""
    return chosen_loss(text)


def takes_given(text: str | None) -> bool:
    """Whether a setting's loss takes the values to predict in their own units."""
    found = loss_of(text)
    return found is not None and found.targets is Targets.AS_GIVEN


def metric_called(what: Any) -> str | None:
    """The name of a metric; one of the caller's own is registered.

    Args:
        what: None, a name (also of a scorer of scikit-learn), or what `ikura.metric.own_metric` takes.

    Raises:
        UsageError: it is no metric.
    """
    if what is None:
        return None
    if isinstance(what, str):
        if what not in METRICS and (scorer := scorer_named(what)) is not None:
            return _registered(METRICS, what, own_metric(scorer, what))
        return what
    made = own_metric(what)
    if made.name in METRICS and METRICS[made.name] is made:
        return str(made.name)
    return _registered(METRICS, made.name, made)


def callbacks_called(callbacks: Sequence[Any] | None) -> tuple[str, ...] | None:
    """The names of callbacks; functions are registered.

    Raises:
        UsageError: they are no sequence of functions or names.
    """
    if callbacks is None:
        return None
    if isinstance(callbacks, str | Mapping) or not isinstance(callbacks, Sequence):
        raise UsageError(f"callbacks must be a list of functions, but is {one_line(repr(callbacks), 60)}")
    found = []
    for one in callbacks:
        if isinstance(one, str):
            CALLBACKS.look_up(one)
            found.append(one)
        else:
            name = getattr(one, "__name__", type(one).__name__)
            found.append(_registered(CALLBACKS, name, as_callback(name, one)))
    if twice := [name for name in found if found.count(name) > 1]:
        raise UsageError(f"the callback {twice[0]!r} is given twice; once is enough")
    return tuple(found)


def training_step_called(step: Any) -> str | None:
    """The name of a training step; a function is registered.

    Raises:
        UsageError: it is none.
    """
    if step is None:
        return None
    if isinstance(step, str):
        TRAINING_STEPS.look_up(step)
        return step
    name = getattr(step, "__name__", type(step).__name__)
    return _registered(TRAINING_STEPS, name, as_training_step(name, step))


def optimizer_called(optimizer: Any) -> str | None:
    """The name of what makes optimizers; a class or a function is registered.

    Raises:
        UsageError: it is neither.

    Example:
        >>> optimizer_called("adam")
        Traceback (most recent call last):
        ikura.errors.UsageError: optimizer 'adam' is a rule of ikura: write it in the space, {'optimizer': 'adam'}
    """
    if optimizer is None:
        return None
    if isinstance(optimizer, str):
        if optimizer in OPTIMIZERS.reserved:
            line = f"write it in the space, {{'optimizer': {optimizer!r}}}"
            raise UsageError(f"optimizer {optimizer!r} is a rule of ikura: {line}")
        OPTIMIZERS.look_up(optimizer)
        return optimizer
    made = getattr(optimizer, "func", optimizer)
    name = getattr(made, "__name__", type(made).__name__)
    return _registered(OPTIMIZERS, name, as_optimizer(name, optimizer))


def give_again(
    run: Path | Mapping[str, Any],
    loss: Any = None,
    metric: Any = None,
    metrics: Sequence[Any] | None = None,
    callbacks: Sequence[Any] | None = None,
    training_step: Any = None,
    optimizer: Any = None,
) -> None:
    """Register functions of the caller's own under the names that a run has for them.

    Args:
        run: its folder, or its setting as it is on record.
        loss, metric, metrics, callbacks, training_step, optimizer: as they were given to `ikura.tune`; None for what
            is registered, or not the caller's own.

    Raises:
        UsageError: the run has no such function.
    """
    try:
        setting = tomllib.loads((run / "config.toml").read_text(encoding="utf-8")) if isinstance(run, Path) else run
    except (OSError, ValueError):
        return
    own = {(one.get("kind"), one.get("name")) for one in _list(setting, "plugins") if isinstance(one, Mapping)}
    pairs: list[tuple[str, Any, Any]] = [("loss", loss, setting.get("loss")), ("metric", metric, setting.get("metric"))]
    pairs += [("training_step", training_step, setting.get("training_step"))]
    pairs += [("optimizer", optimizer, setting.get("optimizer"))]
    for kind, given_now, names in (("metric", metrics, "metrics"), ("callback", callbacks, "callbacks")):
        pairs += [(kind, *pair) for pair in zip_longest(given_now or (), _list(setting, names))]
    for kind, given, name in pairs:
        if given is None or isinstance(given, str):
            continue
        if (kind, name) not in own:
            called = name or ("the usual one" if kind == "loss" else None)
            what = f"its {kind} is {called}, not one" if called else f"it has no further {kind}"
            called = shown(run) if isinstance(run, Path) else f"study {setting.get('name')}"
            raise UsageError(f"{called}: {what} of your own; leave it out")
        if kind == "loss":
            _put(LOSSES, str(name), chosen_loss(given))
        elif kind == "callback":
            _put(CALLBACKS, str(name), as_callback(str(name), given))
        elif kind == "training_step":
            _put(TRAINING_STEPS, str(name), as_training_step(str(name), given))
        elif kind == "optimizer":
            _put(OPTIMIZERS, str(name), as_optimizer(str(name), given))
        else:
            _put(METRICS, str(name), own_metric(given, str(name)))


def _list(setting: Mapping[str, Any], name: str) -> list[Any]:
    """A list of a configuration that was not checked yet; what is none is refused where the run is read."""
    found = setting.get(name)
    return found if isinstance(found, list) else []


def fingerprints(names: Mapping[str, Sequence[str]]) -> dict[str, Fingerprint]:
    """By what functions of the caller's own are known again.

    Args:
        names: kind, of `REGISTRIES`, to names.

    Returns:
        "kind name" to fingerprint, of those that were registered in this process.
    """
    found = {}
    for kind, some in names.items():
        registry = REGISTRIES[kind]
        for name in some:
            thing = registry.registered.get(name)
            if thing is not None and (function := _function(thing)) is not None:
                found[f"{kind} {name}"] = _fingerprint(function)
    return found


def _fingerprint(function: Any) -> Fingerprint:
    return fingerprint(function, function if isinstance(function, Module) else None)


def _function(thing: Any) -> Any:
    """What a caller's loss, metric, callback, training step or optimizer was made of."""
    if isinstance(thing, Loss):
        return thing.own
    thing = made_of(thing)
    return thing.made_by or thing.function if isinstance(thing, Metric) else thing


def _registered(registry: Registry[Any], name: str, thing: Any) -> str:
    """Register a thing under its name, or under one like it where that is taken by another."""
    plain = re.sub(r"[^A-Za-z0-9_.+-]", "", name).strip("._+-") or registry.kind
    for number in range(1, 1_000_000):
        called = plain if number == 1 else f"{plain}-{number}"
        if called in registry.registered:
            if _same(registry.registered[called], thing):
                return called
        elif called not in registry:
            _put(registry, called, thing)
            return called
    raise AssertionError


def _same(mine: Any, theirs: Any) -> bool:
    ours = _function(mine), _function(theirs)
    return ours[0] is ours[1] and getattr(mine, "predict_by", None) is getattr(theirs, "predict_by", None)


def _put(registry: Registry[Any], name: str, thing: Any) -> None:
    registry.unlisted.add(name)
    registry.registered[name] = replace(thing, name=name) if isinstance(thing, Loss | Metric) else thing
