"""Opening a study: checking what the caller asked for, before anything is written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from shlex import quote
from typing import Any

from filelock import FileLock, Timeout

from ikura.data import BUNDLED, Dataset
from ikura.data.images import IMAGE_SETS, is_image_data
from ikura.errors import RunError, SpaceError, StorageError, UsageError
from ikura.files import held, named, shown, sweep_partial
from ikura.metric import default_metric, metric
from ikura.nn.augmentation import AUGMENTATIONS, check_strength
from ikura.population.member import check_value
from ikura.search import proposer, schedule
from ikura.space import DEFAULTS, Space, check_feasible, default_space, fixed, image_space, layer_of, log
from ikura.space.effective import effective
from ikura.space.effects import Place
from ikura.space.limits import BOUNDS, WHOLE
from ikura.space.strength import too_strong
from ikura.study.record.networks import MLP_ONLY, OWN, known_names
from ikura.study.record.objectives import OBJECTIVES
from ikura.study.record.search_plans import Ask
from ikura.study.record.store import ABOUT, RESULTS
from ikura.wording import one_line

__all__ = [
    "alone",
    "automatic",
    "begin_folder",
    "check_arguments",
    "check_names",
    "check_space",
    "chosen_metric",
    "chosen_space",
    "end_opening",
    "findings",
    "new_folder",
    "run_folder",
    "sweep_run",
]

HIGHEST_RATES = {"all": 0.1, "most": 0.03, "none": 0.03}
"""The highest learning rate that is searched for a pretrained network, by what is frozen of it."""

FIRST_TRIALS, FEWEST_TRIALS = 64, 8
"""Trials of an autopilot's first search, by default and at least."""

FIRST_SHARE = 0.4
"""Share of the time limit at which an autopilot's first search ends."""

MOST = {"trials": 10_000_000, "epochs": 10**9, "finalists": 100_000, "jobs": 10_000, "seed": 10**18}
MOST_OF_OTHERS = 10_000_000
"""The greatest numbers that a study takes."""

OPENING = ".opening"
"""Mark of a folder in which a run is being opened, from before its first file to the moment when it is a run."""

TAKEN = (
    "study.db", "study.db-wal", "study.db-shm", "study.db-journal", "snapshots", "model", "prescriptions", "scale",
    "measure", "report.html", "diagnosis.json", "diagnosis.html", "pretrained.safetensors",
    *(f"{part}.{kind}" for part in ("data", "dev", "test") for kind in ("parquet", "npz")),
)  # fmt: skip
"""What a run writes in its folder."""

MOST_OF_A_NAME = 60
"""Characters of the data's name in that of a run folder."""

RESERVED = (*ABOUT, *RESULTS, *OBJECTIVES, "inputs", "outputs", "shape")


def check_arguments(**arguments: Any) -> None:
    """Refuse counts that are no whole numbers, below 1 (or below the second of a pair), or beyond `MOST`."""
    for name, value in arguments.items():
        value, least = value if isinstance(value, tuple) else (value, 1)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
            raise UsageError(f"{name} must be a whole number of at least {least}, but is {one_line(repr(value), 60)}")
        if value is not None and value > MOST.get(name, MOST_OF_OTHERS):
            raise UsageError(f"{name} must be at most {MOST.get(name, MOST_OF_OTHERS):,}, but is larger")


def automatic(
    auto: bool,
    ask: Ask | None,
    trials: int | None,
    time_limit: float | None,
    bayes_error: float | None,
    human_error: float | None,
) -> dict[str, Any]:
    """What a setting remembers of an autopilot: nothing without one.

    Half of the trials belong to the first search. With a time limit and no number of trials, time alone is the budget.

    Raises:
        UsageError: something was said to an autopilot that is not wanted, or an error is none.
    """
    errors = {"bayes_error": bayes_error, "human_error": human_error}
    given = {name: float(error) for name, error in errors.items() if error is not None}
    for name, error in given.items():
        if not 0 <= error < 1:
            raise UsageError(f"{name} is a share of at least 0 and below 1, such as 0.01 for 1 %, but is {error:g}")
    if len(given) > 1:
        raise UsageError("bayes_error and human_error exclude each other; give the smaller one as bayes_error")
    if not auto:
        for name in (*given, *(["ask"] if ask is not None else [])):
            raise UsageError(f"{name} is for the autopilot; give auto=True too")
        return {}
    unbounded = trials is None and time_limit is not None
    every = FIRST_TRIALS * 2 if trials is None else trials
    first = max(every // 2, min(every, FEWEST_TRIALS))
    return {"first": first, "until": FIRST_SHARE, "unbounded": unbounded, "ask": ask is not None, **given}


def check_names(search: str, plan: str, dtype: str) -> None:
    """Refuse an unknown search, schedule or precision, with the nearest name."""
    proposer(search, Space(learning_rate=fixed(0.1)), 0)
    schedule(plan)
    if dtype not in ("float32", "float64"):
        raise UsageError(f"dtype must be float32 or float64, but is {dtype!r}")


def chosen_metric(name: str | None, task: str) -> str:
    """Name the metric: the caller's, if it fits the task, or the task's usual one."""
    return default_metric(task).name if name is None else metric(name, task).name


def chosen_space(
    space: Space | Mapping[str, Any] | None,
    network: str,
    trials: int,
    dataset: Dataset,
    freeze: str | None = None,
    epochs: int | None = None,
) -> tuple[Space, str]:
    """Choose what is searched, and say why: the caller's space, or one by the number of trials.

    Args:
        space: the caller's.
        network: name of the network.
        trials: number of trials.
        dataset: the data.
        freeze: what stays of a pretrained network; None if the network begins afresh.
        epochs: of a trial at most.

    Raises:
        SpaceError: the caller's space is wrong, or a hyperparameter in it can have no effect.
    """
    if space is not None:
        opened = Space.coerce(space)
        check_space(opened, network, dataset.summary["images"] is not None)
        if network == OWN:
            opened = opened.held(name for name in opened if name not in BOUNDS)
        images, learns = dataset.summary["images"] is not None, freeze is not None and freeze != "all"
        place = Place(network, dataset.task.name, images, len(dataset.train), epochs, learns)
        opened, notes = effective(opened, place)
        notes += too_strong(opened, place)
        check_feasible(opened)
        alike = trials > 1 and not opened.dimensions
        notes += ["it holds one configuration, so one trial is enough"] * alike
        return opened, "; ".join(["the space was given", *notes])
    rows = len(dataset.train) + len(dataset.dev) + len(dataset.test)
    if network == "cnn":
        found = image_space(trials, rows)
        return found.space, found.explanation
    chosen = default_space(trials, rows, int(dataset.train.x[0].size))
    if network == "mlp":
        return chosen.space, chosen.explanation
    conditions = chosen.space.as_dict()
    kept = {name: form for name, form in conditions.items() if name not in MLP_ONLY}
    whose = "your own" if network == OWN else network
    if freeze is not None:
        kept["learning_rate"] = log(1e-4, HIGHEST_RATES[freeze]).as_dict()
        if freeze != "all":
            kept["pretrained_rate"] = log(0.01, 1).as_dict()
    return Space.from_dict(kept), f"{chosen.explanation} (the network is {whose}: only its training is searched)"


def check_space(space: Space, network: str, images: bool | None = None) -> None:
    """Refuse names that are not known or that a study's tables use, and values that a hyperparameter cannot have.

    Args:
        space: what is to be searched.
        network: name of the network; one of the caller's own may read any name.
        images: whether the data are images; None if that is not known yet.

    Raises:
        SpaceError: naming the hyperparameter.
    """
    custom = network == OWN
    if network == "mlp":
        single = {name: layer for name in space if (layer := layer_of(name)[1]) is not None}
        space.validate([*known_names(network), *single])
        _check_layers(space, single)
    elif not custom:
        space.validate(known_names(network))
    for name, parameter in space.items():
        if name in RESERVED:
            raise SpaceError(f"[{name}] is a column of a study's trials; call your hyperparameter otherwise")
        if name in AUGMENTATIONS and images is False and not custom:
            raise SpaceError(f"[{name}] changes training images, and these data are none; leave it out")
        values = [parameter.from_unit(0.0), parameter.from_unit(1.0)]
        if not parameter.numeric:
            values = parameter.as_dict().get("choices", values)
        for value in values:
            try:
                check_value(name, value, built_in=not custom)
                if name in AUGMENTATIONS and images and custom:
                    check_strength(AUGMENTATIONS, name, value)
            except UsageError as error:
                raise SpaceError(f"[{name}] {error}") from None
        if (
            parameter.varies
            and parameter.scale in ("linear", "log", "log-complement")
            and layer_of(name)[0] in WHOLE
            and (not custom or name in BOUNDS)
        ):
            raise SpaceError(f"[{name}] is a whole number; use the scale integer or integer-log, not {parameter.scale}")
    check_feasible(space)


def _check_layers(space: Space, single: Mapping[str, int]) -> None:
    """Refuse hyperparameters of a hidden layer that no network of the space has."""
    layers = space["layers"] if "layers" in space else fixed(DEFAULTS["layers"])
    options = layers.as_dict().get("choices", [layers.from_unit(0.0), layers.from_unit(1.0)])
    numbers = [option for option in options if isinstance(option, int | float)]
    for name, layer in single.items():
        if numbers and layer > max(numbers):
            raise SpaceError(f"[{name}] no network has a hidden layer {layer}: layers is at most {max(numbers):g}")


def new_folder(data: Any) -> Path:
    """Make a run folder below runs/, named by the data and the time, that no other study has taken or can take.

    Args:
        data: as the caller of `ikura.tune` gave them.

    Raises:
        RunError: it cannot be made here.
    """
    name = Path(data).name.split(".")[0] if isinstance(data, str | os.PathLike) else "study"
    stem = f"{name[:MOST_OF_A_NAME]}-{datetime.now():%Y%m%d-%H%M%S}"
    runs = Path("runs").absolute()
    run = runs / stem
    try:
        runs.mkdir(exist_ok=True)
        for again in count(2):
            try:
                run.mkdir()
                break
            except FileExistsError:
                run = runs / f"{stem}-{again}"
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunError(f"{shown(run)}: the output folder cannot be made: {reason}") from error
    return run


def run_folder(data: Any, out: str | Path) -> Path:
    """Take a name for the run folder; refuse one that is a file, holds another run, or what a run would overwrite."""
    run = named(out, "the output folder")
    own = isinstance(data, str | os.PathLike)
    bundled = own and str(data) in (*BUNDLED, *IMAGE_SETS) and not Path(data).exists()
    place = Path(os.path.realpath(run))
    if bundled and place == Path(os.path.realpath(data)):
        raise RunError(f"{run}: a folder of that name would hide the data set {data} from here; name another one")
    if own and Path(data).is_dir() and is_image_data(str(data)) and place.is_relative_to(os.path.realpath(data)):
        raise RunError(f"{run}: lies within the data, which a run would change; name a folder outside of {data}")
    if run.exists() and not run.is_dir():
        raise RunError(f"{run}: the output folder is a file; name a folder")
    if place == Path(place.anchor):
        raise RunError(f"{run}: the root of the file system is no run folder; name a folder below it")
    above = run.absolute()
    while not os.path.lexists(above):
        above = above.parent
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise RunError(f"{shown(run)}: the output folder cannot be made: {shown(above)} is no folder to write in")
    if os.path.lexists(run / "config.toml"):
        raise RunError(
            f"{shown(run)}: holds another run; go on with it (ikura resume {quote(shown(run))}) or name another folder"
        )
    if not (run / OPENING).exists():
        for name in TAKEN:
            if os.path.lexists(run / name):
                raise RunError(
                    f"{shown(run)}: holds {name} of another origin, which a run would overwrite; name another folder"
                )
    return run


@contextmanager
def alone(run: Path, made: bool = False) -> Iterator[None]:
    """Make the run folder if need be and keep other processes off it; the lock ends with its process.

    Nothing is written any more once the folder is not the one that it was at the beginning. One that was made for
    nothing, because an error came before its first file, is removed.

    Args:
        run: the folder.
        made: whether the caller has just made it.
    """
    place = run / ".lock"
    try:
        made = made or not run.exists()
        run.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(place) and (place.is_symlink() or not place.is_file() or place.stat().st_size):
            raise RunError(f"{shown(run)}: holds .lock of another origin, which a run would empty; name another folder")
        lock = FileLock(place, timeout=0)
        lock.acquire()
    except Timeout:
        raise RunError(f"{shown(run)}: another process is at work on this run; wait for it, or stop it") from None
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunError(f"{shown(run)}: the output folder cannot be made: {reason}") from error
    try:
        with held(run):
            yield
    except BaseException:
        if made:
            with suppress(OSError):
                if os.listdir(run) == [place.name]:
                    place.unlink()
                    run.rmdir()
        raise
    finally:
        lock.release()


def begin_folder(run: Path) -> None:
    """Make room for snapshots; what an opening that was killed left there is removed.

    A mark says that what lies in the folder is of an opening. It is set only where nothing else is, see `run_folder`.
    """
    try:
        begun = (run / OPENING).exists()
        (run / OPENING).touch()
        (run / "snapshots").mkdir(exist_ok=True)
        if begun:
            sweep_partial(run, own=True)
        for stray in run.glob("study.db*") if begun else ():
            stray.unlink()
    except OSError as error:
        raise StorageError(f"cannot write {shown(run)}: {error.strerror or error}") from error


def end_opening(run: Path) -> None:
    """Take the mark away: from here on the folder is a run."""
    (run / OPENING).unlink(missing_ok=True)


def sweep_run(run: Path) -> None:
    """Remove what killed processes left half-written in a run folder, in its own places only."""
    for place in (run, *(run / name for name in TAKEN if (run / name).is_dir() and not (run / name).is_symlink())):
        sweep_partial(place, own=True)
    end_opening(run)


def findings(dataset: Dataset, note: str) -> list[str]:
    """What was understood of the data, in a few sentences."""
    summary = dataset.summary
    used = [column for column in summary["columns"] if column["kind"] not in ("ignore", "constant", "identifier")]
    kinds: dict[str, int] = {}
    for column in used:
        kinds[column["kind"]] = kinds.get(column["kind"], 0) + 1
    what = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    parts = summary["parts"]
    read = f"{summary['rows']} rows, {sum(kinds.values())} features ({what or 'an array'})"
    if images := summary.get("images"):
        mode = "grey" if images["channels"] == 1 else "colour"
        where = ", mapped from a temporary file" if images["mapped"] else ""
        read = f"{summary['rows']} {mode} images of {images['width']} x {images['height']} pixels{where}"
    lines = [
        f"{read}; {dataset.task.name} target {dataset.task.target!r}; training {parts['train']}, "
        f"dev {parts['dev']}, test {parts['test']}"
    ]
    return [*lines, *summary.get("notes", []), note]
