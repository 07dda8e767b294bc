"""Options that say what the data are, for the commands that read data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from ikura.cli.options import at_least, kinds, one_of, option, whole

__all__ = [
    "BROKEN",
    "BUNDLED",
    "IMAGE_SETS",
    "KINDS",
    "LAYOUTS",
    "TASKS",
    "Broken",
    "Channels",
    "Dates",
    "Decimal",
    "Dev",
    "Group",
    "ImageSize",
    "Kind",
    "Missing",
    "Positive",
    "Target",
    "Task",
    "Test",
    "Time",
    "checked_kinds",
    "checked_writing",
]

BROKEN = ("refuse", "skip")
BUNDLED = ("digits", "iris", "wine", "breast_cancer", "diabetes")
IMAGE_SETS = ("fashion_mnist",)
LAYOUTS = ("first", "last")
DATES = ("dayfirst", "monthfirst")
DECIMALS = (".", ",")
KINDS = ("numeric", "category", "boolean", "datetime", "ignore")
TASKS = ("auto", "binary", "multiclass", "regression")

PANEL = "Data"

Target = Annotated[
    str | None,
    option("COLUMN", "The column to predict; not needed when one is named target, label, class or y.", PANEL),
]
Task = Annotated[str, option("TASK", f"What to learn: {', '.join(TASKS)}.", PANEL)]
Kind = Annotated[
    list[str] | None,
    option("COLUMN=KIND", f"Take a column for another kind than it looks like: {', '.join(KINDS)}; repeatable.", PANEL),
]
Group = Annotated[
    str | None,
    option("COLUMN", "Rows with the same value here stay together in training, dev or test set.", PANEL),
]
Time = Annotated[str | None, option("COLUMN", "Split by time: the oldest rows train, the newest test.", PANEL)]
ImageSize = Annotated[
    int | None,
    option("N", "Scale images so that the shorter side is N pixels, and cut out the middle N x N.", PANEL, whole),
]
Channels = Annotated[
    str | None,
    option(
        "WHERE", f"Where arrays of images have their channels, if their shape fits both: {', '.join(LAYOUTS)}.", PANEL
    ),
]
Dev = Annotated[
    str | None,
    option("FILE", "The dev set, where it is a file (or folder) of its own; the types of DATA decide.", PANEL),
]
Test = Annotated[str | None, option("FILE", "The test set, where it is a file (or folder) of its own.", PANEL)]
Positive = Annotated[
    str | None,
    option("CLASS", "Of two classes the one that f1 is about; by default the rarer one.", PANEL),
]
Broken = Annotated[
    str,
    option("HOW", f"What to do with image files that cannot be read: {', '.join(BROKEN)} (and count) them.", PANEL),
]
Missing = Annotated[
    list[str] | None,
    option(
        "WORD",
        "A word that stands for a missing value, also in the target; by default NA, n/a, None, ? and the like, in a "
        "target of words none. An empty field always does; repeatable.",
        PANEL,
    ),
]
Decimal = Annotated[
    str | None,
    option("MARK", "The decimal mark, . or , where two readings are possible, as of 1,234 and 5,678.", PANEL),
]
Dates = Annotated[
    str | None,
    option("ORDER", f"{' or '.join(DATES)}, where both are possible, as of 02/03/2024.", PANEL),
]


def checked_writing(decimal: str | None, dates: str | None) -> None:
    """Refuse what these options cannot be.

    Raises:
        UsageError: a name is unknown.
    """
    if decimal is not None:
        one_of("--decimal", decimal, DECIMALS)
    if dates is not None:
        one_of("--dates", dates, DATES)


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
