"""`ikura tune`: from a table or images to a tuned, tested model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ikura.built_in import BUNDLED, IMAGE_SETS
from ikura.cli.autopilot_options import AutopilotArguments
from ikura.cli.budget_options import BudgetArguments
from ikura.cli.confirm import ask_in_terminal
from ikura.cli.data_options import DataArguments, Target, one_or_several
from ikura.cli.lookup import check_data, check_names, open_space
from ikura.cli.option_helpers import (
    Json,
    Quiet,
    ReportScript,
    Verbose,
    a_place,
    at_least,
    begin,
    existing_run,
    one_of,
    option,
    with_options,
)
from ikura.cli.search_options import SearchArguments, Seed, SpaceFile
from ikura.page.chart_script import CHART_SCRIPTS
from ikura.population.early_compilation import begin_compiling
from ikura.version import __version__

__all__ = ["tune"]

EXAMPLES = (
    "ikura tune penguins.csv --target species",
    "ikura tune houses.parquet --target price --trials 256 --time-limit 10m --out runs/houses",
    "ikura tune digits --trials 64 --epochs 30 --json > study.json",
    "ikura tune photos/ --image-size 64 --broken skip",
    "ikura tune penguins.csv --target sex --test new.csv --metric f1 --positive male",
    "ikura tune houses.parquet --target price,rent --trials 64",
    "ikura tune houses.parquet --target price --auto --time-limit 10m",
    "ikura tune digits --store postgresql://ada@db.example.org/studies --name digits-1",
    "ikura tune houses.parquet --target price --engine ray --address auto",
    "ikura tune digits --report-script shared",
    "ikura tune wine --objective parameters --prefer parameters --within 0.01",
)


@with_options
def tune(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A table: .csv (also .csv.gz), .tsv or .parquet. Images: a folder with one for each class (within "
            "train, dev and test if you like), a folder of MNIST's or CIFAR's files, or .npz with x and y. "
            f"Or a name: {', '.join((*BUNDLED, *IMAGE_SETS))}.",
        ),
    ],
    target: Target = None,
    *,
    reading: DataArguments,
    budget: BudgetArguments,
    searching: SearchArguments,
    autopilot: AutopilotArguments,
    space: SpaceFile = None,
    seed: Seed = 0,
    checks: Annotated[
        bool,
        typer.Option(
            "--checks/--no-checks",
            help="Make the quick checks of data and network before training.",
            rich_help_panel="Data",
        ),
    ] = True,
    out: Annotated[
        Path | None,
        option("DIR", "The run folder to write; by default a new one under runs/.", "Output", a_place),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Replace a run that the folder holds.", rich_help_panel="Output"),
    ] = False,
    store: Annotated[
        str | None,
        option(
            "URL",
            "Record the study in a PostgreSQL database, postgresql://USER@HOST/DATABASE, where others can watch it; "
            "by default in the run folder.",
            "Output",
        ),
    ] = None,
    name: Annotated[
        str | None,
        option("NAME", "What the study is called in that database; by default as the run folder.", "Output"),
    ] = None,
    report_script: ReportScript = "inline",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Search for good hyperparameters on a table or on images, and keep the best network.

    Progress goes to stderr, the result to stdout, as soon as there is one; the report is written after that.
    The run folder keeps the model, the report and what `ikura resume` needs.
    """
    session = begin(context, quiet, verbose)
    at_least("--seed", seed, 0)
    one_of("--report-script", report_script, CHART_SCRIPTS)
    searching.check()
    given = {**reading.arguments(), **budget.arguments(), **autopilot.arguments()}
    check_names(searching.search, searching.schedule, searching.metric, searching.loss)
    for place in (data, reading.dev, reading.test):
        if place is not None:
            check_data(place)
    if searching.prior is not None and "://" not in searching.prior:
        existing_run(searching.prior)
    network = searching.network if searching.pretrained is None else "pretrained"
    opened = None if space is None else open_space(space, network)
    session.run = out

    session.say(f"ikura {__version__}: reading {data}")
    if network in (None, "mlp") and searching.loss is None and _is_table(data) and _on_cpu(budget.device):
        begin_compiling(budget.dtype)
    from ikura.cli.print_result import present
    from ikura.cli.progress_display import progress_for

    with session.work(), progress_for(session) as progress:
        import ikura

        progress.show = lambda study: present(study, session, json)
        study = ikura.tune(
            data,
            one_or_several(target),
            space=opened,
            seed=seed,
            out=out,
            overwrite=overwrite,
            store=store,
            name=name,
            report_script=report_script,
            ask=ask_in_terminal(session, progress.pause) if autopilot.ask else None,
            checks=checks,
            progress=progress,
            **given,
            **searching.arguments(),
        )
    return progress.code(study)


def _is_table(data: str) -> bool:
    return data in BUNDLED or (Path(data).is_file() and Path(data).suffix.lower() != ".npz")


def _on_cpu(device: str) -> bool:
    """Whether that is sure before torch is asked: no driver of a GPU is there."""
    return device == "cpu" or (device == "auto" and not Path("/dev/nvidiactl").exists())
