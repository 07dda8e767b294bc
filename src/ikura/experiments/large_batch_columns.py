"""The settings that are compared for large batches, and their training, all seeds and columns in one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ikura.data import Dataset, prepare
from ikura.engine import engine_for
from ikura.errors import UsageError
from ikura.experiments._base import Repetition, Tables
from ikura.experiments.populations import make_setup
from ikura.large_batch.preset import Preset, preset
from ikura.nn.zoo import network as zoo_network
from ikura.population.examples import Examples
from ikura.population.job import Job, TileProgress
from ikura.population.member import Member
from ikura.population.outcome import Outcome
from ikura.population.packing import pack
from ikura.population.setup import TrainingSetup
from ikura.population.warmup import warm_up
from ikura.process_state import cores, one_thread_each
from ikura.space._base import Configuration
from ikura.study.record.device import chosen_device

__all__ = ["COLUMNS", "POINTS", "Plans", "Setting", "columns", "hyperparameters"]

COLUMNS: dict[str, str] = {
    "small": "small batch",
    "large": "large batch",
    "rate": "+ learning rate",
    "ghost": "+ ghost normalisation",
    "clip": "+ clipping",
    "regime": "+ regime adaptation",
}
"""Name to words; each has what the one before has."""

Plans = Mapping[str, tuple[int, Mapping[str, Any]]]
"""Name of each column to the number of its epochs and its hyperparameters."""

POINTS = 60
"""Points of a curve at most, spaced evenly in the logarithm of the epoch."""

CLIP = 5.0
DEV, TRAIN = 2_000, 10_000
"""Examples on which curves and training losses are measured, at most."""

REDUCED = {"train_size": 40_000, "width": 64, "epochs": 8, "learning_rate": 0.02}
QUICK = {"train_size": 512, "width": 16, "epochs": 4, "batch_size": 16, "ratio": 4, "learning_rate": 0.05}


@dataclass(frozen=True)
class Setting:
    """What is trained; None leaves it to the preset, and on the CPU to what two cores can do.

    Attributes:
        network: name of a preset.
        data: images, as `ikura.data.prepare` takes them.
        train_size: training examples; None for all of them.
        width: units of each hidden layer.
        batch_size, ratio: examples of the small batch; how many times as many the large one has.
        epochs: of the small batch.
        learning_rate: of the small batch, in the phase where it is highest.
        device: a torch device.
        reduced: whether something is smaller than in the paper for the processor's sake.
    """

    network: str = "f1"
    data: str = "fashion_mnist"
    train_size: int | None = None
    width: int | None = None
    batch_size: int | None = None
    ratio: int | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    device: str = "cpu"
    reduced: bool = False

    def __post_init__(self) -> None:
        own = self.preset
        if self.width is not None and own.width is None:
            raise UsageError(f"the width of {self.network} cannot be chosen; leave --width out")
        for name, least in (("train_size", 2), ("width", 1), ("batch_size", 2), ("ratio", 2)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"--{name.replace('_', '-')} must be at least {least}, but is {value}")
        if self.learning_rate is not None and not 0 < self.learning_rate < float("inf"):
            raise UsageError(f"--learning-rate must be above 0, but is {self.learning_rate}")
        if self.epochs is not None:
            own.schedule(self.epochs)

    @property
    def preset(self) -> Preset:
        """The network's settings in the paper."""
        return preset(self.network)

    def resolved(self, quick: bool = False) -> Setting:
        """Fill in what was not chosen."""
        own, given = self.preset, {name: value for name, value in asdict(self).items() if value is not None}
        usual: dict[str, Any] = {
            "width": own.width,
            "batch_size": own.batch_size,
            "ratio": own.large // own.batch_size,
            "epochs": own.epochs,
            "learning_rate": own.learning_rate,
        }
        smaller = REDUCED if self.device == "cpu" and self.network == "f1" else {}
        if quick:
            smaller = {name: value for name, value in QUICK.items() if name != "width" or own.width is not None}
        return Setting(**usual | smaller | given | {"reduced": bool(set(smaller) - set(given))})

    def as_dict(self) -> Mapping[str, Any]:
        """Plain values; what is left to the data is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None and name != "reduced"}

    def sentence(self) -> str:
        """What is trained, in words."""
        assert self.batch_size is not None
        assert self.ratio is not None
        shape = f", {self.width} units a layer" if self.width is not None else ""
        rows = "all training examples" if self.train_size is None else f"{self.train_size:,} training examples"
        words = (
            f"{self.network.upper()}{shape}, on {rows} of {self.data}: batches of {self.batch_size} against "
            f"{self.batch_size * self.ratio:,}, {self.epochs} epochs, learning rate {self.learning_rate:g}."
        )
        return words + (
            " Smaller than in the paper, so that two cores can do it: there F1 has 512 units a layer, 40 epochs and a "
            "learning rate of 0.1."
            if self.reduced
            else ""
        )


def hyperparameters(setting: Setting, column: str) -> tuple[int, Configuration]:
    """Number of epochs, and the hyperparameters of one column.

    Example:
        >>> epochs, found = hyperparameters(Setting().resolved(), "regime")
        >>> epochs, found["batch_size"], found["ghost_size"], round(found["learning_rate"], 3)
        (256, 4096, 128, 0.113)
    """
    assert setting.batch_size is not None
    assert setting.ratio is not None
    assert setting.learning_rate is not None
    own, place = setting.preset, list(COLUMNS).index(column)

    def has(name: str) -> bool:
        return place >= list(COLUMNS).index(name)

    epochs, pieces = own.schedule(setting.epochs, setting.ratio if has("regime") else 1)
    found: Configuration = {
        **own.training,
        "batch_size": setting.batch_size * (setting.ratio if has("large") else 1),
        "learning_rate": setting.learning_rate * (setting.ratio**0.5 if has("rate") else 1.0),
        "schedule_shape": "pieces",
        "pieces": pieces,
        "normalisation": "ghost" if has("ghost") else "batch",
    }
    if setting.width is not None:
        found["units"] = setting.width
    if has("ghost"):
        found["ghost_size"] = setting.batch_size
    if has("clip"):
        found["clip_norm"] = CLIP
    return epochs, found


def columns(
    setting: Setting, plans: Plans, repetitions: Sequence[Repetition], points: int
) -> Iterator[tuple[int, Tables]]:
    """Train every column under every seed.

    Args:
        setting: resolved.
        plans: name of each column to the number of its epochs and its hyperparameters.
        repetitions: the seeds.
        points: of a curve at most.

    Yields:
        The number of each repetition when all of its columns are done, and what it found.
    """
    setup, test = _setup(setting)
    if setup.compiled:
        warm_up(setup.dtype, repetitions[0].say)
    jobs, whose = _jobs(setup, plans, repetitions)
    found: dict[int, dict[str, Outcome]] = {one.index: {} for one in repetitions}
    names, trained = list(plans), 0
    total = sum(epochs for epochs, _ in plans.values()) * len(repetitions)

    def tell(told: TileProgress) -> None:
        nonlocal trained
        trained += told.epochs
        open_ones = [one for one in repetitions if len(found[one.index]) < len(plans)]
        ended = len(repetitions) - len(open_ones)
        for one in open_ones:
            one.tell(min(max((trained / total * len(repetitions) - ended) / len(open_ones), 0.0), 0.999))

    with one_thread_each(), engine_for(setup, cores()) as engine:
        for outcomes in engine.run(jobs, tell):
            one = whose[outcomes[0].tile]
            found[one.index] |= {names[outcome.number]: outcome for outcome in outcomes}
            if len(found[one.index]) == len(plans):
                yield one.index, _tables(setup, test, plans, one.seed, found[one.index], points)


def _setup(setting: Setting) -> tuple[TrainingSetup, Examples]:
    """The training setup, without the test set; and the test set."""
    dataset = _dataset(setting)
    name, test = setting.preset.network, Examples.of(dataset.test)
    factory = None if name is None else zoo_network(name)
    device = chosen_device(setting.device, factory is not None)
    setup = make_setup(dataset, rows=setting.train_size, dev=DEV, network=factory, device=device)
    assert setting.batch_size is not None
    assert setting.ratio is not None
    if setting.batch_size * setting.ratio > len(setup.train):
        raise UsageError(
            f"the large batch of {setting.batch_size * setting.ratio} is more than the {len(setup.train)} "
            "training examples; choose a smaller --ratio or --batch-size"
        )
    return setup, test if factory else test.flat().dense()


def _dataset(setting: Setting) -> Dataset:
    dataset = prepare(setting.data)
    if dataset.task.name not in ("binary", "multiclass"):
        raise UsageError(f"{setting.data}: accuracy is compared, so the data must have classes")
    return dataset


def _jobs(
    setup: TrainingSetup, plans: Plans, repetitions: Sequence[Repetition]
) -> tuple[list[Job], dict[int, Repetition]]:
    """Tiles of columns that train equally long, the long ones first; on the CPU each column is one, for all cores."""
    jobs: list[Job] = []
    whose: dict[int, Repetition] = {}
    size = 1 if setup.device == "cpu" else len(plans)
    for one in repetitions:
        lengths = sorted({epochs for epochs, _ in plans.values()}, reverse=True)
        for length in lengths:
            members = [
                Member(place, values, one.seed)
                for place, (epochs, values) in enumerate(plans.values())
                if epochs == length
            ]
            for tile in pack(setup, members, size):
                number = len(jobs)
                whose[number] = one
                name = "-".join(str(member.number) for member in tile)
                path = one.folder / f"{name}.safetensors"
                jobs.append(Job(number, tuple(tile), length, snapshot=path, keep_states=True, keep_distances=True))
    return jobs, whose


def _tables(
    setup: TrainingSetup,
    test: Examples,
    plans: Plans,
    seed: int,
    outcomes: dict[str, Outcome],
    points: int,
) -> Tables:
    results, curves, layers = [], [], []
    for place, (name, (epochs, values)) in enumerate(plans.items()):
        outcome, member = outcomes[name], Member(place, values, seed)
        assert outcome.going_on is not None
        assert outcome.distances is not None
        state = {key[5:]: array for key, array in outcome.going_on.items() if key.startswith("tile.")}
        tile = setup.tile([member])
        tile.insert(0, state)
        (loss,), (score,) = setup.scorer(tile.outputs(test), test.y)
        train = setup.train.head(TRAIN)
        (train_loss,), (train_score,) = setup.scorer(tile.outputs(train), train.y)
        updates = -(-len(setup.train) // values["batch_size"])
        results.append(
            {
                "column": name,
                "batch_size": values["batch_size"],
                "learning_rate": values["learning_rate"],
                "epochs": epochs,
                "updates": epochs * updates,
                "state": outcome.state,
                "accuracy": 100 * float(score),
                "loss": float(loss),
                "train_accuracy": 100 * float(train_score),
                "train_loss": float(train_loss),
                "seconds": outcome.seconds,
            }
        )
        way = np.sqrt(sum(np.square(one) for one in outcome.distances.values()))
        shown = np.unique(np.geomspace(1, max(len(outcome.curve), 1), points).round().astype(int))
        for epoch in shown[: len(outcome.curve)].tolist():
            cost, _, dev_score = outcome.curve[epoch - 1].tolist()
            curves.append(
                {
                    "column": name,
                    "epoch": epoch,
                    "update": epoch * updates,
                    "train_loss": cost,
                    "dev_error": 100 * (1 - dev_score),
                    "distance": float(way[epoch - 1]),
                }
            )
        for layer, distance in _by_layer(outcome.distances).items():
            layers.append({"column": name, "layer": layer, "distance": distance})
    return {"results": results, "curves": curves, "layers": layers}


def _by_layer(distances: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Distance of each module's own parameters after the last epoch."""
    found: dict[str, float] = {}
    for name, way in distances.items():
        layer = name.rpartition(".")[0]
        found[layer] = float(np.hypot(found.get(layer, 0.0), way[-1])) if way.size else 0.0
    return found
