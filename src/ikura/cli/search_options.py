"""Options that say what is searched, how, and what makes a trial good."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from ikura.built_in import SEARCHES
from ikura.cli.options import a_place, option, whole

__all__ = [
    "FREEZE",
    "METRICS",
    "NETWORKS",
    "OBJECTIVES",
    "SCHEDULES",
    "Freeze",
    "MaxParameters",
    "MetricName",
    "Network",
    "Objective",
    "Prefer",
    "Pretrained",
    "Prior",
    "Schedule",
    "Search",
    "Seed",
    "SpaceFile",
    "Within",
]

FREEZE = ("auto", "all", "most", "none")
NETWORKS = (
    "mlp", "cnn", "f1", "c1", "c3", "vgg16", "resnet20", "resnet32", "resnet44", "resnet56", "wrn16-4",
    "alexnet",
)  # fmt: skip
OBJECTIVES = ("parameters", "inference_seconds", "training_seconds")
METRICS = ("accuracy", "balanced_accuracy", "log_loss", "f1", "roc_auc", "r2", "rmse", "mae")
SCHEDULES = ("early-stopping", "none", "successive-halving", "hyperband", "asha", "pbt", "racing")
PANEL = "Search"

Network = Annotated[
    str | None,
    option("NAME", f"What to train: {', '.join(NETWORKS)}; by default cnn for images and mlp for tables.", PANEL),
]
Pretrained = Annotated[
    Path | None,
    option("RUN", "Start from the network of an earlier run, with a new last layer.", PANEL, a_place),
]
Freeze = Annotated[
    str,
    option(
        "PART",
        f"What of a pretrained network stays as it is: {', '.join(FREEZE)}; auto tries each, on few rows.",
        PANEL,
    ),
]
Search = Annotated[str, option("NAME", f"How configurations are proposed: {', '.join(SEARCHES.built_in)}.", PANEL)]
Schedule = Annotated[
    str,
    option("NAME", f"Who trains on after a while: {', '.join(SCHEDULES)}; none trains everybody to the end.", PANEL),
]
Prior = Annotated[
    str | None,
    option(
        "RUN",
        "Begin the search with what an earlier run found; also the storage of an Optuna study by its URL, such as "
        "sqlite:///optuna.db.",
        PANEL,
    ),
]
MetricName = Annotated[
    str | None,
    option(
        "NAME",
        f"What makes a trial good: {', '.join(METRICS)}; by default accuracy for classes, r2 for regression.",
        PANEL,
    ),
]
Objective = Annotated[
    list[str] | None,
    option("NAME", f"What else a network should have little of: {', '.join(OBJECTIVES)}; repeatable.", PANEL),
]
Prefer = Annotated[
    str | None,
    option(
        "NAME", "Choose the network with the least of this objective among those nearly as good as the best.", PANEL
    ),
]
Within = Annotated[
    float | None,
    option("MARGIN", "How much worse a dev score --prefer allows; by default one standard error of the best.", PANEL),
]
MaxParameters = Annotated[
    int | None, option("N", "Larger networks are infeasible: they are recorded and never trained.", PANEL, whole)
]
SpaceFile = Annotated[
    Path | None,
    option(
        "FILE.toml", "A search space of your own instead of the one chosen by the number of trials.", PANEL, a_place
    ),
]
Seed = Annotated[int, option("S", "The same seed gives the same study.", PANEL, whole)]
