"""`ikura diagnose`: bias or variance, what to do next, and which examples are wrong."""

from __future__ import annotations

import json as json_module
import os
import shlex
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ikura.cli.error_options import BayesError, DevError, HumanError, Share, TrainError, checked_errors, share
from ikura.cli.option_helpers import Json, Quiet, Store, Verbose, at_least, begin, folder_made_for, option, whole
from ikura.errors import UsageError
from ikura.files import shown

if TYPE_CHECKING:
    from ikura.cli.session import Session
    from ikura.diagnose.findings import Findings
    from ikura.study.record.diagnosis import Diagnosis

__all__ = ["diagnose"]

EXAMPLES = (
    "ikura diagnose runs/houses",
    "ikura diagnose runs/photos --human-error 1% --examples 40",
    "ikura diagnose runs/houses --learning-curve --cost-curves --json",
    "ikura diagnose --train-error 1 --dev-error 11 --bayes-error 0 --examples 2000",
)
EXAMPLES_SHOWN = 20
SHOWN = 5
WIDTH_OF_A_FILE = 120
COLOURS = {"high": "red", "low": "green", "cannot tell": "yellow"}


def diagnose(
    context: typer.Context,
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN", help="The run folder that `ikura tune` wrote; none for bare errors.", show_default=False
        ),
    ] = None,
    train_error: TrainError = None,
    dev_error: DevError = None,
    bayes_error: BayesError = None,
    human_error: HumanError = None,
    worth: Annotated[
        float, option("SHARE", "The gap of errors from which on effort is worth it.", parser=share)
    ] = 0.02,
    learning_curve: Annotated[
        bool | None,
        typer.Option(
            "--learning-curve/--no-learning-curve",
            help="Train on parts of the training set to see whether more data would help; by default if that takes no "
            "more than a minute.",
            show_default=False,
        ),
    ] = None,
    cost_curves: Annotated[
        bool,
        typer.Option("--cost-curves", help="Also train with and without regularisation and dropout."),
    ] = False,
    examples: Annotated[
        int | None,
        option(
            "N",
            "How many of the dev examples with the highest loss to show, by default 20; with --dev-error, on how many "
            "dev examples that was measured.",
            parser=whole,
        ),
    ] = None,
    train_examples: Annotated[
        int | None,
        option("N", "On how many examples --train-error was measured.", "Bare errors", whole),
    ] = None,
    seeds: Annotated[
        int,
        option(
            "N",
            "Train N more networks of the chosen configuration, with other seeds, and measure on them too.",
            parser=whole,
        ),
    ] = 0,
    network: Annotated[
        str | None,
        option("MODULE:FACTORY", "The function that makes your network, if the run trained one of your own."),
    ] = None,
    jobs: Annotated[int | None, option("N", "Trainings at once; by default as in the run.", parser=whole)] = None,
    store: Store = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Tell high bias from high variance, show which examples are wrong, and say what to do next.

    The run is not changed and the test set is not looked at: results go to diagnosis.json and diagnosis.html beside it,
    unless its folder is read-only. Where that is on another machine (--store), a run folder is made here, and networks
    are trained again.
    """
    session = begin(context, quiet, verbose)
    if train_error is not None or dev_error is not None:
        studied = {
            "RUN": run, "--store": store, "--learning-curve": learning_curve, "--cost-curves": cost_curves,
            "--seeds": seeds, "--network": network, "--jobs": jobs,
        }  # fmt: skip
        for name, value in studied.items():
            if value not in (None, False, 0):
                raise UsageError(f"{name} is for a run; with --train-error and --dev-error there is none")
        bare = {"bayes_error": bayes_error, "human_error": human_error, "worth": worth}
        return _bare(session, train_error, dev_error, bare, examples, train_examples, json)
    if train_examples is not None:
        raise UsageError("--train-examples goes with --train-error")
    if run is None:
        raise UsageError(
            "name a run folder, or give --train-error and --dev-error, such as --train-error 1 --dev-error 11"
        )
    examples = EXAMPLES_SHOWN if examples is None else examples
    at_least("--examples", examples, 0)
    at_least("--seeds", seeds, 0)
    at_least("--jobs", jobs, 1)
    checked_errors(bayes_error, human_error)
    if not 0 < worth < 1:
        raise UsageError(f"--worth must be a share above 0 and below 1, such as 0.02 or 2%, but got {worth:g}")
    with session.work(), ExitStack() as held:
        from ikura.diagnose.diagnosis_page import write_diagnosis
        from ikura.diagnose.findings import examine, keep
        from ikura.study.record.record import copied

        factory = None
        if network is not None:
            from ikura.checks.make_subject import find_factory

            factory = find_factory(network)
        folder = folder_made_for(run, store, session, held)
        with copied(folder, factory) as study:
            findings = examine(
                study,
                bayes_error=bayes_error,
                human_error=human_error,
                worth=worth,
                curve=learning_curve,
                costs=cost_curves,
                examples=examples,
                seeds=seeds,
                jobs=jobs,
                say=lambda line: session.say(f"ikura: {line}"),
            )
            page = None
            if os.access(folder, os.W_OK):
                keep(study, findings)
                page = write_diagnosis(study, findings, folder / "diagnosis.html")
            else:
                session.say(f"ikura: {shown(folder)} is read-only: diagnosis.json and diagnosis.html are not written")
    if json:
        session.emit(json_module.dumps(findings.as_dict(), allow_nan=False, indent=1) + "\n")
    else:
        session.emit(_text(findings, shown(folder), None if page is None else shown(page)), styled=True)
    return 0


def _bare(
    session: Session,
    train_error: float | None,
    dev_error: float | None,
    shares: dict[str, float | None],
    examples: int | None,
    train_examples: int | None,
    json: bool,
) -> int:
    """Judge error rates, all of them per cent."""
    if train_error is None or dev_error is None:
        missing = "--train-error" if train_error is None else "--dev-error"
        raise UsageError(f"bias and variance take both errors; give {missing} too, in per cent")
    at_least("--examples", examples, 1)
    at_least("--train-examples", train_examples, 1)
    read = {name: one.in_percent if isinstance(one, Share) else one for name, one in shares.items()}
    for name, value in read.items():
        if value is not None and not (0 < value < 1 if name == "worth" else 0 <= value < 1):
            least = "above" if name == "worth" else "of at least"
            words = f"--{name.replace('_', '-')}"
            raise UsageError(f"{words} must be per cent {least} 0 and below 100, but got {100 * value:g}")
    checked_errors(read["bayes_error"], read["human_error"])
    with session.work():
        from ikura.diagnose.bare_error_rates import judge
        from ikura.diagnose.recipe import remedies

        found = judge(train_error, dev_error, **read, examples=examples, train_examples=train_examples)  # type: ignore[arg-type]
        against = remedies(found)
    if json:
        session.emit(json_module.dumps({"diagnosis": found.as_dict(), "remedies": against}, indent=1) + "\n")
        return 0
    lines = [_laid_out(_errors(found)), found.sentence]
    lines += [
        f"Against {name}: {', '.join(one.replace('-', ' ') for one in names)}." for name, names in against.items()
    ]
    session.emit("\n".join(lines) + "\n")
    return 0


def _laid_out(table: Any) -> str:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE, highlight=False, markup=False)
    with console.capture() as captured:
        console.print(table)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _text(findings: Findings, run: str, page: str | None) -> str:
    """Lay out the diagnosis: the errors, the gaps, what to do, the hardest examples, the curves."""
    from rich.padding import Padding
    from rich.text import Text

    from ikura.cli.terminal import CleanConsole

    one = findings.diagnosis
    console = CleanConsole(width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE)
    with console.capture() as captured:
        of = "the mean of its networks with other seeds" if one.networks > 1 else "one network"
        console.print(f"Diagnosis of {run}, trial {findings.trial}, {of}")
        console.print(_errors(findings.diagnosis))
        console.print(f"\n{one.sentence}")
        for note in findings.notes:
            console.print(f"Note: {note}")
        if findings.curve is not None:
            console.print(f"\n{findings.curve.sentence}")
        if rising := [cost.name for cost in findings.costs if not cost.falls]:
            console.print(f"The cost does not fall as it should ({', '.join(rising)}): try smaller learning rates.")
        if jumping := [f"{cost.name} ({cost.jumps})" for cost in findings.costs if cost.falls and cost.jumps]:
            console.print(f"The cost jumps up on its way down ({', '.join(jumping)}): a smaller rate is steadier.")
        console.print("\nWhat next")
        for place, todo in enumerate(findings.prescriptions, 1):
            against = "" if todo.against == "nothing" else f" (against {todo.against})"
            console.print(Text(f"{place}. {todo.name}{against}", style="bold"))
            expected = f"\nexpected: {todo.expected}" if todo.expected else ""
            console.print(Padding(Text(f"{todo.reason}{expected}"), (0, 0, 0, 3), expand=False))
            if todo.command:
                console.print(Text(f"   {todo.command}"), soft_wrap=True)
        if findings.mistakes is not None and findings.mistakes.hardest:
            console.print(f"\nDev examples with the highest loss{_wrong(findings)}")
            console.print(_hardest(findings))
        if page is not None:
            console.print(f"\nPage: {shlex.quote(page)}", soft_wrap=True)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _errors(one: Diagnosis) -> Any:
    from rich.table import Table
    from rich.text import Text

    from ikura.metric.estimate import percent

    table = Table.grid(padding=(0, 2))
    for _ in range(4):
        table.add_column(overflow="fold")

    def between(found: Any) -> str:
        return "exact" if found.low == found.high else f"{percent(found.low)} to {percent(found.high)}"

    def measured(rows: int) -> str:
        return f"{rows:,} rows" if rows else ""

    if one.optimal is not None:
        table.add_row("best achievable", percent(one.optimal.value), between(one.optimal), one.optimal_note)
    shown = [("training", one.train, measured(one.rows[0])), ("dev", one.dev, measured(one.rows[1]))]
    if one.reached is not None:
        shown.insert(1, ("reached training", one.reached, "when nothing stops training early"))
    if one.train_dev is not None:
        shown.insert(1, ("train-dev", one.train_dev, "like training, but not trained on"))
    for name, found, note in shown:
        table.add_row(f"{name} {one.measure}", percent(found.value), between(found), note)
    for gap in one.gaps:
        words = Text(": ".join(filter(None, (gap.verdict, gap.missing))), style=COLOURS[gap.verdict])
        table.add_row(gap.name, percent(gap.value), between(gap), words)
    return table


def _wrong(findings: Findings) -> str:
    found = findings.mistakes
    assert found is not None
    return f" ({found.wrong:,} of {found.of:,} are wrong)" if found.predictions["classes"] is not None else ""


def _hardest(findings: Findings) -> Any:
    from rich.table import Table

    from ikura.cli.result_summary import number

    assert findings.mistakes is not None
    table = Table.grid(padding=(0, 2))
    table.add_row("row", "loss", "true", "predicted", "")
    for one in findings.mistakes.hardest[:SHOWN]:
        values = ", ".join(f"{name} {value}" for name, value in list(one.values.items())[:4])
        table.add_row(str(one.row), number(one.loss), number(one.truth), number(one.answer), values)
    return table
