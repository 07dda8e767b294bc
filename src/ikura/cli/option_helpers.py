"""What the commands' options have in common: shared options, and checks that need no heavy import."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from ikura.cli.session import Session
from ikura.errors import RunError, UsageError, nearest
from ikura.files import check_target, named, shown
from ikura.wording import shortened

if TYPE_CHECKING:
    from ikura.study.record.address import Address

__all__ = [
    "Json",
    "Quiet",
    "ReportScript",
    "Run",
    "Store",
    "Verbose",
    "a_file",
    "a_place",
    "at_least",
    "begin",
    "epilogue",
    "escaped",
    "existing_run",
    "folder_made_for",
    "folder_of",
    "kinds",
    "one_of",
    "option",
    "study_at",
    "study_named",
    "whole",
    "with_options",
]

MOST_OF_A_NUMBER = 10**18
MARKUP = re.compile(r"\[(?=[a-z#/@][^\[]*?\])")

Run = Annotated[str, typer.Argument(metavar="RUN", help="The run folder that `ikura tune` wrote.")]
Store = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="The PostgreSQL database that the study is recorded in; RUN is its name there then, not a folder.",
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout and nothing else.", rich_help_panel="Output")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print nothing on stderr but errors.", rich_help_panel="Output")
]
ReportScript = Annotated[
    str,
    typer.Option(
        metavar="WHERE",
        help="Where the report has the script that draws its charts, 4.6 MB: inline in the page, shared in one file "
        "beside the run folders, or none; then words stand in the place of charts.",
        rich_help_panel="Output",
    ),
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose",
        "-v",
        help="Print log lines on stderr too, and the traceback of an error.",
        rich_help_panel="Output",
    ),
]


def option(
    metavar: str,
    help: str,
    panel: str | None = None,
    parser: Callable[[str], Any] | None = None,
    names: Sequence[str] = (),
) -> Any:
    """Describe an option that takes a value.

    Args:
        metavar: what stands for the value in the help.
        help: what it means, a sentence.
        panel: heading of the help that it stands under.
        parser: reads the value.
        names: what it is called, by default as the argument.
    """
    return typer.Option(*names, parser=parser, metavar=metavar, help=help, rich_help_panel=panel)


def with_options(command: Callable[..., int]) -> Callable[..., int]:
    """Let a command take the fields of the dataclasses among its parameters as options of their own.

    Args:
        command: its parameters that are dataclasses are given by keyword; their fields are annotated as options.

    Returns:
        The command as the parser sees it.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)}
    parameters: list[Parameter] = []
    for one in signature(command).parameters.values():
        if one.name not in groups:
            parameters.append(one.replace(annotation=hints[one.name]))
            continue
        annotations = get_type_hints(groups[one.name], include_extras=True)
        for held in fields(groups[one.name]):
            annotation = annotations[held.name]
            parameters.append(Parameter(held.name, one.kind, default=held.default, annotation=annotation))

    @wraps(command)
    def parsed(*arguments: Any, **given: Any) -> int:
        for name, group in groups.items():
            given[name] = group(**{one.name: given.pop(one.name) for one in fields(group)})
        return command(*arguments, **given)

    vars(parsed)["__signature__"] = signature(command).replace(parameters=parameters)
    return parsed


def begin(context: typer.Context, quiet: bool, verbose: bool) -> Session:
    """Take up the session of this invocation.

    Args:
        context: the parser's context, which carries the session.
        quiet: whether `-q` was given.
        verbose: whether `-v` was given.

    Returns:
        The session.

    Raises:
        UsageError: both were given.
    """
    if quiet and verbose:
        raise UsageError("-q and -v exclude each other, give one of them")
    session = context.obj if isinstance(context.obj, Session) else Session()
    session.quiet, session.verbose = quiet, verbose
    return session


def epilogue(lines: Sequence[str]) -> str:
    """Lay out the examples that end a command's help, one paragraph each."""
    return "\n\n".join([f"Example{'s' if len(lines) > 1 else ''}:", *lines])


def escaped(text: str) -> str:
    r"""Mark words in brackets, which Rich would take for its markup and leave out, as text.

    Example:
        >>> print(escaped("budget [trials=N] [TRIAL]"))
        budget \[trials=N] [TRIAL]
    """
    return MARKUP.sub(r"\\[", text)


def a_file(text: str | Path) -> Path:
    """Take the name of a file to write.

    Raises:
        UsageError: it can be none, or is a folder's.
    """
    return check_target(text)


def a_place(text: str | Path) -> Path:
    """Take the name of a folder, or of a file that is read.

    Raises:
        UsageError: it can be none.
    """
    return named(text, "the name of the file or folder")


def whole(text: str | int) -> int:
    """Read a whole number.

    Raises:
        typer.BadParameter: it is not one, or has more than 18 digits.

    Example:
        >>> whole("64")
        64
    """
    try:
        number = int(text)
    except ValueError:
        raise typer.BadParameter(f"a whole number is needed, but got {shortened(str(text))}") from None
    if abs(number) >= MOST_OF_A_NUMBER:
        raise typer.BadParameter(f"{shortened(str(text))} is too large, a number has at most 18 digits")
    return number


def at_least(option: str, value: Any, least: int) -> None:
    """Refuse a number that is too small, or has no end.

    Raises:
        UsageError: `value` is given and below `least`, or infinite.

    Example:
        >>> at_least("--trials", 0, 1)
        Traceback (most recent call last):
        ikura.errors.UsageError: --trials must be at least 1, but got 0
    """
    if value is not None and not value >= least:
        raise UsageError(f"{option} must be at least {least}, but got {value}")
    if value == math.inf:
        raise UsageError(f"{option} must be a finite number, but got {value}")


def one_of(option: str, value: str, known: Collection[str]) -> None:
    """Refuse a name that does not exist.

    Raises:
        UsageError: `value` is not in `known`.

    Example:
        >>> one_of("--task", "regresion", ["binary", "regression"])
        Traceback (most recent call last):
        ikura.errors.UsageError: --task must be one of binary, ... but got 'regresion', did you mean 'regression'?
    """
    if value not in known:
        names = list(known)
        raise UsageError(f"{option} must be one of {', '.join(names)}, but got {value!r}{nearest(value, names)}")


def kinds(pairs: Iterable[str]) -> dict[str, str] | None:
    """Read `COLUMN=KIND` pairs; the last equals sign separates.

    Args:
        pairs: what was given, in order.

    Returns:
        Column to kind, or None when nothing was given.

    Raises:
        UsageError: an equals sign, a column or a kind is missing, or a column has two kinds.

    Example:
        >>> kinds(["year=category", "a=b=numeric"])
        {'year': 'category', 'a=b': 'numeric'}
    """
    chosen: dict[str, str] = {}
    for pair in pairs:
        column, _, kind = pair.rpartition("=")
        if not column or not kind:
            raise UsageError(f"--kind takes COLUMN=KIND, such as year=category, but got {pair!r}")
        if chosen.setdefault(column, kind) != kind:
            raise UsageError(f"--kind gives column {column!r} two kinds, {chosen[column]} and {kind}")
    return chosen or None


def existing_run(run: str) -> Path:
    """Look whether there is such a run folder, before anything heavy is imported.

    Args:
        run: the folder as given.

    Returns:
        It as a path.

    Raises:
        RunError: there is no such folder.
    """
    path = named(run, "the run folder")
    if path.is_dir():
        return path
    if path.exists():
        raise RunError(f"{run} is not a run folder but a file")
    folder = path.parent
    siblings: list[str] = []
    with suppress(OSError):
        siblings = [entry.name for entry in folder.iterdir() if entry.is_dir()]
    raise RunError(f"no such run folder: {run}{nearest(path.name, siblings)}")


def study_named(run: str, store: str | None) -> dict[str, Any]:
    """What `ikura.open_study` is given of a study that a command names, as for `study_at`."""
    return {"run": existing_run(run)} if store is None else {"store": store, "name": run}


def study_at(run: str, store: str | None) -> Path | Address:
    """Find the study that a command names.

    Args:
        run: a run folder; the study's name, where a database is given.
        store: the URL of the database.

    Returns:
        Its run folder; or its address, where it is known by its name and its folder is not on this machine.

    Raises:
        RunError: there is no such folder, or no such study.
    """
    if store is None:
        return existing_run(run)
    from ikura.study.store_folder import study_place

    return study_place(store, run)


def folder_made_for(run: str, store: str | None, session: Session, held: ExitStack) -> Path:
    """Find the run folder of a study that a command names; make one for networks that train again where there is none.

    Args:
        run, store: as for `study_at`.
        session: is told of a folder that is made.
        held: while it is open, a folder that was made is removed again if nothing was written into it.

    Raises:
        RunError: the data are not here, or are others; or the study has chosen no network yet.
    """
    place = study_at(run, store)
    if isinstance(place, Path):
        return place
    from ikura.study.store_folder import folder_made

    folder = held.enter_context(folder_made(place))
    session.say(f"ikura: its run folder is not here; made {shown(folder)}, in which networks train again")
    return folder


def folder_of(run: str, store: str | None, needs: str) -> Path:
    """Find the run folder of the study that a command names, as `study_at`.

    Args:
        run, store: as for `study_at`.
        needs: what of the folder is needed, for the message.

    Raises:
        RunError: there is none on this machine.
    """
    place = study_at(run, store)
    if isinstance(place, Path):
        return place
    from ikura.study.record.record import copied

    with copied(place) as record:
        return record.folder_with(f"{needs} of the run folder")
