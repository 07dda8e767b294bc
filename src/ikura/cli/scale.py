"""`ikura scale`: from a tuned small batch to a large one."""

from __future__ import annotations

import json as json_module
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ikura.cli.budget_options import DEVICES
from ikura.cli.exit_code import ExitCode
from ikura.cli.option_helpers import (
    Json,
    Quiet,
    Run,
    Store,
    Verbose,
    at_least,
    begin,
    folder_made_for,
    one_of,
    option,
    whole,
)  # fmt: skip
from ikura.cli.terminal import aligned
from ikura.errors import RunError, UsageError
from ikura.files import shown

if TYPE_CHECKING:
    from ikura.large_batch.scale_result import Scaling

__all__ = ["scale"]

EXAMPLES = ("ikura scale runs/houses --batch-size 1024", "ikura scale runs/houses --batch-size auto --json")
RULES = ("auto", "sqrt", "linear")
REGIMES = ("same-epochs", "same-updates", "between")


def scale(
    context: typer.Context,
    run: Run,
    batch_size: Annotated[
        str, option("N|auto", "Examples in the large mini-batch; auto finds the largest that holds the score.")
    ] = "auto",
    rule: Annotated[
        str,
        option(
            "RULE",
            f"How the learning rate grows with the batch: {', '.join(RULES)}; auto is sqrt for adaptive update rules, "
            "and for the others what does better on the dev set.",
        ),
    ] = "auto",
    regime: Annotated[
        str | None,
        option(
            "REGIME",
            f"How far the schedule is stretched in the last column: {', '.join(REGIMES)} (every phase times the root "
            "of the batch ratio), or a factor such as 3; by default between, if no column before it holds.",
        ),
    ] = None,
    ghost: Annotated[
        int | None,
        option(
            "G",
            "Examples in a ghost, for networks with batch normalisation; by default those of the small batch.",
            parser=whole,
        ),
    ] = None,
    seeds: Annotated[int, option("K", "Networks to train of each column.", parser=whole)] = 5,
    within: Annotated[
        float | None,
        option("D", "How much of the dev score may be lost; by default 0.003 of a metric that is 1 at best."),
    ] = None,
    controls: Annotated[
        bool,
        typer.Option(
            "--controls", help="Train the large batch with gradient noise, dropout, DropConnect and label noise, too."
        ),
    ] = False,
    device: Annotated[
        str | None, option("NAME", f"Where to train: {', '.join(DEVICES)}; by default as the run did.")
    ] = None,
    jobs: Annotated[
        int | None,
        option("N", "Tiles of networks that train at once; by default one for each core.", parser=whole),
    ] = None,
    store: Store = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Train a run's winner with a large batch, measure by measure, and say what keeps the dev score.

    What was trained is kept in the run's folder scale; a command that was stopped goes on where it was. The verdict
    is holds, loses or can't tell yet, from the interval of the difference; the exit code is 3 when it loses with every
    measure. Where the run's folder is on another machine (--store), one is made here.
    """
    session = begin(context, quiet, verbose)
    size = _size(batch_size)
    one_of("--rule", rule, RULES)
    at_least("--seeds", seeds, 2)
    at_least("--ghost", ghost, 2)
    at_least("--jobs", jobs, 1)
    at_least("--within", within, 0)
    if device is not None:
        one_of("--device", device, DEVICES)
    from ikura.cli.progress_display import progress_for

    try:
        with session.work(), ExitStack() as held, progress_for(session) as progress:
            folder = folder_made_for(run, store, session, held)
            if not (folder / "config.toml").exists():
                raise RunError(f"{run}: not a run folder of ikura (it has no config.toml)")
            import ikura

            found = ikura.scale(
                folder, size, rule=rule, regime=regime, ghost=ghost, seeds=seeds, within=within, controls=controls,
                device=device, jobs=jobs, progress=progress,
            )  # fmt: skip
    except KeyboardInterrupt:
        session.complain("ikura: interrupted; the same command goes on where it stopped")
        return ExitCode.INTERRUPTED
    if json:
        from ikura.json_values import jsonable

        session.emit(json_module.dumps(jsonable(found.to_json()), allow_nan=False, indent=2) + "\n")
    else:
        session.emit(_text(found))
    return ExitCode.CHECK_FAILED if found.best.loses else ExitCode.DONE


def _size(text: str) -> Any:
    if text == "auto":
        return "auto"
    try:
        size = int(text)
    except ValueError:
        raise UsageError(f"--batch-size must be a whole number or auto, but got {text!r}") from None
    at_least("--batch-size", size, 2)
    return size


def _text(found: Scaling) -> str:
    from ikura.large_batch.timing import short_duration

    headings = ["", "batch", "rate", "epochs", f"dev {found.metric}", "difference", "95 % interval", "verdict", "epoch"]
    rows = [headings, *(_cells(row, row.name == found.chosen) for row in found.rows)]
    lines = ["", *aligned(rows, words=[0]), ""]
    if found.sizes is not None:
        sizes = [["batch", f"dev {found.metric}", "difference", "verdict", "epoch", "to the score"]]
        for one in found.sizes.tried:
            cells = _cells(one.row, False)
            sizes.append([cells[1], *cells[4:6], *cells[7:], short_duration(one.row.seconds_to_score)])
        lines += [*aligned(sizes), ""]
    lines += [*found.sentences, *(f"Not applied: {sentence}." for sentence in found.skipped), ""]
    lines += [f"next: {command}" for command in found.next_commands]
    if found.best.diverged < found.best.seeds:
        lines.append(f"model: {shown(found.folder / 'model')}")
    return "\n".join([*lines, f"report: {shown(found.report)}"]) + "\n"


def _cells(row: Any, marked: bool) -> list[str]:
    from ikura.large_batch.timing import short_duration

    low, high = row.interval
    judged = low == low
    return [
        f"{'>' if marked else ' '} {row.name}",
        f"{row.batch_size:,}",
        f"{row.learning_rate:.3g}",
        f"{row.epochs:,}",
        f"{row.diverged} of {row.seeds} diverged" if row.diverged else f"{row.dev:.4f}",
        f"{row.difference:+.4f}" if judged else "",
        f"{low:+.4f} to {high:+.4f}" if judged else "",
        str(row.verdict or ""),
        short_duration(row.seconds_per_epoch),
    ]
