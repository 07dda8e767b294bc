"""`ikura export`: a run's network as .onnx or .pt2, tables of its trials and curves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ikura.cli.option_helpers import Quiet, Run, Store, Verbose, a_file, begin, folder_of, study_named
from ikura.errors import UsageError

__all__ = ["export"]

EXAMPLES = (
    "ikura export runs/houses houses.onnx",
    "ikura export runs/houses --trials trials.parquet --curves curves.csv",
)


def export(
    context: typer.Context,
    run: Run,
    network: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            parser=a_file,
            help="Where to write the network with its preprocessing: .onnx, which needs the extra onnx, or .pt2 of "
            "torch.export.",
        ),
    ] = None,
    trials: Annotated[
        Path | None,
        typer.Option(metavar="FILE", parser=a_file, help="Write the table of all trials, to a .csv or .parquet file."),
    ] = None,
    curves: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", parser=a_file, help="Write the learning curves of all trials, to a .csv or .parquet file."
        ),
    ] = None,
    store: Store = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Write a run's network for others to run, or its trials and curves to tables, and print where they are.

    The network is tried beside the model on training rows before the file is kept.
    """
    session = begin(context, quiet, verbose)
    where = study_named(run, store)
    if network is None and trials is None and curves is None:
        raise UsageError("name a file to export to: FILE for the network (.onnx, .pt2), --trials FILE, --curves FILE")
    with session.work():
        import ikura

        folder = None if network is None else folder_of(run, store, "model/")
        written = []
        if trials is not None or curves is not None:
            written += ikura.open_study(**where).export(trials=trials, curves=curves)
        if network is not None and folder is not None:
            written.append(ikura.load(folder).export(network))
    session.emit("".join(f"{path}\n" for path in written))
    return 0
