"""The setting of a study: everything that was decided before it began, enough to repeat it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from annotated_types import Ge, Le

from ikura.data import Dataset, prepare
from ikura.data.array_encoding import ArrayScaling
from ikura.data.images.channel_layout import check_layout
from ikura.data.options import DataOptions
from ikura.data.target_names import plain_names
from ikura.data.values import label
from ikura.errors import RunError, UsageError, nearest
from ikura.files import shown, write_atomically
from ikura.json_values import JsonObject
from ikura.metric import metric
from ikura.plugins import PluginRecord, check_plugins
from ikura.process_state import cores
from ikura.schema import Count, Digits, Finite, Name, Positive, Short, Whole, check_version, checked, read_file
from ikura.search import proposer, schedule
from ikura.space import Space
from ikura.study.record.address import Address, check_kept, check_name
from ikura.study.record.data_record import OriginRecord, reopen
from ikura.study.record.device import check_device
from ikura.study.record.example_weights import kept_weights
from ikura.study.record.networks import OWN, PRETRAINED
from ikura.study.record.networks import check_name as check_network
from ikura.study.record.objectives import Objectives
from ikura.study.record.own_functions import loss_of, takes_given
from ikura.study.record.pretrained import Pretrained, PretrainedRecord, fitted
from ikura.study.record.tune_options import AutopilotOptions, SearchOptions, TrainingOptions, check_ensemble
from ikura.version import __version__

__all__ = ["Setting"]

DATABASE = "study.db"
"""The file of a study that is recorded in its run folder."""
END = "# the end"
"""The last line of config.toml: a file cut off between two lines may still be TOML."""
MOST_BYTES = 1 << 24
MOST_JOBS = 10_000
REPLICATES = 3
"""Times that a finalist is trained again."""


@dataclass(frozen=True)
class Setting:
    """Everything resolved that a run depends on.

    Attributes:
        data: where the data come from, the record of an `Origin`.
        dev, test: records of a dev and a test set of their own; empty where they are taken from the data.
        target, task, group, time, kinds, image_size, broken, channels, positive, missing, decimal, dates, copies,
            test_set: as
            for `ikura.data.options.DataOptions`; broken is None where the data are no folder of images, positive where
            the metric asks for no positive class.
        arrays: what becomes of arrays, a value of `ikura.data.array_encoding.ArrayScaling`; None where networks
            are no own ones.
        space: the search space as `Space.as_dict()`; its sentence in `space_note`.
        trials, epochs, time_limit, search, schedule, finalists, replicates, metric, seed: the search.
        jobs, device, dtype: where and in which precision it trains.
        network: name of the network; "own" if it came from the caller's factory, "pretrained" if it began as a model.
        pretrained: the record of a `Pretrained`; empty for other networks.
        loss, class_weight, callbacks, training_step, optimizer: as for
            `ikura.study.record.tune_options.TrainingOptions`; classes by their text.
        metrics: names of what else is measured; stop_on: of the metric by which epochs are kept, None for the loss.
        sample_weight: column with the weights of examples; weights: digest of an array of them in the run folder.
        objectives, prefer, within, max_parameters: as for `ikura.study.record.objectives.Objectives`.
        ensemble: "auto", "none", or networks of an ensemble at most, in digits.
        folds, repeats, calibration: as for `ikura.study.record.tune_options.SearchOptions`.
        baselines: whether untuned learners are measured; "auto" in studies of some length.
        auto: `AutopilotOptions` as a table; empty without one.
        plugins: what does not come with ikura, and where it is from; None if all does.
        greater_is_better: direction of the metric; None in runs of before it was written down.
        norms: whether the sizes of weights and of their changes are recorded of each epoch.
        store, name: the URL of the server's database that the study is recorded in, without a password, and its name
            there; None if it is recorded in the run folder.
        report_script: where the report has the script that draws its charts, as for `Study.report`.
    """

    data: JsonObject
    target: str | list[str] | None
    task: str
    trials: Count
    epochs: Count
    search: str
    schedule: str
    finalists: Whole
    replicates: Count
    metric: str
    seed: Annotated[int, Ge(0)]
    jobs: Annotated[int, Ge(1), Le(MOST_JOBS)]
    device: Name
    dtype: str
    network: str
    space: JsonObject
    space_note: Short
    pretrained: JsonObject = field(default_factory=dict)
    time_limit: Positive | None = None
    group: str | None = None
    time: str | None = None
    kinds: dict[str, str] = field(default_factory=dict)
    image_size: Count | None = None
    broken: str | None = None
    channels: str | None = None
    positive: str | None = None
    dev: JsonObject = field(default_factory=dict)
    test: JsonObject = field(default_factory=dict)
    arrays: str | None = None
    programs: bool = False
    missing: list[str] | None = None
    decimal: str | None = None
    dates: str | None = None
    loss: Name | None = None
    class_weight: dict[str, Finite] | Literal["balanced"] | None = None
    sample_weight: str | None = None
    weights: Digits | None = None
    test_set: bool = True
    copies: Literal["together", "apart"] = "apart"
    metrics: list[Name] = field(default_factory=list)
    stop_on: Name | None = None
    callbacks: list[Name] = field(default_factory=list)
    training_step: Name | None = None
    optimizer: Name | None = None
    objectives: list[str] = field(default_factory=list)
    prefer: str | None = None
    within: Finite | None = None
    max_parameters: Count | None = None
    ensemble: str = "none"
    folds: Count | None = None
    repeats: Count = 1
    calibration: Literal["auto", "none"] = "none"
    baselines: Literal["auto", "yes", "no"] = "no"
    auto: JsonObject = field(default_factory=dict)
    plugins: list[PluginRecord] | None = None
    greater_is_better: bool | None = None
    norms: bool = False
    store: Name | None = None
    name: Name | None = None
    report_script: Literal["inline", "shared", "none"] = "inline"
    version: Name = __version__

    @property
    def custom(self) -> bool:
        """Whether the network came from the caller's factory."""
        return self.network == OWN

    @property
    def plugin_network(self) -> str | None:
        """Name of the network that does not come with ikura, if it has one."""
        return next((one["name"] for one in self.plugins or () if one["kind"] == "network"), None)

    def place(self, run: Path) -> Path | Address:
        """Where the study of a run folder is recorded."""
        return run / DATABASE if self.store is None else Address(self.store, self.name or "")

    @property
    def options(self) -> DataOptions:
        """How the data are read, but for a dev and a test set of their own."""
        given = {one.name: getattr(self, one.name) for one in fields(DataOptions)}
        return DataOptions(**given | {"broken": self.broken or "refuse", "dev": None, "test": None})

    @property
    def wanted(self) -> Objectives:
        """What is wanted besides a good dev score."""
        return Objectives.of(self.objectives, self.prefer, self.within, self.max_parameters)

    @property
    def autopilot(self) -> AutopilotOptions | None:
        """How searches go on after the first; None for one search."""
        return AutopilotOptions(**self.auto) if self.auto else None

    @classmethod
    def made(cls, options: DataOptions, search: SearchOptions, training: TrainingOptions, **others: Any) -> Setting:
        """Write down what was decided.

        Args:
            options: how the data are read.
            search: how the study searches.
            training: where it trains.
            others: the other fields, and what is otherwise than in the options.
        """
        wanted = search.objectives
        given = {
            **vars(search),
            **vars(training),
            **{name: value for name, value in vars(options).items() if name not in ("dev", "test")},
            **vars(wanted),
            "objectives": list(wanted.objectives),
            "metrics": list(search.metrics or ()),
            "callbacks": list(training.callbacks or ()),
            "class_weight": _by_text(training.class_weight),
            "auto": {} if search.autopilot is None else search.autopilot.as_dict(),
            "jobs": training.jobs or cores(),
            "ensemble": str(search.ensemble),
            "baselines": {None: "auto", True: "yes", False: "no"}[search.baselines],
            "kinds": dict(options.kinds or {}),
            "missing": None if options.missing is None else [str(word) for word in options.missing],
            "target": plain_names(options.target),
            "replicates": REPLICATES,
            **others,
        }
        return cls(**{one.name: given[one.name] for one in fields(cls) if one.name in given})

    @property
    def text(self) -> str:
        """What config.toml holds; settings that are None are left out."""
        values = {name: value for name, value in asdict(self).items() if value is not None}
        return f"{tomli_w.dumps(values)}\n{END}\n"

    def save(self, run: Path) -> None:
        """Write config.toml."""
        write_atomically(run / "config.toml", self.text.encode())

    @classmethod
    def load(cls, run: Path) -> Setting:
        """Read config.toml.

        Raises:
            RunError: the folder is not a run, its file is not whole, or of a later ikura.
        """
        path = run / "config.toml"
        if not run.is_dir() or not path.is_file():
            near = nearest(run.name, [p.name for p in run.parent.iterdir()]) if run.parent.is_dir() else ""
            raise RunError(f"{shown(run)}: not a run folder of ikura (it has no config.toml){near}")
        try:
            text = read_file(path, MOST_BYTES).decode()
            values = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RunError(f"{shown(path)}: not a setting of ikura: {error}") from error
        check_version(values.get("version"), shown(path))
        if END not in text:
            raise RunError(f"{shown(path)}: not a setting of ikura: its end is missing")
        return cls.of(values, shown(path))

    @classmethod
    def of(cls, values: JsonObject, place: str) -> Setting:
        """Check what a file holds; what is missing and may be None is None.

        Args:
            values: the fields by name.
            place: the file.

        Raises:
            RunError: naming the file and the field.
        """
        setting: Setting = checked(cls, {"target": None} | values, place)
        setting._check(place)
        return setting

    def _check(self, place: str) -> None:
        """Refuse records that are not whole, and names that do not exist."""
        checked(OriginRecord, self.data, f"{place}: data")
        for name, record in (("dev", self.dev), ("test", self.test)):
            if record:
                checked(OriginRecord, record, f"{place}: {name}")
        checked(Literal["binary", "multiclass", "multilabel", "regression", "own"], self.task, f"{place}: task")
        checked(Literal["float32", "float64"], self.dtype, f"{place}: dtype")
        if self.auto:
            checked(AutopilotOptions, self.auto, f"{place}: auto")
        if self.network == PRETRAINED:
            checked(PretrainedRecord, self.pretrained, f"{place}: pretrained")
        rules: dict[str, Callable[[], object]] = {
            "plugins": lambda: check_plugins(self.plugins or []),
            "pretrained": lambda: self.network == PRETRAINED and Pretrained.of(self.pretrained),
            "network": lambda: None if self.custom or self.network == PRETRAINED else check_network(self.network),
            "arrays": lambda: None if self.arrays is None else ArrayScaling(self.arrays),
            "missing, decimal, dates": lambda: self.options,
            "metric": lambda: metric(self.metric, self.task),
            "metrics": lambda: [metric(name, self.task) for name in self.metrics],
            "loss": lambda: loss_of(self.loss),
            "device": lambda: check_device(self.device),
            "store": lambda: None if self.store is None else check_kept(self.store),
            "name": lambda: None if self.store is None else check_name(self.name or ""),
            "channels": lambda: check_layout(self.channels),
            "schedule": lambda: schedule(self.schedule),
            "objectives": lambda: self.wanted,
            "ensemble": lambda: check_ensemble(int(self.ensemble) if self.ensemble.isdecimal() else self.ensemble),
            "space": lambda: Space.from_dict(self.space),
            "search": lambda: proposer(self.search, Space.from_dict(self.space), self.seed),
        }
        for name, rule in rules.items():
            try:
                rule()
            except (UsageError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
                raise RunError(f"{place}: {name}: {error}") from error

    def prepare(self, run: Path) -> Dataset:
        """Read and split the data again, just as at the beginning."""
        arrays = None if self.arrays is None else ArrayScaling(self.arrays)
        again = self.data_again(run)
        return prepare(
            *again, seed=self.seed, fitted=fitted(self.pretrained), arrays=arrays, as_given=takes_given(self.loss)
        )

    def data_again(self, run: Path) -> tuple[Any, DataOptions]:
        """Find the data again, and how they are read."""
        data, dev, test = (reopen(record, run) if record else None for record in (self.data, self.dev, self.test))
        weight = self.sample_weight if self.weights is None else kept_weights(run, self.weights)
        return data, replace(self.options, dev=dev, test=test, sample_weight=weight)


def _by_text(weights: Any) -> dict[str, float] | str | None:
    """Weights of classes by the text of each class."""
    if weights is None or isinstance(weights, str):
        return weights
    return {label(name): float(weight) for name, weight in weights.items()}
