"""`ikura measure`: noise scale, distance and potential of a trial, trained again."""

from __future__ import annotations

import json as json_module
import math
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ikura.cli.exit_code import ExitCode
from ikura.cli.option_helpers import (
    Json,
    Quiet,
    Run,
    Store,
    Verbose,
    a_place,
    at_least,
    begin,
    folder_made_for,
    option,
    whole,
)  # fmt: skip
from ikura.cli.terminal import aligned
from ikura.errors import UsageError
from ikura.files import shown

if TYPE_CHECKING:
    from ikura.large_batch.measure_result import Measures

__all__ = ["measure"]

EXAMPLES = ("ikura measure runs/houses", "ikura measure runs/houses --trial 7 --points 20 --json")
INTERRUPTED = "interrupted; nothing was kept, and the run is as it was"


def measure(
    context: typer.Context,
    run: Run,
    trial: Annotated[
        int | None,
        option("N", "The trial to measure; by default the one whose network is the run's model.", parser=whole),
    ] = None,
    points: Annotated[
        int,
        option(
            "K", "At how many moments to measure the noise scale, spread geometrically over the epochs.", parser=whole
        ),
    ] = 12,
    network: Annotated[
        str | None,
        option("MODULE:FACTORY", "The function that makes your network, if the run trained one of your own."),
    ] = None,
    jobs: Annotated[
        int | None, option("N", "Processes that measure at once; by default one for each core.", parser=whole)
    ] = None,
    out: Annotated[
        Path | None,
        option(
            "DIR",
            "Folder for report.html and measures.json; by default measure in the run folder.",
            parser=a_place,
            names=("--out", "-o"),
        ),
    ] = None,
    store: Store = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Train one trial again as it was and measure which batch size its gradients suggest, and how its weights travel.

    Noise scale (McCandlish 2018), distance from the initial weights with the law that it follows, and the random
    potential around them (Hoffer 2017). The run is not changed and the test set is not looked at. Where its folder is
    on another machine (--store), a run folder is made here.
    """
    session = begin(context, quiet, verbose)
    at_least("--points", points, 2)
    at_least("--jobs", jobs, 1)
    from ikura.cli.progress_display import progress_for

    try:
        with session.work(), ExitStack() as held, progress_for(session) as progress:
            folder = folder_made_for(run, store, session, held)
            from ikura.large_batch.measure import measure as measured
            from ikura.study.record.record import copied

            factory = None
            if network is not None:
                from ikura.checks.make_subject import find_factory

                factory = find_factory(network)
            with copied(folder, factory) as record:
                if factory is None and record.setting.custom and record.setting.plugin_network is None:
                    raise UsageError(f"{run}: the networks are your own; name their factory: --network MODULE:FACTORY")
                found = measured(record, trial, points=points, jobs=jobs, out=out, progress=progress)
    except KeyboardInterrupt:
        session.complain(f"ikura: {INTERRUPTED}")
        return ExitCode.INTERRUPTED
    if json:
        from ikura.json_values import jsonable

        session.emit(json_module.dumps(jsonable(found.to_json()), allow_nan=False, indent=2) + "\n")
    else:
        session.emit(_text(found))
    return ExitCode.DONE


def _text(found: Measures) -> str:
    from ikura.large_batch.distance import LAWS

    whose = ", the run's model" if found.winner else ""
    epochs = f"{found.epochs:,} epoch{'s' * (found.epochs != 1)}"
    title = f"Trial {found.trial}{whose}: mini-batches of {found.batch_size:,}, {epochs}"
    noise = [["epoch", "updates", "noise scale", "95 % interval", "suggested batch"]]
    for one in found.moments:
        scale = one.scale
        batch = f"{scale.batch_size:,}" if scale.batch_size else "-"
        noise.append(
            [
                f"{one.epoch:,}",
                f"{one.updates:,}",
                _short(scale.value),
                f"{_short(scale.low)} to {_short(scale.high)}",
                batch,
            ]
        )
    laws = [["", "distance", *LAWS.values(), "law"]]
    for name, growth in {"all weights": found.growth, **found.layers}.items():
        errors = [f"{100 * growth.fits[law].error:.2g} %" if growth.fits else "-" for law in LAWS]
        laws.append([name, _short(growth.distance), *errors, growth.verdict])
    lines = [
        title,
        *found.notes,
        "",
        f"Gradient noise scale, of {found.examples[0]:,} training examples",
        *aligned(noise),
        "",
        "Distance from the initial weights: error of each law in predicting its last third",
        *aligned(laws, words=(0, -1)),
        "",
        *_alpha(found),
        "",
        f"report: {shown(found.report)}",
    ]
    return "\n".join(lines) + "\n"


def _alpha(found: Measures) -> list[str]:
    walked = found.potential
    potential = f"{walked.alpha:.2f} ({walked.low:.2f} to {walked.high:.2f})" if walked else "-"
    growth = "-" if found.growth.alpha is None else f"{found.growth.alpha:.2f}"
    return [f"α of the random potential: {potential}", f"α by growth of the distance: {growth}"]


def _short(value: float) -> str:
    """Write a number in three digits; without end where it is infinite.

    Example:
        >>> _short(1234.5), _short(0.01234), _short(math.inf), _short(math.nan)
        ('1,234', '0.0123', 'no end', '-')
    """
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "no end"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
