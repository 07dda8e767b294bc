"""`ikura tune`: from a table or images to a tuned, tested model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ikura import __version__
from ikura.cli.asking import ask_in_terminal, need_terminal
from ikura.cli.data_options import (
    BUNDLED,
    IMAGE_SETS,
    Broken,
    Group,
    ImageSize,
    Kind,
    Target,
    Task,
    Time,
    checked_kinds,
)
from ikura.cli.diagnose import share
from ikura.cli.duration import parse_duration
from ikura.cli.options import Json, Quiet, Verbose, at_least, begin, existing_run, one_of, whole
from ikura.errors import UsageError

if TYPE_CHECKING:
    from ikura.space import Space

__all__ = ["tune"]

DEVICES = ("auto", "cpu", "cuda")
FREEZE = ("auto", "all", "most", "none")
DTYPES = ("float32", "float64")
NETWORKS = (
    "mlp", "cnn", "f1", "c1", "c3", "vgg16", "resnet20", "resnet32", "resnet44", "resnet56", "wrn16-4",
    "alexnet",
)  # fmt: skip
OBJECTIVES = ("parameters", "inference_seconds", "training_seconds")
METRICS = ("accuracy", "balanced_accuracy", "log_loss", "f1", "roc_auc", "r2", "rmse", "mae")
SCHEDULES = ("early-stopping", "none", "successive-halving", "hyperband", "asha", "pbt", "racing")
SEARCHES = ("coarse-to-fine", "random", "halton", "sobol", "grid", "tpe", "gp", "cma-es")
EXAMPLES = (
    "ikura tune penguins.csv --target species",
    "ikura tune houses.parquet --target price --trials 256 --time-limit 10m --out runs/houses",
    "ikura tune digits --trials 64 --epochs 30 --json > study.json",
    "ikura tune photos/ --image-size 64 --broken skip",
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
    trials: Annotated[
        int | None,
        typer.Option(
            parser=whole,
            metavar="N",
            help="How many configurations to try; by default 128, with --auto and --time-limit as many as fit.",
            rich_help_panel="Budget",
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            parser=whole,
            metavar="E",
            help="How many epochs a trial trains at most; by default 100, and 15 for the network cnn.",
            rich_help_panel="Budget",
            show_default=False,
        ),
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Stop searching after this time, such as 90s, 10m or 1.5h, and finish with the best so far.",
            rich_help_panel="Budget",
        ),
    ] = None,
    finalists: Annotated[
        int | None,
        typer.Option(
            parser=whole,
            metavar="N",
            help="How many of the best configurations are trained again with other seeds before one is chosen; by "
            "default 4, and 1 for the network cnn.",
            rich_help_panel="Budget",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Worker processes; by default as many as help.",
            rich_help_panel="Budget",
            show_default=False,
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help=f"Where to train: {', '.join(DEVICES)}.", rich_help_panel="Budget")
    ] = "auto",
    dtype: Annotated[
        str,
        typer.Option(
            metavar="DTYPE", help=f"Precision of the networks: {', '.join(DTYPES)}.", rich_help_panel="Budget"
        ),
    ] = "float32",
    network: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"What to train: {', '.join(NETWORKS)}; by default cnn for images and mlp for tables.",
            rich_help_panel="Search",
        ),
    ] = None,
    pretrained: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="Start from the network of an earlier run, with a new last layer.",
            rich_help_panel="Search",
        ),
    ] = None,
    freeze: Annotated[
        str,
        typer.Option(
            metavar="PART",
            help=f"What of a pretrained network stays as it is: {', '.join(FREEZE)}; auto tries each, on few rows.",
            rich_help_panel="Search",
        ),
    ] = "auto",
    search: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help=f"How configurations are proposed: {', '.join(SEARCHES)}.",
            rich_help_panel="Search",
        ),
    ] = "coarse-to-fine",
    schedule: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help=f"Who trains on after a while: {', '.join(SCHEDULES)}; none trains everybody to the end.",
            rich_help_panel="Search",
        ),
    ] = "early-stopping",
    prior: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Begin the search with what an earlier run found; also the storage of an Optuna study by its URL, "
            "such as sqlite:///optuna.db.",
            rich_help_panel="Search",
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help=f"What makes a trial good: {', '.join(METRICS)}; by default accuracy for classes, r2 for regression.",
            rich_help_panel="Search",
        ),
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"What else a network should have little of: {', '.join(OBJECTIVES)}; repeatable.",
            rich_help_panel="Search",
        ),
    ] = None,
    prefer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Choose the network with the least of this objective among those nearly as good as the best.",
            rich_help_panel="Search",
        ),
    ] = None,
    within: Annotated[
        float | None,
        typer.Option(
            metavar="MARGIN",
            help="How much worse a dev score --prefer allows; by default one standard error of the best.",
            rich_help_panel="Search",
            show_default=False,
        ),
    ] = None,
    max_parameters: Annotated[
        int | None,
        typer.Option(
            parser=whole,
            metavar="N",
            help="Larger networks are infeasible: they are recorded and never trained.",
            rich_help_panel="Search",
            show_default=False,
        ),
    ] = None,
    auto: Annotated[
        bool,
        typer.Option(
            "--auto",
            help="After the search say what is wrong, bias or variance, change the space or the epochs accordingly and "
            "search again, until neither is worth more effort or the budget is spent.",
            rich_help_panel="Autopilot",
        ),
    ] = False,
    ask: Annotated[
        bool,
        typer.Option(
            "--ask",
            help="With --auto: ask before each further search; it can be accepted or skipped, or the search ended.",
            rich_help_panel="Autopilot",
        ),
    ] = False,
    bayes_error: Annotated[
        float | None,
        typer.Option(
            parser=share,
            metavar="SHARE",
            help="With --auto: the best achievable error, such as 0.01 or 1%; estimated if nobody knows it.",
            rich_help_panel="Autopilot",
            show_default=False,
        ),
    ] = None,
    human_error: Annotated[
        float | None,
        typer.Option(
            parser=share,
            metavar="SHARE",
            help="With --auto: the error of people, which stands for the best achievable one.",
            rich_help_panel="Autopilot",
            show_default=False,
        ),
    ] = None,
    space: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            help="A search space of your own instead of the one chosen by the number of trials.",
            rich_help_panel="Search",
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(parser=whole, metavar="S", help="The same seed gives the same study.", rich_help_panel="Search"),
    ] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="The run folder to write; by default a new one under runs/.", rich_help_panel="Output"
        ),
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
    for option, number, least in (
        ("--trials", trials, 1),
        ("--epochs", epochs, 1),
        ("--finalists", finalists, 0),
        ("--jobs", jobs, 1),
        ("--seed", seed, 0),
        ("--max-parameters", max_parameters, 1),
        ("--within", within, 0),
    ):
        at_least(option, number, least)
    one_of("--device", device, DEVICES)
    if network is not None:
        one_of("--network", network, NETWORKS)
    one_of("--freeze", freeze, FREEZE)
    if pretrained is not None and network is not None:
        raise UsageError("--pretrained brings its network along; leave --network out")
    one_of("--dtype", dtype, DTYPES)
    seconds = None if time_limit is None else parse_duration(time_limit)
    chosen_kinds = checked_kinds(task, broken, image_size, kind)
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
    for option, error in (("--bayes-error", bayes_error), ("--human-error", human_error)):
        if error is not None and not auto:
            raise UsageError(f"{option} is for the diagnoses of --auto; give --auto too")
    _check_names(search, schedule, metric)
    _check_data(data)
    if prior is not None and "://" not in prior:
        existing_run(prior)
    opened = None if space is None else _open_space(space, network if pretrained is None else "pretrained")
    session.run = out

    session.say(f"ikura {__version__}: reading {data}")
    from ikura.cli.outcome import present
    from ikura.cli.progress import progress_for

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
            prior=None if prior is None else ikura.from_optuna(prior) if "://" in prior else ikura.open_study(prior),
            auto=auto,
            ask=ask_in_terminal(session, progress.pause) if ask else None,
            bayes_error=bayes_error,
            human_error=human_error,
            progress=progress,
        )
    return present(study, session, json)


def _check_names(search: str, schedule: str, metric: str | None) -> None:
    """Refuse unknown names; the rooms are asked only about those that do not come with ikura."""
    if search not in SEARCHES:
        from ikura.search import PROPOSERS

        one_of("--search", search, PROPOSERS)
    if schedule not in SCHEDULES:
        from ikura.search.schedule import SCHEDULES as REGISTERED_SCHEDULES

        one_of("--schedule", schedule, REGISTERED_SCHEDULES)
    if metric is not None and metric not in METRICS:
        from ikura.metric import METRICS as REGISTERED_METRICS

        one_of("--metric", metric, REGISTERED_METRICS)


def _check_data(data: str) -> None:
    """Let the reader refuse a file that is not there before anything slow begins."""
    if data in IMAGE_SETS and not Path(data).exists():
        from ikura.data.images import find_image_set

        find_image_set(data)
    elif data not in BUNDLED and not Path(data).exists():
        from ikura.data.source import open_source

        open_source(data)


def _open_space(path: Path, network: str | None) -> Space:
    from ikura.errors import SpaceError
    from ikura.space.toml import load_space
    from ikura.study.opening import check_space

    space = load_space(path)
    errors = []
    for name in ("mlp", "cnn") if network is None else (network,):
        try:
            check_space(space, name)
        except SpaceError as error:
            errors.append(error)
        else:
            return space
    raise SpaceError(f"{path}: {errors[0]}")
