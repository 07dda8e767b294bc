"""Options that say how much a search may cost and where it trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from ikura.cli.duration_text import parse_duration
from ikura.cli.engine_options import Address, Engine, Workers, check_engine
from ikura.cli.option_helpers import at_least, one_of, option, whole
from ikura.errors import UsageError

__all__ = ["DEVICES", "BudgetArguments"]

DEVICES = ("auto", "cpu", "cuda")
DTYPES = ("float32", "float64")
PANEL = "Budget"


@dataclass(frozen=True)
class BudgetArguments:
    """What the command line says of how much a search may cost and where it trains."""

    trials: Annotated[
        int | None,
        option(
            "N",
            "How many configurations to try; by default 128, with --auto and --time-limit as many as fit.",
            PANEL,
            whole,
        ),
    ] = None
    epochs: Annotated[
        int | None,
        option(
            "E", "How many epochs a trial trains at most; by default 100, and 15 for the network cnn.", PANEL, whole
        ),
    ] = None
    time_limit: Annotated[
        str | None,
        option(
            "TIME",
            "Be done after about this time, such as 90s, 10m or 1.5h; three quarters are for the search, the rest for "
            "the finalists.",
            PANEL,
        ),
    ] = None
    finalists: Annotated[
        int | None,
        option(
            "N",
            "How many of the best configurations are trained again with other seeds before one is chosen; by default "
            "4, and 1 for the network cnn.",
            PANEL,
            whole,
        ),
    ] = None
    ensemble: Annotated[
        str,
        option(
            "N",
            "Average the predictions of up to N networks of the finalists, trained again on all rows but the test set; "
            "auto does so for the fully connected network where it is no worse; none keeps one network.",
            PANEL,
        ),
    ] = "auto"
    folds: Annotated[
        int | None,
        option(
            "K",
            "Make the ensemble of networks on K folds of training and dev set, selected by out-of-fold predictions.",
            PANEL,
            whole,
        ),
    ] = None
    repeats: Annotated[int, option("R", "How often the rows are divided into folds.", PANEL, whole)] = 1
    calibration: Annotated[
        str,
        option(
            "HOW",
            "auto takes probabilities at the temperature, and answers from the threshold, that the dev set asks for, "
            "and predicts values no further than those given; none leaves them as they are.",
            PANEL,
        ),
    ] = "auto"
    baselines: Annotated[
        bool | None,
        typer.Option(
            "--baselines/--no-baselines",
            help="Measure gradient boosting and a linear model beside the network; by default in studies of ten "
            "seconds or more.",
            rich_help_panel=PANEL,
            show_default=False,
        ),
    ] = None
    jobs: Annotated[int | None, option("N", "Worker processes; by default as many as help.", PANEL)] = None
    engine: Engine = "auto"
    address: Address = None
    workers: Workers = None
    device: Annotated[str, option("DEVICE", f"Where to train: {', '.join(DEVICES)}.", PANEL)] = "auto"
    dtype: Annotated[str, option("DTYPE", f"Precision of the networks: {', '.join(DTYPES)}.", PANEL)] = "float32"

    def arguments(self) -> dict[str, Any]:
        """Check them, and write them as `ikura.tune` takes them.

        Raises:
            UsageError: a number is too small, a name unknown, or the time none.
        """
        for name, number, least in (
            ("--trials", self.trials, 1),
            ("--epochs", self.epochs, 1),
            ("--finalists", self.finalists, 0),
            ("--jobs", self.jobs, 1),
            ("--folds", self.folds, 2),
            ("--repeats", self.repeats, 1),
        ):
            at_least(name, number, least)
        check_engine(self.engine, self.address, self.workers)
        if self.engine == "ray" and self.jobs is not None:
            raise UsageError("--jobs is of this machine; with --engine ray give --workers, those of each node")
        one_of("--calibration", self.calibration, ("auto", "none"))
        one_of("--device", self.device, DEVICES)
        one_of("--dtype", self.dtype, DTYPES)
        limit = None if self.time_limit is None else parse_duration(self.time_limit)
        return vars(self) | {"time_limit": limit, "ensemble": _ensemble(self.ensemble)}


def _ensemble(given: str) -> int | str:
    """Read how many networks an ensemble has.

    Raises:
        UsageError: it is neither a number nor auto nor none.
    """
    if given in ("auto", "none"):
        return given
    if not given.isdecimal():
        raise UsageError(f"--ensemble must be auto, none or a number of networks, but got {given!r}")
    at_least("--ensemble", int(given), 1)
    return int(given)
