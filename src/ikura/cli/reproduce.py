"""`ikura reproduce`: run an experiment on a textbook claim."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from ikura.cli.duration_text import format_duration
from ikura.cli.exit_code import ExitCode
from ikura.cli.option_helpers import Json, Quiet, Verbose, a_place, at_least, begin, option, whole
from ikura.cli.session import Session
from ikura.errors import UsageError, nearest

__all__ = ["reproduce"]

EXAMPLES = (
    "ikura reproduce log-scale",
    "ikura reproduce large-batch --network f1 --data fashion_mnist --seeds 5",
    "ikura reproduce --list",
)
PANEL = "large-batch"
SECONDS_BETWEEN_LINES = 5.0


def _own(metavar: str, text: str, parser: Any = None) -> Any:
    """An option that some experiments have."""
    return option(metavar, text, PANEL, parser)


def reproduce(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The experiment; --list shows them.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        option(
            "FOLDER",
            "Where to write; by default reproduced/NAME. An experiment that was stopped goes on where it was.",
            parser=a_place,
            names=("--out", "-o"),
        ),
    ] = None,
    seed: Annotated[int, option("N", "Key of everything random.", parser=whole)] = 0,
    repetitions: Annotated[
        int | None,
        option(
            "N",
            "How often to repeat it, with another seed each time; by default the experiment's own number.",
            parser=whole,
            names=("--repetitions", "--seeds"),
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Run a small version, which takes seconds and proves little.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the experiments and exit.")] = False,
    network: Annotated[
        str | None, _own("NAME", "f1, c1, c3, resnet44, wrn16-4, vgg or alexnet; f1 by default.")
    ] = None,
    data: Annotated[str | None, _own("DATA", "Images, as for ikura tune; fashion_mnist by default.")] = None,
    train_size: Annotated[int | None, _own("N", "Training examples.", whole)] = None,
    width: Annotated[int | None, _own("N", "Hidden units of each layer of f1.", whole)] = None,
    batch_size: Annotated[int | None, _own("N", "Examples of the small batch.", whole)] = None,
    ratio: Annotated[int | None, _own("N", "How many times as many the large batch has.", whole)] = None,
    epochs: Annotated[int | None, _own("N", "Epochs of the small batch.", whole)] = None,
    learning_rate: Annotated[float | None, _own("X", "Learning rate of the small batch.")] = None,
    device: Annotated[str | None, _own("DEVICE", "A torch device; cpu by default.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Run an experiment on a textbook claim and write its report: verdicts, plots, 95 % intervals, CSV and JSON."""
    session = begin(context, quiet, verbose)
    from ikura.experiments.catalogue import EXPERIMENTS

    if listed:
        _list(session, EXPERIMENTS, as_json)
        return ExitCode.DONE
    if name is None:
        raise UsageError(f"name an experiment: {', '.join(EXPERIMENTS)}")
    if name not in EXPERIMENTS:
        known = ", ".join(EXPERIMENTS)
        raise UsageError(f"no experiment {name!r}{nearest(name, EXPERIMENTS)}: there are {known}")
    at_least("--repetitions", repetitions, 2)
    at_least("--seed", seed, 0)
    every = {
        "network": network, "data": data, "train_size": train_size, "width": width, "batch_size": batch_size,
        "ratio": ratio, "epochs": epochs, "learning_rate": learning_rate, "device": device,
    }  # fmt: skip
    options = {option: value for option, value in every.items() if value is not None}
    try:
        with session.work():
            from ikura.experiments.running import reproduce as run

            done = run(
                name, out, seed=seed, repetitions=repetitions, quick=quick, options=options,
                progress=_Progress(session, name), say=session.say,
            )  # fmt: skip
    except KeyboardInterrupt:
        session.complain("ikura: interrupted; the same command goes on where it stopped")
        return ExitCode.INTERRUPTED
    if as_json:
        where = {"folder": str(done.folder), "report": str(done.report)}
        session.emit(json.dumps({**done.results, **where}, indent=2, allow_nan=False) + "\n")
        return ExitCode.DONE
    lines = [done.results["question"], ""]
    for claim in done.results["claims"]:
        lines.append(f"{claim['verdict']:13} {claim['claim']}")
        lines.append(f"{'':13} {claim['what']}: {_number(claim['estimate'])}{_interval(claim)}")
    lines += ["", f"report: {done.report}"]
    session.emit("\n".join(lines) + "\n")
    return ExitCode.DONE


def _list(session: Session, experiments: dict[str, str], as_json: bool) -> None:
    if as_json:
        session.emit(json.dumps([{"name": n, "question": q} for n, q in experiments.items()], indent=2) + "\n")
        return
    width = max(map(len, experiments))
    session.emit("".join(f"{name:{width}}  {question}\n" for name, question in experiments.items()))


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.4g}"


def _interval(claim: dict[str, float | None]) -> str:
    if claim["low"] is None or claim["high"] is None:
        return ""
    return f" (95 % from {claim['low']:.4g} to {claim['high']:.4g})"


class _Progress:
    """Prints a line after a repetition, or a part of one, at most one every few seconds."""

    def __init__(self, session: Session, name: str) -> None:
        self.session, self.name = session, name
        self.began = self.printed = time.monotonic()
        self.first: float | None = None

    def __call__(self, done: float, total: int) -> None:
        now = time.monotonic()
        if self.first is None:
            self.first, self.began = done, now
        if done == self.first or (now - self.printed < SECONDS_BETWEEN_LINES and done < total):
            return
        self.printed = now
        left = (now - self.began) * (total - done) / (done - self.first)
        rest = f", about {format_duration(left)} left" if done < total else ""
        part = f" ({done / total:.0%})" if done != int(done) else ""
        self.session.say(f"{self.name}: {int(done)} of {total} repetitions{part}{rest}")
