"""Options that say what is searched, how, and what makes a trial good."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from ikura import built_in
from ikura.cli.option_helpers import a_place, at_least, one_of, option, whole
from ikura.errors import UsageError

__all__ = ["FREEZE", "NETWORKS", "OBJECTIVES", "SearchArguments", "Seed", "SpaceFile", "check_network"]

FREEZE = ("auto", "all", "most", "none")
NETWORKS = ("mlp", *built_in.NETWORKS.built_in)
OBJECTIVES = ("parameters", "inference_seconds", "training_seconds")
LOSSES, METRICS, OPTIMIZERS, SCHEDULES, SEARCHES = (
    ", ".join(one.built_in)
    for one in (built_in.LOSSES, built_in.METRICS, built_in.OPTIMIZERS, built_in.SCHEDULES, built_in.SEARCHES)
)
PANEL = "Search"
SAME = ("search", "schedule", "loss", "optimizer", "metric", "stop_on", "prefer", "within", "max_parameters")
"""Options that are called as the arguments of `ikura.tune`."""

SpaceFile = Annotated[
    Path | None,
    option(
        "FILE.toml", "A search space of your own instead of the one chosen by the number of trials.", PANEL, a_place
    ),
]
Seed = Annotated[int, option("S", "The same seed gives the same study.", PANEL, whole)]


@dataclass(frozen=True)
class SearchArguments:
    """What the command line says of what is searched, how, and of what makes a trial good."""

    network: Annotated[
        str | None,
        option("NAME", f"What to train: {', '.join(NETWORKS)}; by default cnn for images and mlp for tables.", PANEL),
    ] = None
    pretrained: Annotated[
        Path | None,
        option("RUN", "Start from the network of an earlier run, with a new last layer.", PANEL, a_place),
    ] = None
    freeze: Annotated[
        str,
        option(
            "PART",
            f"What of a pretrained network stays as it is: {', '.join(FREEZE)}; auto tries each, on few rows.",
            PANEL,
        ),
    ] = "auto"
    search: Annotated[str, option("NAME", f"How configurations are proposed: {SEARCHES}.", PANEL)] = "coarse-to-fine"
    schedule: Annotated[
        str,
        option("NAME", f"Who trains on after a while: {SCHEDULES}; none trains everybody to the end.", PANEL),
    ] = "early-stopping"
    prior: Annotated[
        str | None,
        option(
            "RUN",
            "Begin the search with what an earlier run found; also the storage of an Optuna study by its URL, such as "
            "sqlite:///optuna.db.",
            PANEL,
        ),
    ] = None
    loss: Annotated[
        str | None,
        option(
            "NAME",
            f"What training makes small: {LOSSES}; parameters behind a colon, as quantile:q=0.9; by default "
            "cross_entropy for classes, mse for regression.",
            PANEL,
        ),
    ] = None
    class_weight: Annotated[
        str | None,
        option("WEIGHTS", "Weights of classes in the loss: balanced, or CLASS=WEIGHT with commas between them.", PANEL),
    ] = None
    optimizer: Annotated[
        str | None,
        option(
            "NAME",
            f"An optimizer of PyTorch in place of ikura's update rules, for networks other than mlp and cnn: "
            f"{OPTIMIZERS}.",
            PANEL,
        ),
    ] = None
    metric: Annotated[
        str | None,
        option(
            "NAME",
            f"What makes a trial good: {METRICS}; by default accuracy for classes, r2 for regression.",
            PANEL,
        ),
    ] = None
    metrics: Annotated[
        str | None, option("NAMES", "What else is measured of the trials and on the test set; commas between.", PANEL)
    ] = None
    stop_on: Annotated[
        str | None,
        option("NAME", "By which metric of the dev set epochs are kept and trials stop; by default the loss.", PANEL),
    ] = None
    objective: Annotated[
        list[str] | None,
        option("NAME", f"What else a network should have little of: {', '.join(OBJECTIVES)}; repeatable.", PANEL),
    ] = None
    prefer: Annotated[
        str | None,
        option(
            "NAME", "Choose the network with the least of this objective among those nearly as good as the best.", PANEL
        ),
    ] = None
    within: Annotated[
        float | None,
        option(
            "MARGIN", "How much worse a dev score --prefer allows; by default one standard error of the best.", PANEL
        ),
    ] = None
    max_parameters: Annotated[
        int | None, option("N", "Larger networks are infeasible: they are recorded and never trained.", PANEL, whole)
    ] = None

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            UsageError: a number is too small, a name unknown, or one option lacks the other that it goes with.
        """
        at_least("--max-parameters", self.max_parameters, 1)
        at_least("--within", self.within, 0)
        if self.network is not None:
            check_network(self.network)
        one_of("--freeze", self.freeze, FREEZE)
        if self.freeze != "auto" and self.pretrained is None:
            raise UsageError("--freeze goes with --pretrained, which says what to begin with")
        if self.pretrained is not None and self.network is not None:
            raise UsageError("--pretrained brings its network along; leave --network out")
        for name in self.objective or []:
            one_of("--objective", name, OBJECTIVES)
        if self.prefer is not None:
            one_of("--prefer", self.prefer, OBJECTIVES)
        elif self.within is not None:
            raise UsageError("--within is the margin of --prefer; give both")

    def arguments(self) -> dict[str, Any]:
        """Write them as `ikura.tune` takes them; runs to begin with are opened."""
        import ikura

        prior, start = self.prior, self.pretrained
        return {
            "network": self.network if start is None else ikura.pretrained(start, self.freeze),
            "prior": None if prior is None else ikura.from_optuna(prior) if "://" in prior else ikura.open_study(prior),
            "objectives": list(dict.fromkeys(self.objective)) if self.objective else None,
            "class_weight": _weights(self.class_weight),
            "metrics": [name.strip() for name in self.metrics.split(",")] if self.metrics else None,
            **{name: getattr(self, name) for name in SAME},
        }


def _weights(given: str | None) -> dict[str, float] | str | None:
    """Read weights of classes: "balanced", or pairs CLASS=WEIGHT.

    Raises:
        UsageError: they are neither.
    """
    if given is None or "=" not in given:
        return given
    found = {}
    for pair in given.split(","):
        name, _, weight = pair.rpartition("=")
        try:
            found[name.strip()] = float(weight)
        except ValueError:
            raise UsageError(f"--class-weight {given}: {pair!r} is no CLASS=WEIGHT") from None
    return found


def check_network(network: str) -> None:
    """Refuse the name of a network that is none.

    Raises:
        UsageError: it is none.
    """
    if network not in NETWORKS and network not in built_in.NETWORKS:
        one_of("--network", network, ("mlp", *built_in.NETWORKS))
