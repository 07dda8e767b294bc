"""Options that say what the data are, for the commands that read data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from ikura.cli.options import at_least, kinds, one_of, whole

__all__ = [
    "BROKEN",
    "BUNDLED",
    "IMAGE_SETS",
    "KINDS",
    "TASKS",
    "Broken",
    "Group",
    "ImageSize",
    "Kind",
    "Target",
    "Task",
    "Time",
    "checked_kinds",
]

BROKEN = ("refuse", "skip")
BUNDLED = ("digits", "iris", "wine", "breast_cancer", "diabetes")
IMAGE_SETS = ("fashion_mnist",)
KINDS = ("numeric", "category", "boolean", "datetime", "ignore")
TASKS = ("auto", "binary", "multiclass", "regression")

Target = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="The column to predict; not needed when one is named target, label, class or y.",
        rich_help_panel="Data",
    ),
]
Task = Annotated[str, typer.Option(metavar="TASK", help=f"What to learn: {', '.join(TASKS)}.", rich_help_panel="Data")]
Kind = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN=KIND",
        help=f"Take a column for another kind than it looks like: {', '.join(KINDS)}; repeatable.",
        rich_help_panel="Data",
    ),
]
Group = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Rows with the same value here stay together in training, dev or test set.",
        rich_help_panel="Data",
    ),
]
Time = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Split by time: the oldest rows train, the newest test.",
        rich_help_panel="Data",
    ),
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        parser=whole,
        metavar="N",
        help="Scale images so that the shorter side is N pixels, and cut out the middle N x N.",
        rich_help_panel="Data",
        show_default=False,
    ),
]
Broken = Annotated[
    str,
    typer.Option(
        metavar="HOW",
        help=f"What to do with image files that cannot be read: {', '.join(BROKEN)} (and count) them.",
        rich_help_panel="Data",
    ),
]


def checked_kinds(task: str, broken: str, image_size: int | None, kind: Iterable[str] | None) -> dict[str, str] | None:
    """Refuse what these options cannot be.

    Returns:
        Column to kind, or None when nothing was given.

    Raises:
        UsageError: a name is unknown, a pair is none, or the size is below 1.
    """
    one_of("--task", task, TASKS)
    one_of("--broken", broken, BROKEN)
    at_least("--image-size", image_size, 1)
    chosen = kinds(kind or [])
    for one in (chosen or {}).values():
        one_of("--kind", one, KINDS)
    return chosen
