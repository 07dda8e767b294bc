"""Six tasks on which searches are compared: examples, split, space and epochs, stated once for every contender.

Why these six: a small table with categories and missing values, a small one of measurements, digits as small images, a
made table whose columns matter together, a made regression with useless inputs, and images with many inputs. All can be
had offline. The small dev sets are coarse: on penguins one of 69 rows is more than 1 %, so only a perfect score counts
if a perfect one is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.machine import ROOT
from benchmarks.workload import Range, Workload
from ikura.data.options import DataOptions

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PART", "TARGET", "TASKS", "Parts", "Task", "kinds", "load", "write"]

SPLIT_SEED = 0
PART, TARGET = "part", "target"
"""Columns of a task's table beside its features."""


def _penguins() -> tuple[Any, str | None]:
    return str(ROOT / "examples" / "penguins.csv"), "species"


def _interactions() -> tuple[Any, str | None]:
    """4,000 rows in three classes of three clusters each; three of the 20 columns are cut into categories."""
    import pandas as pd
    from sklearn.datasets import make_classification

    x, y = make_classification(
        4_000, 20, n_informative=10, n_redundant=4, n_classes=3, n_clusters_per_class=3, flip_y=0.02, random_state=0
    )
    frame = pd.DataFrame(x, columns=[f"number_{i}" for i in range(20)])
    for name in ("number_3", "number_8", "number_15"):
        frame[name] = pd.qcut(frame[name], 5, labels=list("abcde")).astype(str)
    return frame.assign(label=[f"class {one}" for one in y]), "label"


def _friedman() -> tuple[Any, str | None]:
    """3,000 rows of 10 inputs: 10 sin(π a b) + 20 (c - 1/2)² + 10 d + 5 e and noise; five inputs mean nothing."""
    import pandas as pd
    from sklearn.datasets import make_friedman1

    x, y = make_friedman1(3_000, 10, noise=1.0, random_state=0)
    return pd.DataFrame(x, columns=[f"x_{i}" for i in range(10)]).assign(y=y), "y"


def _fashion() -> tuple[Any, str | None]:
    """5,000 of the 70,000 images, as 784 columns."""
    import pandas as pd

    from benchmarks.fashion import fashion_mnist

    x, y = fashion_mnist()
    rows = np.random.default_rng(0).permutation(len(y))[:5_000]
    frame = pd.DataFrame(x[rows].astype(np.float32), columns=[f"pixel_{i}" for i in range(784)])
    return frame.assign(label=[f"class {one}" for one in y[rows]]), "label"


def _space(units: tuple[int, int], batches: tuple[int, ...]) -> dict[str, Range]:
    return {
        "learning_rate": Range(1e-4, 1e-1, log=True),
        "optimizer": Range(options=("momentum", "rmsprop", "adam")),
        "momentum": Range(0.8, 0.99, rule="momentum"),
        "activation": Range(options=("relu", "tanh", "sigmoid")),
        "layers": Range(1, 3, whole=True),
        "units": Range(*units, log=True, whole=True),
        "batch_size": Range(options=batches),
        "dropout": Range(0, 0.5),
        "l2": Range(1e-6, 1e-2, log=True),
    }


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: its name.
        data: makes what `ikura.data.prepare` takes, and the name of its target
            (None where it is known).
        ranges: what is searched, update rule before what depends on it.
        epochs: passes over the training set of a trial at most, a power of three times three.
        metric: what is compared, higher is better.
    """

    name: str
    data: Callable[[], tuple[Any, str | None]]
    ranges: Mapping[str, Range]
    epochs: int
    metric: str = "accuracy"

    @property
    def workload(self) -> Workload:
        """The space, for ikura and Optuna."""
        return Workload(self.name, lambda: (np.empty(0), np.empty(0)), self.ranges, 0, self.epochs)


@dataclass(frozen=True)
class Parts:
    """What all contenders train on: standardised inputs, float32 of shape (rows, inputs), and targets.

    Attributes:
        task: "binary", "multiclass" or "regression".
        outputs: raw outputs of a network: one, or one a class.
    """

    task: str
    outputs: int
    train_x: np.ndarray
    train_y: np.ndarray
    dev_x: np.ndarray
    dev_y: np.ndarray


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task("penguins", _penguins, _space((8, 64), (16, 32, 64)), 81),
        Task("breast_cancer", lambda: ("breast_cancer", None), _space((8, 64), (16, 32, 64)), 81),
        Task("digits", lambda: ("digits", None), _space((16, 128), (16, 32, 64, 128)), 81),
        Task("interactions", _interactions, _space((16, 128), (16, 32, 64, 128)), 81),
        Task("friedman", _friedman, _space((16, 128), (16, 32, 64, 128)), 81, "r2"),
        Task("fashion", _fashion, _space((32, 256), (32, 64, 128)), 27),
    )
}
"""Name to task."""


def write(task: Task, folder: Path) -> dict[str, Any]:
    """Prepare a task once: NAME.parquet for ikura, and what ikura makes of it as NAME.npz for the peers.

    The split is that of `SPLIT_SEED`. The table has it in the column `part`, whose values ascend from training to test
    set and by which ikura splits, so that parts and arrays are the same for every seed, to the bit.

    Returns:
        Sizes, and the kind of task.
    """
    import pandas as pd

    from ikura.data import prepare

    data, target = task.data()
    first = prepare(data, DataOptions(target), seed=SPLIT_SEED)
    frames: list[pd.DataFrame] = [
        pd.DataFrame(one.x, columns=[f"x{i}" for i in range(one.x.shape[1])]).assign(**{TARGET: one.y, PART: number})
        for number, one in enumerate((first.train, first.dev, first.test))
    ]
    pd.concat(frames, ignore_index=True).to_parquet(folder / f"{task.name}.parquet")
    found = prepare(folder / f"{task.name}.parquet", DataOptions(TARGET, time=PART, kinds=kinds(task.name, folder)))
    kind = found.task.name
    outputs = len(found.task.classes or []) if kind == "multiclass" else 1
    np.savez(
        folder / f"{task.name}.npz",
        kind=np.array(kind),
        outputs=np.array(outputs),
        train_x=found.train.x,
        train_y=found.train.y,
        dev_x=found.dev.x,
        dev_y=found.dev.y,
    )
    sizes = {name: len(one) for name, one in (("train", found.train), ("dev", found.dev), ("test", found.test))}
    return {"task": kind, "inputs": found.train.x.shape[1], "outputs": outputs, **sizes}


def kinds(name: str, folder: Path) -> dict[str, str]:
    """All features of a task's table are numbers, also those with two values."""
    from pyarrow.parquet import read_schema

    names = read_schema(folder / f"{name}.parquet").names
    return {column: "numeric" for column in names if column not in (PART, TARGET)}


def load(name: str, folder: Path) -> Parts:
    """Read what `write` wrote for the peers."""
    with np.load(folder / f"{name}.npz") as arrays:
        fields = {field: arrays[field] for field in ("train_x", "train_y", "dev_x", "dev_y")}
        return Parts(str(arrays["kind"]), int(arrays["outputs"]), **fields)
