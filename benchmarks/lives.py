"""What is killed: a small study of each kind, begun or gone on with by a process that imports nothing any more."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

import ikura
import ikura.api.run
import ikura.large_batch.column_training
import ikura.report
import ikura.study.tile_queue
import ikura.study.training_states
from benchmarks.machine import ROOT
from ikura.population.job import Job

__all__ = ["KINDS", "SCALE", "live", "locked", "network_of", "prepare", "ready"]

SCALE = "scale"
BATCH = 32
PENGUINS = {"data": str(ROOT / "examples" / "penguins.csv"), "target": "species"}
SPREAD = {"learning_rate": ikura.log(1e-2, 1e4), "optimizer": "sgd", "units": ikura.integer(4, 16)}
"""Some diverge."""
RATE = {"learning_rate": ikura.log(1e-3, 0.3), "batch_size": 16}
ROUNDS: dict[str, Any] = {"data": "iris", "search": "random", "trials": 16, "epochs": 27, "space": SPREAD}


def noisy(hp: Any) -> nn.Module:
    """A network with statistics of its mini-batch and noise."""
    return nn.Sequential(
        nn.Linear(hp.inputs, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.2), nn.Linear(6, hp.outputs)
    )


KINDS: dict[str, dict[str, Any]] = {
    "early-stopping": PENGUINS | {"trials": 32, "epochs": 60},
    "none": PENGUINS | {"trials": 24, "epochs": 30, "schedule": "none"},
    "successive-halving": ROUNDS | {"schedule": "successive-halving"},
    "hyperband": ROUNDS | {"schedule": "hyperband"},
    "asha": ROUNDS | {"schedule": "asha"},
    "pbt": ROUNDS | {"schedule": "pbt", "space": RATE | {"dropout": 0.1}},
    "racing": ROUNDS | {"schedule": "racing"},
    "--auto": {"data": "iris", "trials": 24, "epochs": 20, "auto": True},
    SCALE: {
        "data": "iris",
        "trials": 1,
        "epochs": 12,
        "finalists": 0,
        "space": {
            "learning_rate": 0.02,
            "batch_size": 8,
            "optimizer": "momentum",
            "units": 8,
            "normalisation": "batch",
        },
    },
    "images": {
        "data": "images",
        "trials": 6,
        "epochs": 4,
        "finalists": 1,
        "space": {"learning_rate": ikura.log(1e-3, 0.1), "channels": 4, "units": 8, "noise": 0.05},
    },
    "own networks": {"data": "iris", "network": noisy, "trials": 12, "epochs": 12},
    "own networks, hyperband": ROUNDS | {"network": noisy, "schedule": "hyperband", "space": RATE},
}
"""Kind to arguments of `ikura.tune`. Each trains two tiles at once."""
BASE: dict[str, Any] = {"jobs": 2, "finalists": 2}


def network_of(kind: str) -> Callable[..., nn.Module] | None:
    """The factory of a kind's networks, where they are no built-in ones."""
    return KINDS[kind].get("network")


def images(folder: Path) -> None:
    """Write grey images of 8 x 8 pixels in a folder a class: the left or the right half is bright."""
    from PIL import Image

    random = np.random.default_rng(0)
    for name, bright in (("left", slice(4)), ("right", slice(4, 8))):
        (folder / name).mkdir(parents=True)
        for i in range(30):
            image = random.integers(0, 180, (8, 8), dtype=np.uint8)
            image[:, bright] += 60
            Image.fromarray(image).save(folder / name / f"{i:02}.png")


def prepare(kind: str, run: Path) -> None:
    """Make what a run of this kind finds when it begins: images, or a finished study to scale."""
    if kind == "images" and not (run.parent / "images").exists():
        images(run.parent / "images")
    if kind == SCALE:
        tuned = run.parent / "tuned"
        if not tuned.exists():
            ikura.tune(out=tuned, **BASE | KINDS[kind])
        shutil.copytree(tuned, run)


def locked(kind: str, run: Path) -> Path:
    """The file that a process holds while it works on a run."""
    return (run / SCALE if kind == SCALE else run) / ".lock"


def ready(kind: str, run: Path) -> bool:
    """Whether a run has been opened, so that it is gone on with rather than begun."""
    return kind != SCALE and (run / "config.toml").exists()


def live(kind: str, run: Path, hurried: bool, log: Path) -> None:
    """Begin or go on with a run, to its end.

    Args:
        kind: of study.
        run: its folder.
        hurried: whether threads take turns every microsecond, and tiles and rounds are saved as often as can be.
        log: for what it says.
    """
    os.setsid()
    with log.open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    # How many of the caller's own networks make a tile is measured, and their rounding depends on it.
    ikura.api.run.measure_tile_size = lambda *_: 4
    if hurried:
        sys.setswitchinterval(1e-6)
        ikura.study.training_states.SECONDS = 0.0
        often: Any = partial(Job, snapshot_seconds=0.0)
        ikura.study.tile_queue.Job = ikura.large_batch.column_training.Job = often
    if kind == SCALE:
        ikura.scale(run, BATCH, rule="auto", seeds=3, jobs=2)
    elif ready(kind, run):
        ikura.resume(run, network_of(kind))
    else:
        options = BASE | KINDS[kind]
        data = run.parent / "images" if options["data"] == "images" else options["data"]
        ikura.tune(**options | {"data": data, "out": run})
