"""`ikura tune`: from a table or images to a tuned, tested model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ikura.cli.budget_options import (
    DEVICES,
    DTYPES,
    Device,
    Dtype,
    Epochs,
    Finalists,
    Jobs,
    TimeLimit,
    Trials,
)
from ikura.cli.confirm import ask_in_terminal, need_terminal
from ikura.cli.data_options import (
    BUNDLED,
    IMAGE_SETS,
    LAYOUTS,
    Broken,
    Channels,
    Dates,
    Decimal,
    Dev,
    Group,
    ImageSize,
    Kind,
    Missing,
    Positive,
    Target,
    Task,
    Test,
    Time,
    checked_kinds,
    checked_writing,
)
from ikura.cli.duration import parse_duration
from ikura.cli.error_options import AutoBayesError, AutoHumanError, checked_errors
from ikura.cli.lookup import check_data, check_names, open_space
from ikura.cli.options import Json, Quiet, Verbose, a_place, at_least, begin, existing_run, one_of, option
from ikura.cli.search_options import (
    FREEZE,
    NETWORKS,
    OBJECTIVES,
    Freeze,
    MaxParameters,
    MetricName,
    Network,
    Objective,
    Prefer,
    Pretrained,
    Prior,
    Schedule,
    Search,
    Seed,
    SpaceFile,
    Within,
)
from ikura.errors import UsageError
from ikura.version import __version__

__all__ = ["tune"]

Auto = Annotated[
    bool,
    typer.Option(
        "--auto",
        help="After the search say what is wrong, bias or variance, change the space or the epochs accordingly and "
        "search again, until neither is worth more effort or the budget is spent.",
        rich_help_panel="Autopilot",
    ),
]
Ask = Annotated[
    bool,
    typer.Option(
        "--ask",
        help="With --auto: ask before each further search; it can be accepted or skipped, or the search ended.",
        rich_help_panel="Autopilot",
    ),
]
EXAMPLES = (
    "ikura tune penguins.csv --target species",
    "ikura tune houses.parquet --target price --trials 256 --time-limit 10m --out runs/houses",
    "ikura tune digits --trials 64 --epochs 30 --json > study.json",
    "ikura tune photos/ --image-size 64 --broken skip",
    "ikura tune penguins.csv --target sex --test new.csv --metric f1 --positive male",
    "ikura tune houses.parquet --target price --auto --time-limit 10m",
    "ikura tune wine --objective parameters --prefer parameters --within 0.01",
)


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
    task: Task = "auto",
    kind: Kind = None,
    group: Group = None,
    time: Time = None,
    image_size: ImageSize = None,
    broken: Broken = "refuse",
    channels: Channels = None,
    dev: Dev = None,
    test: Test = None,
    positive: Positive = None,
    missing: Missing = None,
    decimal: Decimal = None,
    dates: Dates = None,
    trials: Trials = None,
    epochs: Epochs = None,
    time_limit: TimeLimit = None,
    finalists: Finalists = None,
    jobs: Jobs = None,
    device: Device = "auto",
    dtype: Dtype = "float32",
    network: Network = None,
    pretrained: Pretrained = None,
    freeze: Freeze = "auto",
    search: Search = "coarse-to-fine",
    schedule: Schedule = "early-stopping",
    prior: Prior = None,
    metric: MetricName = None,
    objective: Objective = None,
    prefer: Prefer = None,
    within: Within = None,
    max_parameters: MaxParameters = None,
    auto: Auto = False,
    ask: Ask = False,
    bayes_error: AutoBayesError = None,
    human_error: AutoHumanError = None,
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
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Search for good hyperparameters on a table or on images, and keep the best network.

    Progress goes to stderr, the result to stdout.
    The run folder keeps the model, the report and what `ikura resume` needs.
    """
    session = begin(context, quiet, verbose)
    for words, number, least in (
        ("--trials", trials, 1),
        ("--epochs", epochs, 1),
        ("--finalists", finalists, 0),
        ("--jobs", jobs, 1),
        ("--seed", seed, 0),
        ("--max-parameters", max_parameters, 1),
        ("--within", within, 0),
    ):
        at_least(words, number, least)
    one_of("--device", device, DEVICES)
    if network is not None:
        one_of("--network", network, NETWORKS)
    one_of("--freeze", freeze, FREEZE)
    if freeze != "auto" and pretrained is None:
        raise UsageError("--freeze goes with --pretrained, which says what to begin with")
    if pretrained is not None and network is not None:
        raise UsageError("--pretrained brings its network along; leave --network out")
    one_of("--dtype", dtype, DTYPES)
    seconds = None if time_limit is None else parse_duration(time_limit)
    chosen_kinds = checked_kinds(task, broken, image_size, kind)
    if channels is not None:
        one_of("--channels", channels, LAYOUTS)
    checked_writing(decimal, dates)
    for name in objective or []:
        one_of("--objective", name, OBJECTIVES)
    if prefer is not None:
        one_of("--prefer", prefer, OBJECTIVES)
    elif within is not None:
        raise UsageError("--within is the margin of --prefer; give both")
    if ask:
        if not auto:
            raise UsageError("--ask asks before the searches that --auto adds; give --auto too")
        need_terminal("--ask")
    for words, error in (("--bayes-error", bayes_error), ("--human-error", human_error)):
        if error is not None and not auto:
            raise UsageError(f"{words} is for the diagnoses of --auto; give --auto too")
    checked_errors(bayes_error, human_error)
    check_names(search, schedule, metric)
    for place in (data, dev, test):
        if place is not None:
            check_data(place)
    if prior is not None and "://" not in prior:
        existing_run(prior)
    opened = None if space is None else open_space(space, network if pretrained is None else "pretrained")
    session.run = out

    session.say(f"ikura {__version__}: reading {data}")
    from ikura.cli.print_result import present
    from ikura.cli.progress_display import progress_for

    with session.work(), progress_for(session) as progress:
        import ikura

        study = ikura.tune(
            data,
            target,
            task=task,
            network=network if pretrained is None else ikura.pretrained(pretrained, freeze),
            space=opened,
            trials=trials,
            epochs=epochs,
            time_limit=seconds,
            search=search,
            schedule=schedule,
            finalists=finalists,
            metric=metric,
            objectives=list(dict.fromkeys(objective)) if objective else None,
            prefer=prefer,
            within=within,
            max_parameters=max_parameters,
            seed=seed,
            jobs=jobs,
            device=device,
            dtype=dtype,
            out=out,
            group=group,
            time=time,
            kinds=chosen_kinds,
            image_size=image_size,
            broken=broken,
            channels=channels,
            dev=dev,
            test=test,
            positive=positive,
            missing=missing or None,
            decimal=decimal,
            dates=dates,
            prior=None if prior is None else ikura.from_optuna(prior) if "://" in prior else ikura.open_study(prior),
            auto=auto,
            ask=ask_in_terminal(session, progress.pause) if ask else None,
            bayes_error=bayes_error,
            human_error=human_error,
            checks=checks,
            progress=progress,
        )
    return present(study, session, json)
