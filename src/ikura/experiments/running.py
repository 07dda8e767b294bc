"""Running an experiment: repetitions, resuming, results."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from ikura.errors import RunError, UsageError
from ikura.experiments.folders import default_folder
from ikura.experiments.registry import experiment
from ikura.json_values import jsonable

if TYPE_CHECKING:
    import pandas as pd

    from ikura.experiments._base import Experiment, Findings, Tables

__all__ = ["Reproduction", "reproduce"]

FORMAT = 1


class RepetitionRecord(TypedDict):
    """What a finished repetition leaves in its file."""

    seed: int
    seconds: float
    tables: Tables


@dataclass(frozen=True)
class Reproduction:
    """An experiment that was run.

    Attributes:
        name: of the experiment.
        folder: where everything was written.
        report: the page.
        results: what results.json holds: question, claims with verdicts, settings.
    """

    name: str
    folder: Path
    report: Path
    results: Mapping[str, Any]


def reproduce(
    name: str,
    out: str | Path | None = None,
    *,
    seed: int = 0,
    repetitions: int | None = None,
    quick: bool = False,
    options: Mapping[str, Any] | None = None,
    progress: Callable[[float, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Reproduction:
    """Run an experiment, or go on with one that was stopped; finished repetitions are not run again.

    Args:
        name: one of `EXPERIMENTS`.
        out: the folder; by default `reproduced/NAME`.
        seed: key of everything random.
        repetitions: how many; by default the experiment's own number.
        quick: a small version, which takes seconds and proves little.
        options: of the experiment's own, by name; see `Experiment.options`.
        progress: told the number of finished repetitions, which may have a fraction, and of all.
        say: takes sentences for the user.

    Returns:
        The claims with their verdicts, and where the report is.

    Raises:
        UsageError: the name is unknown or a number too small.
        RunError: the folder holds something else.
    """
    chosen = experiment(name).configured(options or {})
    count = (chosen.quick_repetitions if quick else chosen.repetitions) if repetitions is None else repetitions
    most = chosen.most_repetitions
    if count < 2:
        raise UsageError(f"repetitions must be at least 2, or there is no interval, but is {count}")
    if most is not None and count > most:
        raise UsageError(f"{name} has {most} repetitions at most, which are all there are, but got {count}")
    if seed < 0:
        raise UsageError(f"seed must be at least 0, but is {seed}")
    folder = default_folder(name, seed, quick, options) if out is None else Path(out)
    with _alone(folder):
        facts = {"format": FORMAT, "experiment": name, "seed": seed, "quick": quick}
        _claim(folder, facts | ({"options": jsonable(chosen.setting)} if chosen.setting else {}))
        found = _repetitions(chosen, folder, count, seed, quick, progress or (lambda done, of: None), say)
        return _written(chosen, folder, found, seed, quick, dict(options or {}))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    from ikura.study.run_folder import alone

    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file; name a folder for the experiment")
    with alone(folder):
        yield


def _claim(folder: Path, facts: Mapping[str, Any]) -> None:
    """Make the folder this experiment's, or see that it is."""
    from ikura.files import write_atomically

    path = folder / "experiment.json"
    if path.exists():
        try:
            there = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            raise RunError(f"{path} is damaged; remove {folder} or choose another folder") from None
        different = [f"{key} {there.get(key)!r}" for key in facts if there.get(key) != facts[key]]
        if different:
            raise RunError(f"{folder} holds another experiment ({', '.join(different)}); choose another folder")
    elif any(entry.name != ".lock" for entry in folder.iterdir()):
        raise RunError(f"{folder} is not empty and holds no experiment; choose another folder")
    else:
        write_atomically(path, json.dumps(dict(facts), indent=2).encode())


def _repetitions(
    chosen: Experiment,
    folder: Path,
    count: int,
    seed: int,
    quick: bool,
    progress: Callable[[float, int], None],
    say: Callable[[str], None] | None,
) -> list[RepetitionRecord]:
    """Read the finished repetitions and run the others."""
    from ikura.experiments._base import Repetition
    from ikura.files import write_atomically
    from ikura.nn.noise import key

    paths = [folder / "repetitions" / f"{index:04d}.json" for index in range(count)]
    done = {index: 1.0 for index in range(count) if paths[index].exists()}
    missing = []

    def tell(index: int, share: float) -> None:
        done[index] = share
        progress(sum(done.values()), count)

    for index in range(count):
        if index not in done:
            work = folder / "work" / f"{index:04d}"
            if not chosen.goes_on_within:
                shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True, exist_ok=True)
            own = key(seed, f"experiment {chosen.name}", index) % 2**31
            missing.append(Repetition(index, own, quick, work, say or (lambda line: None), partial(tell, index)))
    seeds = {one.index: one.seed for one in missing}
    progress(sum(done.values()), count)
    began = time.perf_counter()
    for index, tables in chosen.repeat_all(missing):
        now = time.perf_counter()
        found = {"seed": seeds[index], "seconds": now - began, "tables": jsonable(tables)}
        began = now
        write_atomically(paths[index], json.dumps(found, allow_nan=False).encode())
        shutil.rmtree(folder / "work" / f"{index:04d}", ignore_errors=True)
        tell(index, 1.0)
    shutil.rmtree(folder / "work", ignore_errors=True)
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def frames(found: list[RepetitionRecord]) -> dict[str, pd.DataFrame]:
    """Put the rows of all repetitions together, table by table, with the repetition's number in front."""
    import pandas as pd

    names = list(dict.fromkeys(name for one in found for name in one["tables"]))
    return {
        name: pd.DataFrame(
            [{"repetition": index, **row} for index, one in enumerate(found) for row in one["tables"].get(name, [])]
        ).infer_objects()
        for name in names
    }


def _written(
    chosen: Experiment, folder: Path, found: list[RepetitionRecord], seed: int, quick: bool, options: Mapping[str, Any]
) -> Reproduction:
    from ikura.experiments.experiment_page import write_page
    from ikura.files import write_atomically
    from ikura.version import __version__

    tables = frames(found)
    findings: Findings = chosen.find(tables, quick)
    results = {
        "experiment": chosen.name,
        "question": chosen.question,
        "says": chosen.says,
        "method": chosen.method,
        "ikura": __version__,
        "seed": seed,
        "quick": quick,
        "options": options,
        "setting": chosen.setting,
        "repetitions": len(found),
        "seconds": round(sum(one["seconds"] for one in found), 3),
        "claims": [claim.to_json() for claim in findings.claims],
        "notes": list(findings.notes),
        "tables": {name: f"{name}.csv" for name in tables},
    }
    for name, table in tables.items():
        write_atomically(folder / f"{name}.csv", table.to_csv(index=False).encode())
    write_atomically(folder / "results.json", json.dumps(jsonable(results), indent=2, allow_nan=False).encode())
    report = write_page(folder / "report.html", chosen, findings, results)
    return Reproduction(chosen.name, folder, report, results)
