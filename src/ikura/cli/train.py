"""`ikura train`: one network, watched and changed by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ikura.cli.data_options import DataArguments, Target, one_or_several
from ikura.cli.lookup import check_data, check_names
from ikura.cli.option_helpers import Json, Quiet, Verbose, a_place, at_least, begin, option, whole, with_options
from ikura.cli.option_values import hyperparameter_values
from ikura.cli.search_options import LOSSES, METRICS, NETWORKS, Seed, check_network
from ikura.version import __version__

__all__ = ["train"]

EXAMPLES = (
    "ikura train digits --set learning_rate=0.1 --epochs 200",
    "ikura train houses.parquet --target price --set units=64 --set optimizer=adam --out runs/by-hand",
)
PANEL = "Training"


@with_options
def train(
    context: typer.Context,
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="A table, images, or the name of a bundled data set, as for tune.")
    ],
    target: Target = None,
    *,
    reading: DataArguments,
    set: Annotated[
        list[str] | None,
        option("NAME=VALUE", "A hyperparameter's value; what is not set has its default; repeatable.", PANEL),
    ] = None,
    epochs: Annotated[
        int | None, option("E", "How many epochs it trains; by default 100, and 15 for the network cnn.", PANEL, whole)
    ] = None,
    network: Annotated[str | None, option("NAME", f"What to train: {', '.join(NETWORKS)}.", PANEL)] = None,
    loss: Annotated[str | None, option("NAME", f"What training makes small: {LOSSES}.", PANEL)] = None,
    metric: Annotated[str | None, option("NAME", f"What makes a network good: {METRICS}.", PANEL)] = None,
    seed: Seed = 0,
    checks: Annotated[
        bool, typer.Option("--checks/--no-checks", help="Make the quick checks of data and network before training.")
    ] = True,
    out: Annotated[
        Path | None,
        option("DIR", "The run folder to write; by default a new one under runs/.", "Output", a_place),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace a run that the folder holds.", rich_help_panel="Output"),
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Train one network by hand.

    In a terminal its curve is drawn while it trains, and keys change it: + and - the learning rate, s any value, b goes
    back to an epoch, f forks there, x stops it and keeps it, tab shows the next trial. Elsewhere lines are printed, and
    `ikura steer RUN` changes it from another terminal. Every change is on record, and can be repeated to the bit. The
    result goes where tuned ones go: report, predict.
    """
    session = begin(context, quiet, verbose)
    at_least("--seed", seed, 0)
    at_least("--epochs", epochs, 1)
    check_names("random", "none", metric, loss)
    if network is not None:
        check_network(network)
    values = hyperparameter_values(set or ())
    given = reading.arguments()
    for place in (data, reading.dev, reading.test):
        if place is not None:
            check_data(place)
    session.run = out
    session.say(f"ikura {__version__}: reading {data}")
    from ikura.cli.hand_view import HandView, can_take_keys
    from ikura.cli.print_result import present
    from ikura.cli.progress_display import progress_for

    view = HandView(session) if can_take_keys() and not quiet else progress_for(session)
    with session.work(), view as progress:
        import ikura

        run = ikura.train(
            data, one_or_several(target), hyperparameters=values, epochs=epochs, network=network, loss=loss,
            metric=metric, seed=seed, checks=checks, out=out, overwrite=overwrite, progress=progress, **given,
        )  # fmt: skip
        study = run.train()
    return present(study, session, json)
