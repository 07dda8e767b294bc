"""Options that say how much a search may cost and where it trains."""

from __future__ import annotations

from typing import Annotated

from ikura.cli.options import option, whole

__all__ = ["DEVICES", "DTYPES", "Device", "Dtype", "Epochs", "Finalists", "Jobs", "TimeLimit", "Trials"]

DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("float32", "float64")
PANEL = "Budget"

Trials = Annotated[
    int | None,
    option(
        "N",
        "How many configurations to try; by default 128, with --auto and --time-limit as many as fit.",
        PANEL,
        whole,
    ),
]
Epochs = Annotated[
    int | None,
    option("E", "How many epochs a trial trains at most; by default 100, and 15 for the network cnn.", PANEL, whole),
]
TimeLimit = Annotated[
    str | None,
    option(
        "TIME",
        "Be done after about this time, such as 90s, 10m or 1.5h; three quarters are for the search, the rest for the "
        "finalists.",
        PANEL,
    ),
]
Finalists = Annotated[
    int | None,
    option(
        "N",
        "How many of the best configurations are trained again with other seeds before one is chosen; by default 4, "
        "and 1 for the network cnn.",
        PANEL,
        whole,
    ),
]
Jobs = Annotated[int | None, option("N", "Worker processes; by default as many as help.", PANEL)]
Device = Annotated[str, option("DEVICE", f"Where to train: {', '.join(DEVICES)}.", PANEL)]
Dtype = Annotated[str, option("DTYPE", f"Precision of the networks: {', '.join(DTYPES)}.", PANEL)]
