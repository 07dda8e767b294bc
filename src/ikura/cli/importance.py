"""`ikura importance`: which hyperparameters mattered."""

from __future__ import annotations

import json as json_module
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ikura.cli.option_helpers import Json, Quiet, Run, Store, Verbose, begin, one_of, study_named

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["importance"]

EXAMPLES = ("ikura importance runs/houses", "ikura importance runs/houses --among good --json")
METHODS = ("ped-anova", "fanova")
AMONG = ("all", "good")
BAR = 30


def importance(
    context: typer.Context,
    run: Run,
    method: Annotated[
        str,
        typer.Option(metavar="NAME", help=f"How it is measured: {', '.join(METHODS)} (slower, for random search)."),
    ] = "ped-anova",
    among: Annotated[
        str,
        typer.Option(metavar="WHICH", help=f"Among which trials: {', '.join(AMONG)} ones only."),
    ] = "all",
    store: Store = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Show how much each hyperparameter of a run decides about the dev score, and where the space is too narrow."""
    session = begin(context, quiet, verbose)
    where = study_named(run, store)
    one_of("--method", method, METHODS)
    one_of("--among", among, AMONG)
    with session.work():
        import ikura

        study = ikura.open_study(**where)
        table = study.importance(method, among)
        borders = study.borders
    if json:
        from ikura.json_values import jsonable

        found = {"method": method, "among": among, "note": table.attrs["note"], "importance": table.to_dict("records")}
        session.emit(
            json_module.dumps(jsonable(found | {"borders": [vars(border) for border in borders]}), indent=2) + "\n"
        )
    else:
        lines = [*_bars(table), table.attrs["note"], *(border.sentence for border in borders)]
        session.emit("".join(f"{line}\n" for line in lines))
    return 0


def _bars(table: DataFrame) -> list[str]:
    rows: list[Any] = list(table.itertuples())
    width = max((len(one.hyperparameter) for one in rows), default=0)
    longest = max((one.importance for one in rows), default=0.0) or 1.0
    lines = []
    for one in rows:
        share = one.importance
        unsure = f"  no more than chance, which reaches {100 * one.chance:.1f} %" if share <= one.chance else ""
        bar = "█" * round(BAR * share / longest)
        lines.append(f"{one.hyperparameter:<{width}}  {100 * share:5.1f} %  {bar}{unsure}")
    return lines
