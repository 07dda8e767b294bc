"""`ikura warm-up`: compile for this machine before the first study."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from ikura.cli.duration_text import format_duration
from ikura.cli.option_helpers import Json, Quiet, Verbose, begin
from ikura.errors import UsageError, nearest

__all__ = ["warm_up"]

EXAMPLES = ("ikura warm-up", "ikura warm-up --images --own")
DTYPES = ("float32", "float64")


def warm_up(
    context: typer.Context,
    images: Annotated[bool, typer.Option("--images", help="Compile convolutional networks on images too.")] = False,
    own: Annotated[
        bool, typer.Option("--own", help="Compile everything that networks of your own may be made of too.")
    ] = False,
    dtype: Annotated[str, typer.Option(metavar="DTYPE", help="The precision: float32 or float64.")] = "float32",
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Compile the training step for this machine, as the first study would, and say what and how long it took.

    What is compiled already stays. An image of a container or a node of a cluster is made ready so.
    """
    session = begin(context, quiet, verbose)
    if dtype not in DTYPES:
        raise UsageError(f"unknown dtype {dtype!r}{nearest(dtype, DTYPES)}: use {', '.join(DTYPES)}")
    with session.work():
        from ikura.population.warmup import warm_up_everything

        done = warm_up_everything([dtype], session.say, images, own)
    if as_json:
        session.emit(json.dumps([one._asdict() for one in done]) + "\n")
    else:
        for one in done:
            took = f"compiled in {format_duration(one.seconds)}" if one.seconds else "was compiled already"
            session.emit(f"{one.what}, {one.dtype}: {took}\n")
    return 0
