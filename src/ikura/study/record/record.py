"""What is on record of a study: trials, curves, the choice, the test, the model; nothing is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from functools import cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import pandas as pd

from ikura.files import named, run_files
from ikura.json_values import JsonObject
from ikura.lazy_torch import nn
from ikura.metric import Metric, metric
from ikura.metric.calibration import Reliability
from ikura.population.member import Hyperparameters
from ikura.space import Space
from ikura.study.record.address import Address
from ikura.study.record.baseline import Baseline
from ikura.study.record.calibration_record import Calibration
from ikura.study.record.changed_space import OF_SPACE, space_from
from ikura.study.record.decision import Decision
from ikura.study.record.ensemble_record import AgainstOne, Ensemble
from ikura.study.record.facts import (
    ACCOUNT,
    AGAINST_ONE,
    BASELINES,
    BEST,
    BOUNDS,
    CALIBRATION,
    DISAGREEMENTS,
    ENSEMBLE,
    IMAGE_SAMPLES,
    INTERVALS,
    MEASURES,
    PREDICTIONS,
    REFITTED,
    RELIABILITY,
    REPLAYED,
    SECONDS,
    STAGES,
    SUMMARY,
    TEST,
    WAYS,
    AccountRecord,
    ChoiceRecord,
    ImageSamplesFact,
    PredictionsFact,
    StageRecord,
    SummaryFact,
)
from ikura.study.record.interval_coverage import IntervalCoverage
from ikura.study.record.intervention import Intervention
from ikura.study.record.interventions import Interventions
from ikura.study.record.machines import different_processors
from ikura.study.record.open_run import open_address, open_run
from ikura.study.record.placed import Placed
from ikura.study.record.prediction_bounds import PredictionBounds
from ikura.study.record.result import Best, Test
from ikura.study.record.search_budget import full_epochs
from ikura.study.record.search_plans import decided, found_in, plans, united, with_widened
from ikura.study.record.setting import Setting
from ikura.study.record.store import Store
from ikura.study.record.study_tables import RoundSummary, best_of, front_of, rounds_of, row_of, trials_of
from ikura.study.record.trial import Trial
from ikura.trial_state import State

if TYPE_CHECKING:
    from ikura.study.record.model import Model

__all__ = ["Record", "copied", "writable"]


class Record(Placed):
    """What is on record of a finished or interrupted study, read only.

    Args:
        run: the run folder; or where the study is on a server, if the folder is not on this machine. Then what needs
            the folder is refused.
        network: the factory, if the networks are the caller's own; needed to train again, and for `model`.
        opened: the run's setting and store, where they are open already, or the store is a copy.

    Raises:
        RunError: the folder holds no run.
    """

    def __init__(
        self,
        run: str | Path | Address,
        network: Callable[[Hyperparameters], nn.Module] | None = None,
        opened: tuple[Setting, Store] | None = None,
    ) -> None:
        self.place = run if isinstance(run, Address) else named(run, "the run folder").absolute()
        self.network = network
        self.setting, self.store = opened or (
            open_address(self.place) if isinstance(self.place, Address) else open_run(self.place)
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.place)!r}, {self.best})"

    def __reduce__(self) -> tuple[type[Self], tuple[Path | Address, Any]]:
        """Copies and pickles are the study opened again; the caller's factory must be one that can be pickled."""
        return type(self), (self.place, self.network)

    def close(self) -> None:
        """Close the run's database; it is opened again when it is asked for something."""
        self.store.close()

    def records(self) -> list[Trial]:
        """Return the trials as they are recorded, finalists among them, with their seeds."""
        return self.store.trials()

    @property
    def config(self) -> JsonObject:
        """Everything resolved, as in config.toml."""
        return asdict(self.setting)

    @property
    def task(self) -> str:
        """One of "binary", "multiclass" and "regression"."""
        return self.setting.task

    @property
    def metric(self) -> Metric:
        """What trials were compared by."""
        return metric(self.setting.metric, self.task)

    @property
    def inputs(self) -> list[Path]:
        """What a table or page that is written of the study must not overwrite."""
        parts = (self.setting.data, self.setting.dev, self.setting.test)
        if isinstance(self.place, Address):
            return [Path(part["path"]) for part in parts if part.get("kind") in ("file", "folder")]
        data = [self.run / str(part.get("path", ".")) for part in parts]
        return [*data, *run_files(self.run)]

    @property
    def sign(self) -> float:
        """1 if a greater dev score is better, -1 otherwise."""
        return 1.0 if self.metric.greater_is_better else -1.0

    @cached_property
    def space(self) -> Space:
        """What was searched; of several searches, or one that a hand changed, a space that holds all configurations."""
        begun = [Space.from_dict(one.space) for one in plans(self.setting, self.store)]
        moments = sorted({one.proposed for one in Interventions(self.store).of_search(*OF_SPACE)})
        return reduce(united, [*begun, *(space_from(self.store, one, moment) for moment in moments for one in begun)])

    @cached_property
    def searched(self) -> Space:
        """The space with all the ranges that the search widened."""
        return with_widened(self.space, self.stages)

    @property
    def space_note(self) -> str:
        """Why it was this space."""
        return self.setting.space_note

    @property
    def epochs(self) -> int:
        """Epochs of a full training: those of the search that found the chosen configuration."""
        searches, best = plans(self.setting, self.store), self.best
        found = searches[0] if best is None else found_in(row_of(self.store, best.number).stage, searches)
        return full_epochs(self.store, found)

    @cached_property
    def summary(self) -> SummaryFact:
        """What was read: rows, columns, parts, classes, notes."""
        return self.store.fact(SUMMARY) or cast(SummaryFact, {})

    @property
    def stages(self) -> list[StageRecord]:
        """The stages of the search: where each searched, and the ranges that were moved outwards for it."""
        return self.store.fact(STAGES) or []

    @property
    def decisions(self) -> list[Decision]:
        """What an autopilot decided after each search and what came of it, in order (docs/autopilot.md); else empty."""
        return decided(self.setting, self.store, self.sign)

    @property
    def rounds(self) -> list[RoundSummary]:
        """What the schedule decided, round by round."""
        return rounds_of(self.store)

    @property
    def interventions(self) -> list[Intervention]:
        """What a hand asked for while the study trained, and what became of it (docs/steering.md)."""
        return Interventions(self.store).every()

    def replayed(self, number: int) -> bool | None:
        """Whether the last replay of a trial gave the same bits as are on record; None where there was none.

        A trial that has trained on since counts as one without.

        Raises:
            UsageError: there is no such trial.
        """
        trial = row_of(self.store, number)
        found = {one["trial"]: one for one in self.store.fact(REPLAYED) or [] if one["epochs"] == trial.epochs}
        return found[trial.number]["same"] if trial.number in found else None

    @property
    def reservations(self) -> list[str]:
        """What speaks against the same bits when it is repeated: machines that compute differently; mostly nothing."""
        unlike = different_processors(self.store)
        return [*([unlike] if unlike else []), *(self.store.fact(DISAGREEMENTS) or [])]

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds spent in each stage, over all processes that worked on the study."""
        return self.store.fact(SECONDS) or {}

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial.

        Columns: number, state ("complete", "pruned", "diverged", "frozen" where no epoch moved the weights,
        "stopped" by the time limit or by a hand that ended the search, "running", "paused", "waiting", "skipped",
        "infeasible"), purpose ("search" or "finalist"), parent (a finalist's trial of the search, or the trial that one
        of the search began as a copy of), stage, one column for each hyperparameter, dev_score, dev_loss, train_score,
        train_loss, epochs, best_epoch, seconds, and one for each of `metrics`, on the dev set, and each further
        objective.
        Where a hand changed, stopped or pinned trials while they trained, or made some, touched says which, finalists
        that repeat it among them, and copies that a schedule's rule made of what a hand had changed or made.
        Scores are those of the best epoch that is recorded, NaN where there is none; epochs are told as they pass,
        also while a trial trains. The dev loss of classes is cross-entropy that counts one example more, of any class
        (docs/honesty.md).
        """
        return trials_of(self.store, list(self.space), self.setting.objectives)

    @property
    def measures(self) -> pd.DataFrame:
        """Further metrics of the chosen network: metric, dev, test."""
        rows = [(one["name"], one["dev"], one["test"]) for one in self.store.fact(MEASURES) or ()]
        return pd.DataFrame(rows, columns=["metric", "dev", "test"])

    @property
    def diverged(self) -> int:
        """Number of trials that diverged."""
        return self.store.count(state=State.DIVERGED)

    @property
    def account(self) -> AccountRecord:
        """Of the chosen network: what stopping early traded (stopping), its zero weights (sparsity); None for none."""
        return self.store.fact(ACCOUNT) or AccountRecord(stopping=None, sparsity=None)

    @property
    def frozen(self) -> int:
        """Number of trials of which no epoch moved the weights."""
        return self.store.count(state=State.FROZEN)

    @property
    def infeasible(self) -> int:
        """Number of trials with more weights than `max_parameters`."""
        return self.store.count(state=State.INFEASIBLE)

    @property
    def objectives(self) -> list[str]:
        """What trials are compared by: the metric, of the dev set, and what else there is to be little of."""
        return [self.setting.metric, *self.setting.objectives]

    @property
    def pareto(self) -> pd.DataFrame:
        """The trials of the search that no other is better than in one objective without being worse in another.

        Columns: number, dev_score, one for each further objective, one for each hyperparameter, chosen; the best dev
        score first. With the dev score alone they are the best trial and its ties.
        """
        return front_of(self.store, list(self.space), self.setting.objectives, self.sign)

    @property
    def choice(self) -> ChoiceRecord | None:
        """How a preferred objective chose; None where the best dev score was chosen."""
        best = self.store.fact(BEST)
        return best.choice if best else None

    def curves(self, numbers: Sequence[int] | None = None) -> pd.DataFrame:
        """Return the curves of some or all trials: number, and the columns of `curve`."""
        return self.store.curves(numbers)

    def curve(self, number: int) -> pd.DataFrame:
        """Return one trial's curve: epoch (from 1), train_loss (penalty included), dev_loss, dev_score.

        Of a trial that trains, epochs are shown as they pass, about four times a second.

        Behind these is a column for each number that a training step tells, a mean over the training set, and one for
        the metric of stop_on.

        Raises:
            UsageError: there is no such trial.
        """
        row = row_of(self.store, number)
        return self.store.curves([row.number], live=True).drop(columns="number").reset_index(drop=True)

    @property
    def best(self) -> Best | None:
        """The chosen trial; None before the end, or when every trial failed."""
        return best_of(self.store)

    @property
    def ensemble(self) -> Ensemble | None:
        """The ensemble, or why there is none (docs/ensembles.md); None before the end, or where none was asked for."""
        return self.store.fact(ENSEMBLE)

    @property
    def refitted(self) -> list[int]:
        """Trials whose networks in the ensemble were trained again on all rows but those of the test set."""
        return self.store.fact(REFITTED) or []

    @property
    def against_one(self) -> AgainstOne | None:
        """One network beside the ensemble, measured on the same opening of the test set; None without an ensemble."""
        return self.store.fact(AGAINST_ONE)

    @property
    def about_one(self) -> str | None:
        """What is to be said by whoever looks at one trial of a study whose model is an ensemble; None for others."""
        found = self.ensemble
        if found is None or not found.used:
            return None
        return f"The model is an ensemble of {found.networks} networks; this is about one network."

    @property
    def test(self) -> Test | None:
        """The one measurement on the test set; None before the end."""
        return self.store.fact(TEST)

    @property
    def calibration(self) -> Calibration | None:
        """What the dev set says of probabilities and of the threshold of answers; None where nothing was asked."""
        return self.store.fact(CALIBRATION)

    @property
    def reliability(self) -> Reliability | None:
        """How often answers of the test set are right beside how sure the model was; None for values."""
        return self.store.fact(RELIABILITY)

    @property
    def intervals(self) -> IntervalCoverage | None:
        """How often prediction intervals held on the test set; None for classes, and for too few dev rows."""
        return self.store.fact(INTERVALS)

    @property
    def bounds(self) -> PredictionBounds | None:
        """Between which values the model predicts; None where it is not bounded."""
        return self.store.fact(BOUNDS)

    @property
    def baselines(self) -> list[Baseline]:
        """What untuned learners reach on the test rows; empty where they were not measured."""
        return self.store.fact(BASELINES) or []

    @property
    def ways(self) -> dict[str, int]:
        """How the trials of a network of the caller's ran, to how many: in the compiled kernel, or in PyTorch and why.

        Empty before the end, and for other networks.
        """
        return self.store.fact(WAYS) or {}

    @property
    def predictions(self) -> PredictionsFact | None:
        """The model's predictions on the test set: target, prediction, classes; None before the end."""
        return self.store.fact(PREDICTIONS)

    @property
    def image_samples(self) -> ImageSamplesFact | None:
        """Images of each class and what augmentations do, as `ikura.study.image_samples`; None for other data."""
        return self.store.fact(IMAGE_SAMPLES)

    @cached_property
    def model(self) -> Model:
        """The chosen network with its preprocessing.

        Raises:
            RunError: there is none yet.
        """
        from ikura.study.record.load_model import load_model

        return load_model(self.folder_with("model/ of the run folder"), self.network)


@contextmanager
def writable(record: Record) -> Iterator[Store]:
    """A study's store, to write in; where the record reads a copy of it, the one in the run folder."""
    if not record.store.copied:
        yield record.store
        return
    with closing(Store(record.setting.place(record.run))) as store:
        yield store


@contextmanager
def copied(run: Path | Address, network: Any = None) -> Iterator[Record]:
    """Open the study of a run on a copy of its database: opening an SQLite database can write to its folder.

    Raises:
        RunError: the folder holds no run.
    """
    setting, store = open_address(run) if isinstance(run, Address) else open_run(run, copied=True)
    try:
        yield Record(run, network, (setting, store))
    finally:
        store.close()
