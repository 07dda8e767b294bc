"""Running an experiment: repetitions, resuming, results."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ikura.errors import RunError, UsageError
from ikura.experiments.registry import experiment

if TYPE_CHECKING:
    import pandas as pd

    from ikura.experiments._base import Experiment, Findings

__all__ = ["Reproduction", "default_folder", "reproduce"]

FORMAT = 1


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
    results: dict[str, Any]


def default_folder(name: str, seed: int = 0, quick: bool = False) -> Path:
    """Choose where an experiment is written if nobody says.

    Example:
        >>> default_folder("log-scale", seed=3, quick=True).as_posix()
        'reproduced/log-scale-seed-3-quick'
    """
    return Path("reproduced") / f"{name}{f'-seed-{seed}' if seed else ''}{'-quick' if quick else ''}"


def reproduce(
    name: str,
    out: str | Path | None = None,
    *,
    seed: int = 0,
    repetitions: int | None = None,
    quick: bool = False,
    progress: Callable[[int, int], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Reproduction:
    """Run an experiment, or go on with one that was stopped; finished repetitions are not run again.

    Args:
        name: one of `EXPERIMENTS`.
        out: the folder; by default `reproduced/NAME`.
        seed: key of everything random.
        repetitions: how many; by default the experiment's own number.
        quick: a small version, which takes seconds and proves little.
        progress: told the number of finished repetitions and of all.
        say: takes sentences for the user.

    Returns:
        The claims with their verdicts, and where the report is.

    Raises:
        UsageError: the name is unknown or a number too small.
        RunError: the folder holds something else.
    """
    chosen = experiment(name)
    count = (chosen.quick_repetitions if quick else chosen.repetitions) if repetitions is None else repetitions
    most = chosen.most_repetitions
    if count < 2:
        raise UsageError(f"repetitions must be at least 2, or there is no interval, but is {count}")
    if most is not None and count > most:
        raise UsageError(f"{name} has {most} repetitions at most, which are all there are, but got {count}")
    if seed < 0:
        raise UsageError(f"seed must be at least 0, but is {seed}")
    folder = default_folder(name, seed, quick) if out is None else Path(out)
    began = time.perf_counter()
    with _alone(folder):
        _claim(folder, {"format": FORMAT, "experiment": name, "seed": seed, "quick": quick})
        found = [
            _repetition(chosen, folder, index, count, seed, quick, progress or (lambda done, of: None), say)
            for index in range(count)
        ]
        return _written(chosen, folder, found, seed, quick, time.perf_counter() - began)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    from ikura.study.opening import alone

    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file; name a folder for the experiment")
    with alone(folder):
        yield


def _claim(folder: Path, facts: Mapping[str, Any]) -> None:
    """Make the folder this experiment's, or see that it is."""
    from ikura.population.snapshot import write_atomically

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


def _repetition(
    chosen: Experiment,
    folder: Path,
    index: int,
    count: int,
    seed: int,
    quick: bool,
    progress: Callable[[int, int], None],
    say: Callable[[str], None] | None,
) -> dict[str, Any]:
    """Read a finished repetition or run it."""
    from ikura.experiments._base import Repetition
    from ikura.nn.noise import key
    from ikura.population.snapshot import write_atomically

    path = folder / "repetitions" / f"{index:04d}.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
    else:
        work = folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        began = time.perf_counter()
        own = key(seed, f"experiment {chosen.name}", index) % 2**31
        tables = chosen.repeat(Repetition(index, own, quick, work, say or (lambda line: None)))
        found = {"seed": own, "seconds": time.perf_counter() - began, "tables": plain(tables)}
        write_atomically(path, json.dumps(found, allow_nan=False).encode())
        shutil.rmtree(work, ignore_errors=True)
    progress(index + 1, count)
    return dict(found)


def frames(found: list[dict[str, Any]]) -> dict[str, pd.DataFrame]:
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
    chosen: Experiment, folder: Path, found: list[dict[str, Any]], seed: int, quick: bool, seconds: float
) -> Reproduction:
    from ikura import __version__
    from ikura.experiments.page import write_page
    from ikura.population.snapshot import write_atomically

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
        "repetitions": len(found),
        "seconds": round(sum(one["seconds"] for one in found), 3),
        "claims": [claim.to_json() for claim in findings.claims],
        "notes": list(findings.notes),
        "tables": {name: f"{name}.csv" for name in tables},
    }
    for name, table in tables.items():
        write_atomically(folder / f"{name}.csv", table.to_csv(index=False).encode())
    write_atomically(folder / "results.json", json.dumps(plain(results), indent=2, allow_nan=False).encode())
    report = write_page(folder / "report.html", chosen, findings, results)
    return Reproduction(chosen.name, folder, report, results)


def plain(value: Any) -> Any:
    """Turn NumPy's numbers into Python's; what is not finite becomes None.

    Example:
        >>> import numpy as np
        >>> plain({"a": np.float64(0.5), "b": [np.int64(2), math.nan]})
        {'a': 0.5, 'b': [2, None]}
    """
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
