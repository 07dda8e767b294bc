"""What does not come with ikura: things that a caller registers or that installed packages bring, by kind and name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from typing_extensions import TypedDict

from ikura.built_in import (
    CALLBACKS,
    CHECKS,
    FORMATS,
    LOSSES,
    METRICS,
    NETWORKS,
    OPTIMIZERS,
    SCHEDULES,
    SEARCHES,
    TRAINING_STEPS,
)
from ikura.errors import UsageError, nearest
from ikura.registry import Registry

__all__ = ["KINDS", "PluginRecord", "check_plugins", "plugin_network", "plugins_among", "register"]

KINDS: dict[str, Registry[Any]] = {
    "search": SEARCHES,
    "schedule": SCHEDULES,
    "check": CHECKS,
    "metric": METRICS,
    "loss": LOSSES,
    "callback": CALLBACKS,
    "training_step": TRAINING_STEPS,
    "optimizer": OPTIMIZERS,
    "network": NETWORKS,
    "format": FORMATS,
}
"""What can be registered, by kind."""


ARGUMENTS = {
    "loss": "loss",
    "metric": "metric",
    "callback": "callbacks",
    "training_step": "training_step",
    "optimizer": "optimizer",
}
"""As which argument of `ikura.tune` and `ikura.resume` a function of the caller's own is given, by kind."""


class PluginRecord(TypedDict):
    """Which thing that does not come with ikura a run uses, and where it is from."""

    kind: str
    name: str
    origin: str


def register(kind: str, name: str, thing: Any) -> None:
    """Add a search, metric, loss, network or another of these kinds of your own, which goes by its name then.

    It is there for as long as this process lives, also in its workers. To have it on the command line, let a package
    offer it by an entry point: docs/plugins.md says how.

    Args:
        kind: "search" (a subclass of `ikura.search.Proposer`), "schedule" (of `ikura.search.Schedule`), "check" (of
            `ikura.checks.Check`), "metric" (an `ikura.metric.Metric`, or a function of (prediction, target)), "loss" (a
            function of (outputs, target)), "callback" (a function of an epoch's record),
            "training_step" (a function of (module, batch, hyperparameters)), "optimizer" (a class of torch.optim, or a
            function of (module, hyperparameters)), "network" (a function from hyperparameters to an nn.Module), or
            "format" (a function from the path of a file to a pandas.DataFrame).
        name: what it is called, in its attribute `name` too where it has one; of a format the suffix of its files.
        thing: what the name stands for.

    Raises:
        UsageError: there is no such kind, the name is taken, or the thing lacks something; the message says what.

    Example:
        >>> register("metric", "mae", None)
        Traceback (most recent call last):
        ikura.errors.UsageError: the metric 'mae' exists already; choose another name
    """
    if kind not in KINDS:
        raise UsageError(f"unknown kind {kind!r}{nearest(str(kind), KINDS)}: use {', '.join(KINDS)}")
    KINDS[kind].register(name, thing)


def plugin_network(network: Any) -> Any:
    """Replace the name of a network that does not come with ikura by its factory; all else stays as it is.

    Such a network is trained as one that is given as a factory.
    """
    plugged = isinstance(network, str) and network in NETWORKS and NETWORKS.origin(network)
    return NETWORKS[network] if plugged else network


def plugins_among(names: Iterable[tuple[str, Any]]) -> list[PluginRecord]:
    """Tell which things do not come with ikura.

    Args:
        names: kind and name of each; what is no known name is left out.

    Example:
        >>> plugins_among([("search", "random"), ("network", None)])
        []
    """
    found: dict[tuple[str, str], PluginRecord] = {}
    for kind, name in names:
        known = isinstance(name, str) and name and name in KINDS[kind]
        if known and (origin := KINDS[kind].origin(name)) is not None:
            found[kind, name] = {"kind": kind, "name": name, "origin": origin}
    return list(found.values())


def check_plugins(plugins: Iterable[PluginRecord]) -> None:
    """Refuse to go on without a thing that a run uses.

    Raises:
        UsageError: one is not here, or cannot be loaded; the message says where it is from.
    """
    for one in plugins:
        kind, name, origin = one["kind"], one["name"], one["origin"]
        if kind not in KINDS or name not in KINDS[kind]:
            what = KINDS[kind].kind if kind in KINDS else kind
            argument = ARGUMENTS.get(kind)
            given = f", or give it as {argument}=…" if argument else ""
            raise UsageError(
                f"the {what} {name!r} of {origin} is not here; install the package that brings it, or register it: "
                f"ikura.register({kind!r}, {name!r}, …){given}"
            )
        KINDS[kind].look_up(name)
