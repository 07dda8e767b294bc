"""Options that say what the data are, for the commands that read data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from ikura.cli.option_helpers import at_least, kinds, one_of, option, whole

__all__ = ["BROKEN", "KINDS", "LAYOUTS", "TASKS", "DataArguments", "Target", "one_or_several"]

BROKEN = ("refuse", "skip")
LAYOUTS = ("first", "last")
DATES = ("dayfirst", "monthfirst")
COPIES = ("together", "apart")
DECIMALS = (".", ",")
KINDS = ("numeric", "category", "boolean", "datetime", "ignore")
TASKS = ("auto", "binary", "multiclass", "multilabel", "regression", "own")

PANEL = "Data"

Target = Annotated[
    list[str] | None,
    option(
        "COLUMN",
        "The column to predict; not needed when one is named target, label, class or y. Several: a,b,c, or an option "
        "for each.",
        PANEL,
    ),
]


def one_or_several(target: list[str] | None) -> str | list[str] | None:
    """What was said of the target, as `ikura.tune` takes it.

    Example:
        >>> one_or_several(["price"]), one_or_several(["a", "b,c"])
        ('price', ['a', 'b,c'])
    """
    return target[0] if target is not None and len(target) == 1 else target or None


@dataclass(frozen=True)
class DataArguments:
    """What the command line says of data, but for the target."""

    task: Annotated[str, option("TASK", f"What to learn: {', '.join(TASKS)}.", PANEL)] = "auto"
    kind: Annotated[
        list[str] | None,
        option(
            "COLUMN=KIND", f"Take a column for another kind than it looks like: {', '.join(KINDS)}; repeatable.", PANEL
        ),
    ] = None
    group: Annotated[
        str | None,
        option("COLUMN", "Rows with the same value here stay together in training, dev or test set.", PANEL),
    ] = None
    time: Annotated[str | None, option("COLUMN", "Split by time: the oldest rows train, the newest test.", PANEL)] = (
        None
    )
    image_size: Annotated[
        int | None,
        option("N", "Scale images so that the shorter side is N pixels, and cut out the middle N x N.", PANEL, whole),
    ] = None
    broken: Annotated[
        str,
        option("HOW", f"What to do with image files that cannot be read: {', '.join(BROKEN)} (and count) them.", PANEL),
    ] = "refuse"
    channels: Annotated[
        str | None,
        option(
            "WHERE",
            f"Where arrays of images have their channels, if their shape fits both: {', '.join(LAYOUTS)}.",
            PANEL,
        ),
    ] = None
    dev: Annotated[
        str | None,
        option("FILE", "The dev set, where it is a file (or folder) of its own; the types of DATA decide.", PANEL),
    ] = None
    test: Annotated[str | None, option("FILE", "The test set, where it is a file (or folder) of its own.", PANEL)] = (
        None
    )
    positive: Annotated[
        str | None,
        option("CLASS", "Of two classes the one that f1 is about; by default the rarer one.", PANEL),
    ] = None
    missing: Annotated[
        list[str] | None,
        option(
            "WORD",
            "A word that stands for a missing value, also in the target; by default NA, n/a, None, ? and the like, in "
            "a target of words none. An empty field always does; repeatable.",
            PANEL,
        ),
    ] = None
    decimal: Annotated[
        str | None,
        option("MARK", "The decimal mark, . or , where two readings are possible, as of 1,234 and 5,678.", PANEL),
    ] = None
    dates: Annotated[
        str | None,
        option("ORDER", f"{' or '.join(DATES)}, where both are possible, as of 02/03/2024.", PANEL),
    ] = None
    copies: Annotated[
        str,
        option(
            "HOW",
            "together keeps rows of a table that are alike in all columns in one part, where 5 % of them or more are "
            "copies; apart deals them out.",
            PANEL,
        ),
    ] = "together"
    sample_weight: Annotated[
        str | None, option("COLUMN", "The column with the weights of the rows in the loss; it is no feature.", PANEL)
    ] = None

    test_set: Annotated[
        bool,
        typer.Option(
            "--test-set/--no-test-set",
            help="Keep rows for a test set; without one the network is never tested.",
            rich_help_panel=PANEL,
        ),
    ] = True

    def arguments(self) -> dict[str, Any]:
        """Check them, and write them as `ikura.tune` and `ikura.check` take them.

        Raises:
            UsageError: a name is unknown, a pair is none, or the size is below 1.
        """
        one_of("--task", self.task, TASKS)
        one_of("--broken", self.broken, BROKEN)
        one_of("--copies", self.copies, COPIES)
        at_least("--image-size", self.image_size, 1)
        chosen = kinds(self.kind or [])
        for one in (chosen or {}).values():
            one_of("--kind", one, KINDS)
        for name, value, known in (
            ("--channels", self.channels, LAYOUTS),
            ("--decimal", self.decimal, DECIMALS),
            ("--dates", self.dates, DATES),
        ):
            if value is not None:
                one_of(name, value, known)
        given = vars(self) | {"kinds": chosen, "missing": self.missing or None}
        return {name: value for name, value in given.items() if name != "kind"}
