"""A study as its user sees it: trials, curves, the best one, the model, the report."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ikura.api.json_form import json_form
from ikura.api.notebook import card, show, trains
from ikura.files import check_target
from ikura.garbage_collection import no_collections
from ikura.json_values import JsonObject
from ikura.study.record.address import Address
from ikura.study.record.facts import CHECKS
from ikura.study.record.record import Record
from ikura.study.record.study_tables import row_of

if TYPE_CHECKING:
    import optuna

    from ikura.checks import Checks
    from ikura.diagnose import Border, Diagnosis, Prescription
    from ikura.diagnose.findings import Findings
    from ikura.explain import Explanation
    from ikura.large_batch.measure_result import Measures
    from ikura.steer import Steering
    from ikura.study.record.progress import Progress

__all__ = ["Study"]


class Study(Record):
    """A finished or interrupted study, read from its run folder.

    Args:
        run: the run folder.
        network: the factory, if the networks are the caller's own; needed for `replay` and `model`.
        opened: the run's setting and store, where they are open already, or the store is a copy.

    Raises:
        RunError: the folder holds no run.
    """

    @cached_property
    def checks(self) -> Checks | None:
        """What the quick checks found before training; None where they were not made."""
        from ikura.checks import Checks

        found = self.store.fact(CHECKS)
        return None if found is None else Checks.from_json(found)

    @property
    def steer(self) -> Steering:
        """The hand on the study: requests to whoever trains it, such as `study.steer.set(3, learning_rate=0.01)`."""
        from ikura.steer import Steering

        return Steering(self)

    def _repr_html_(self) -> str:
        return card(self)

    def _ipython_display_(self) -> None:
        show(type(self)(self.place, self.network), lambda: trains(self))

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

        return replayed_curve(self, row_of(self.store, number))

    def compare(self, one: int, other: int) -> pd.DataFrame:
        """Compare two trials in pairs, epoch by epoch, by training both again: a fork with its parent, for example.

        Members of a study share the order of examples, mini-batches, noise and the dev examples, so that what differs
        is due to what was tried. Until a fork parts from its parent all differences are 0.

        Args:
            one: number of a trial.
            other: number of another one.

        Returns:
            A row for each epoch that both trained: epoch, and the second less the first of dev_score and dev_loss, low
            and high being the 95 % interval of the latter over dev examples (Student's t of the paired differences).

        Raises:
            UsageError: there is no such trial, it has not been trained, or the network's factory was not given.
        """
        from ikura.study.paired_trials import paired

        return paired(self, row_of(self.store, one), row_of(self.store, other))

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

        return replayed_distances(self, row_of(self.store, number))

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

        return measure(self, trial, points=points, jobs=jobs, out=out, progress=progress)

    def report(self, path: str | Path | None = None, *, report_script: str | None = None) -> Path:
        """Write the report.

        Args:
            path: the file; by default report.html in the run folder; where that is on another machine,
                NAME-report.html here.
            report_script: where it has the script that draws its charts, 4.6 MB: "inline" in the page, "shared" in one
                file beside the run folders (beside a page elsewhere), "none" where charts are left out and said in
                words; by default as the study was begun.

        Returns:
            Its path.

        Raises:
            UsageError: the file would overwrite what the study needs, or `report_script` is none of these.
            StorageError: it cannot be written.
        """
        from ikura.page.chart_script import chart_script_of
        from ikura.report import write_report

        script = chart_script_of(self.setting.report_script if report_script is None else report_script)
        if path is None and isinstance(self.place, Address):
            path = f"{self.place.study}-report.html"
        target = self.run / "report.html" if path is None else check_target(path, *self.inputs)
        with self.store.still(), no_collections():
            return write_report(target, self, self.checks, self.findings, script)

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

    def explain(self, columns: Collection[str] | None = None, repeats: int | None = None) -> Explanation:
        """Measure which columns the model looks at, and how its predictions follow them; see `ikura.explain.explain`.

        Args:
            columns: columns whose dependence is followed; by default the six most important ones.
            repeats: permutations of each column; by default up to 5.

        Returns:
            The explanation; `importance` is a table of the columns.

        Raises:
            UsageError: the study is not finished, its examples are no rows of columns, or a column is unknown.
        """
        from ikura.explain import explain

        return explain(self, columns, repeats)

    @property
    def borders(self) -> list[Border]:
        """Borders of the space that good trials press against; each has a `sentence` that says what to do."""
        from ikura.diagnose import borders

        chosen = None if self.best is None else self.best.hyperparameters
        return borders(self.trials, self.searched, self.metric.greater_is_better, chosen)

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
    def findings(self) -> Findings | None:
        """What `ikura diagnose` found, or the diagnosis alone; None where there is neither."""
        from ikura.diagnose.findings import read_findings

        return read_findings(self, lambda: (self.diagnosis, self.prescriptions))

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
        from ikura.study.exports import export_optuna

        return export_optuna(self, storage, name)

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
        from ikura.study.exports import export_tables

        for path in (trials, curves):
            if path is not None:
                check_target(path, *self.inputs)
        return export_tables(self, trials, curves)

    def to_json(self) -> JsonObject:
        """Return the study's result as JSON values."""
        return json_form(self, self.checks, self.findings)
