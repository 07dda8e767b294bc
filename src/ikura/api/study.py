"""A study as its user sees it: trials, curves, the best one, the model, the report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from torch import nn

from ikura.api.json_form import json_form
from ikura.files import check_target, named, run_files
from ikura.metric import Metric, metric
from ikura.population.member import Hyperparameters
from ikura.space import Space
from ikura.study.record.enter import enter
from ikura.study.record.model import Model, load_model
from ikura.study.record.result import Best, Test
from ikura.study.record.search_plans import decided, found_in, plans, united, with_widened
from ikura.study.record.setting import Setting
from ikura.study.record.store import Store
from ikura.study.record.tables import best_of, front_of, rounds_of, row_of, test_of, trials_of

if TYPE_CHECKING:
    import optuna

    from ikura.checks import Checks
    from ikura.diagnose import Diagnosis, Edge, Prescription
    from ikura.large_batch.measure_result import Measures
    from ikura.population.job import Outcome
    from ikura.study.record.progress import Progress

__all__ = ["Study"]


class Study:
    """A finished or interrupted study, read from its run folder.

    Args:
        run: the run folder.
        network: the factory, if the networks are the caller's own; needed for `replay` and `model`.
        opened: the run's setting and store, where they are open already, or the store is a copy.

    Raises:
        RunError: the folder holds no run.
    """

    def __init__(
        self,
        run: str | Path,
        network: Callable[[Hyperparameters], nn.Module] | None = None,
        opened: tuple[Setting, Store] | None = None,
    ) -> None:
        self.run = named(run, "the run folder").absolute()
        self.network = network
        self.setting, self._store = opened or enter(self.run)

    def __repr__(self) -> str:
        return f"Study({str(self.run)!r}, {self.best})"

    def __reduce__(self) -> tuple[type[Study], tuple[Path, Any]]:
        """Copies and pickles are the run folder opened again; the caller's factory must be one that can be pickled."""
        return Study, (self.run.absolute(), self.network)

    def close(self) -> None:
        """Close the run's database; it is opened again when it is asked for something."""
        self._store.close()

    def fact(self, name: str) -> Any:
        """Return what was recorded under a name, None if nothing was."""
        return self._store.fact(name)

    def records(self) -> list[dict[str, Any]]:
        """Return the trials as they are recorded, finalists among them, with their seeds."""
        return self._store.trials()

    @property
    def config(self) -> dict[str, Any]:
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
    def _inputs(self) -> list[Path]:
        """What a table or page that is written of the study must not overwrite."""
        parts = (self.setting.data, self.setting.dev, self.setting.test)
        data = [self.run / str(part.get("path", ".")) for part in parts]
        return [*data, *run_files(self.run)]

    @property
    def _sign(self) -> float:
        return 1.0 if self.metric.greater_is_better else -1.0

    @cached_property
    def space(self) -> Space:
        """What was searched; of several searches, a space that holds the configurations of all."""
        return reduce(united, (Space.from_dict(one.space) for one in plans(self.setting, self._store)))

    @cached_property
    def searched(self) -> Space:
        """The space with all the ranges that the search widened."""
        return with_widened(self.space, self.regions)

    @property
    def space_note(self) -> str:
        """Why it was this space."""
        return self.setting.space_note

    @property
    def epochs(self) -> int:
        """Epochs of a full training: those of the search that found the chosen configuration."""
        searches, best = plans(self.setting, self._store), self.best
        if best is None:
            return searches[0].epochs
        return found_in(row_of(self._store, best.number)["stage"], searches).epochs

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What was read: rows, columns, parts, classes, notes."""
        return self._store.fact("summary", {})

    @cached_property
    def checks(self) -> Checks | None:
        """What the quick checks found before training; None where they were not made."""
        from ikura.checks import Checks

        found = self._store.fact("checks")
        return None if found is None else Checks.from_json(found)

    @property
    def regions(self) -> list[dict[str, Any]]:
        """The stages of the search: stage, name, trials, epochs, region, and in `widened` the ranges moved outwards."""
        return self._store.fact("stages", [])

    @property
    def decisions(self) -> list[dict[str, Any]]:
        """What an autopilot decided after each search and what came of it, in order (docs/autopilot.md); else empty."""
        return decided(self.setting, self._store, self._sign)

    @property
    def rounds(self) -> list[dict[str, Any]]:
        """What the schedule decided, round by round.

        Each has stage, round (from 0), epochs (those that it trains to), going_on, begun and copied (numbers of
        trials), and dropped (number, epochs and why of each).
        """
        return rounds_of(self._store)

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds spent in each stage, over all processes that worked on the study."""
        return self._store.fact("seconds", {})

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial.

        Columns: number, state ("complete", "pruned", "diverged", "frozen" where no epoch moved the weights, "stopped"
        by the time limit, "running", "waiting", "skipped", "infeasible"), purpose ("search" or "finalist"), parent (a
        finalist's trial of the search, or the trial that one of the search began as a copy of), stage, one column for
        each hyperparameter, dev_score, dev_loss, train_score, train_loss, epochs, best_epoch, seconds, and one for each
        further objective. Scores are those of the best epoch, NaN where there is none. The dev loss of classes is
        cross-entropy that counts one example more, of any class (docs/honesty.md).
        """
        return trials_of(self._store, list(self.space), self.setting.objectives)

    @property
    def diverged(self) -> int:
        """Number of trials that diverged."""
        return self._store.count(state="diverged")

    @property
    def account(self) -> dict[str, Any]:
        """Of the chosen network: what stopping early traded (stopping), its zero weights (sparsity); None for none."""
        return {"stopping": None, "sparsity": None} | self._store.fact("account", {})

    @property
    def frozen(self) -> int:
        """Number of trials of which no epoch moved the weights."""
        return self._store.count(state="frozen")

    @property
    def infeasible(self) -> int:
        """Number of trials with more weights than `max_parameters`."""
        return self._store.count(state="infeasible")

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
        return front_of(self._store, list(self.space), self.setting.objectives, self._sign)

    @property
    def choice(self) -> dict[str, Any] | None:
        """How a preferred objective chose; None where the best dev score was chosen.

        Keys: prefer, margin, best (number of the best dev score), best_dev, best_cost, cost.
        """
        return (self._store.fact("best") or {}).get("choice")

    def curves(self, numbers: Sequence[int] | None = None) -> pd.DataFrame:
        """Return the curves of some or all trials: number, epoch (from 1), train_loss, dev_loss, dev_score."""
        return self._store.curves(numbers)

    def curve(self, number: int) -> pd.DataFrame:
        """Return one trial's curve: epoch (from 1), train_loss (penalty included), dev_loss, dev_score.

        Raises:
            UsageError: there is no such trial.
        """
        row_of(self._store, number)
        return self._store.curves([number]).drop(columns="number").reset_index(drop=True)

    @property
    def best(self) -> Best | None:
        """The chosen trial; None before the end, or when every trial failed."""
        return best_of(self._store)

    @property
    def test(self) -> Test | None:
        """The one measurement on the test set; None before the end."""
        return test_of(self._store)

    @property
    def predictions(self) -> dict[str, Any] | None:
        """The model's predictions on the test set: target, prediction, classes; None before the end."""
        return self._store.fact("predictions")

    @property
    def pictures(self) -> dict[str, Any] | None:
        """Images of each class and what augmentations do, as `ikura.study.image_samples`; None for other data."""
        return self._store.fact("pictures")

    @cached_property
    def model(self) -> Model:
        """The chosen network with its preprocessing.

        Raises:
            RunError: there is none yet.
        """
        return load_model(self.run, self.network)

    def replay(self, number: int) -> pd.DataFrame:
        """Train one trial again, without the others, in a tile of the shapes it ran in.

        Args:
            number: the trial.

        Returns:
            Its curve, as `curve` returns it; on the same machine equal to the recorded one to the bit.

        Raises:
            UsageError: there is no such trial, or the network's factory was not given.
        """
        from ikura.study.replay import replayed_curve

        return replayed_curve(self, self._store, row_of(self._store, number))

    def again(self, row: Mapping[str, Any]) -> Outcome:
        """Train one trial of `records` again, as `replay`; return what becomes of it, with its best weights."""
        from ikura.study.replay import replay

        return replay(self, self._store, dict(row))

    def distances(self, number: int) -> pd.DataFrame:
        """Measure how far one trial's weights went from their initial values, by training it again.

        Args:
            number: the trial.

        Returns:
            A row for each epoch: epoch, distance ‖w - w_0‖ of all weights, and that of each parameter by its name;
            their squares add up to the square of the whole.

        Raises:
            UsageError: there is no such trial, or the network's factory was not given.
        """
        from ikura.study.replay import replayed_distances

        return replayed_distances(self, self._store, row_of(self._store, number))

    def measure(
        self,
        trial: int | None = None,
        *,
        points: int = 12,
        jobs: int | None = None,
        out: str | Path | None = None,
        progress: Progress | None = None,
    ) -> Measures:
        """Take the large-batch measures of one trial, by training it again exactly as it was.

        Measured are the gradient noise scale along the way, the distance from the initial weights with the law that it
        follows, and α of the random potential around them. Gradients are of training examples; the run is left as it
        was, but for its folder `measure` with report.html and measures.json.

        Args:
            trial: its number; by default the one whose network is the run's model.
            points: moments at which the noise scale is measured, evenly spaced in the logarithm of the epoch.
            jobs: processes that measure at once; by default one for each core.
            out: folder for the report; by default `measure` in the run folder.
            progress: who is told how it goes.

        Returns:
            The measures.

        Raises:
            UsageError: there is no such trial, it has not been trained, or the network's factory was not given.
            RunError: no trial was named, and the run has not chosen a network.

        Example:
            >>> import tempfile, ikura
            >>> space = {"learning_rate": 0.01, "batch_size": 8, "units": 8}
            >>> run = tempfile.mkdtemp() + "/iris"
            >>> study = ikura.tune("iris", space=space, trials=1, epochs=6, finalists=0, out=run)
            >>> found = study.measure(points=3, jobs=1)
            >>> found.noise_scale["epoch"].tolist(), found.deviation
            ([0, 1, 6], 0.0)
        """
        from ikura.large_batch.measure import measure

        return measure(self, self._store, trial, points=points, jobs=jobs, out=out, progress=progress)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the report, by default to report.html in the run folder; return its path."""
        from ikura.report import write_report

        target = self.run / "report.html" if path is None else check_target(path, *self._inputs)
        return write_report(self, target)

    def importance(self, method: str = "ped-anova", among: str = "all") -> pd.DataFrame:
        """Measure how much each hyperparameter decides about the dev score; see `ikura.diagnose.importance`.

        Args:
            method: "ped-anova" or "fanova".
            among: "all" trials, or the "good" ones only.

        Returns:
            hyperparameter, importance, chance, trials, the most important first; empty when there are too few trials.
            `attrs["note"]` says what was looked at, or why there are no numbers.

        Raises:
            UsageError: method or among is unknown.
        """
        from ikura.diagnose import importance

        return importance(self.trials, self.searched, self.metric.greater_is_better, method, among)

    @property
    def edges(self) -> list[Edge]:
        """Borders of the space that good trials press against; each has a `sentence` that says what to do."""
        from ikura.diagnose import edges

        best = self.best
        chosen = None if best is None else best.hyperparameters
        return edges(self.trials, self.searched, self.metric.greater_is_better, chosen)

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """Bias and variance of the choice, as `ikura.diagnose.diagnose`; the best achievable error is an estimate."""
        from ikura.diagnose import diagnose

        return diagnose(self)

    @cached_property
    def prescriptions(self) -> list[Prescription]:
        """What to do about the diagnosis, the strongest first; each has the command that does it, and the change."""
        from ikura.diagnose import prescribe

        return prescribe(self.diagnosis, self)

    @cached_property
    def findings(self) -> dict[str, Any] | None:
        """What `ikura diagnose` found, or the diagnosis alone, as JSON values; None where there is neither."""
        from ikura.diagnose.findings import read_findings

        return read_findings(self)

    def to_optuna(self, storage: Any = None, name: str | None = None) -> optuna.Study:
        """Write the study as one of Optuna's: trials with their distributions, states and curves of the dev score.

        Trials without a score (diverged, never trained) have failed. What Optuna has no place for (purpose, stage,
        losses, epochs, ...) is among a trial's user attributes.

        Args:
            storage: a storage of Optuna or its URL, such as sqlite:///optuna.db; None for memory.
            name: the study's name there; by default the run folder's.

        Returns:
            The study of Optuna.

        Raises:
            UsageError: the storage has a study of this name, or cannot be opened.
        """
        from ikura.study.handover import as_optuna

        return as_optuna(self, storage, name)

    def export(self, trials: str | Path | None = None, curves: str | Path | None = None) -> list[Path]:
        """Write tables, as CSV or Parquet by the files' names.

        Args:
            trials: file for the table of trials; None for none.
            curves: file for all curves: number, epoch, train_loss, dev_loss, dev_score.

        Returns:
            The files written.

        Raises:
            UsageError: nothing was asked for, or a file cannot be written there.
        """
        from ikura.study.handover import as_tables

        for path in (trials, curves):
            if path is not None:
                check_target(path, *self._inputs)
        return as_tables(self, trials, curves)

    def to_json(self) -> dict[str, Any]:
        """Return the study's result as JSON values."""
        return json_form(self, self._store)
