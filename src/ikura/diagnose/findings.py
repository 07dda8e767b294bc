"""Everything that a diagnosis finds about a run, kept in a file of its own beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from ikura.data.open_source import open_source
from ikura.diagnose.best_achievable import best_achievable, untuned_learners
from ikura.diagnose.bias_variance import check_worth, diagnose, judge_errors
from ikura.diagnose.chosen_networks import Chosen
from ikura.diagnose.cost_curve import CostCurve, cost_curves
from ikura.diagnose.learning_curve import LearningCurve, learning_curve, seconds_expected
from ikura.diagnose.measured_errors import measure
from ikura.diagnose.mistakes import Mistakes, mistakes
from ikura.diagnose.more_seeds import FIRST, with_more_seeds
from ikura.diagnose.prescription import Prescription, keep_spaces
from ikura.diagnose.reachable_error import Losses, loss_fell_further, with_reachable_errors
from ikura.diagnose.recipe import prescribe
from ikura.diagnose.recipe_rule import RuleContext
from ikura.engine import worker_count
from ikura.errors import UsageError
from ikura.files import shown, write_atomically
from ikura.json_values import JsonObject, jsonable, typed
from ikura.metric.estimate import Estimate, known_error
from ikura.process_state import one_thread_each
from ikura.schema import sealed, unsealed
from ikura.study.record.address import Address
from ikura.study.record.diagnosis import WORTH, Diagnosis, Errors, Neighbour
from ikura.study.record.facts import ERRORS
from ikura.study.record.interventions import Interventions
from ikura.version import __version__

if TYPE_CHECKING:
    from ikura.study.record.record import Record

__all__ = ["FILE", "Findings", "examine", "keep", "other_source", "read_findings"]

FILE = "diagnosis.json"
AFFORDED = 60.0
"""Seconds that a learning curve may take where nobody asked for one."""
QUICK = 5.0
"""Seconds that nobody needs to be told about."""


@dataclass(frozen=True)
class Findings:
    """What `examine` found.

    Attributes:
        trial: number of the chosen trial.
        diagnosis: bias and variance.
        prescriptions: what to do, the strongest first.
        curve: the learning curve; None where it was not trained.
        costs: cost curves; none where they were not trained.
        mistakes: what is wrong on the dev set.
        notes: what else is worth knowing.
        reached: who has reached which dev error.
    """

    trial: int
    diagnosis: Diagnosis
    prescriptions: list[Prescription]
    curve: LearningCurve | None = None
    costs: list[CostCurve] = field(default_factory=list)
    mistakes: Mistakes | None = None
    notes: list[str] = field(default_factory=list)
    reached: Mapping[str, Estimate] = field(default_factory=dict)

    def as_dict(self) -> JsonObject:
        """Return everything as JSON values; numbers that are not finite become None."""
        found = {
            "ikura": __version__,
            "trial": self.trial,
            "diagnosis": self.diagnosis.as_dict(),
            "prescriptions": [asdict(one) for one in self.prescriptions],
            "learning_curve": self.curve and {**asdict(self.curve), "sentence": self.curve.sentence},
            "cost_curves": [
                {**asdict(one), "rises": one.rises, "jumps": one.jumps, "falls": one.falls} for one in self.costs
            ],
            "mistakes": self.mistakes and asdict(self.mistakes),
            "reached": {name: asdict(one) for name, one in self.reached.items()},
            "notes": list(self.notes),
        }
        return dict(jsonable(found))

    def save(self, run: Path) -> Path:
        """Write diagnosis.json beside a run; return its path."""
        path = run / FILE
        write_atomically(path, sealed(self.as_dict(), indent=1))
        return path


def read_findings(
    record: Record, made: Callable[[], tuple[Diagnosis, list[Prescription]]] | None = None
) -> Findings | None:
    """Read what was found about a study; None if nothing was, or if it is of another choice.

    Without a file of findings it is the diagnosis alone, if the study recorded its errors.

    Args:
        record: of the study.
        made: gives diagnosis and prescriptions where they are made already.

    Raises:
        RunError: the file of findings was changed, or is not whole.
    """
    best = record.best
    if best is None:
        return None
    found = None
    if not isinstance(record.place, Address):
        found = unsealed(record.run / FILE, f"ikura diagnose {quote(shown(record.run))}")
    if found is not None and found["trial"] == best.number and found["diagnosis"]["dev"]:
        read: Findings = typed(Findings, found | {"curve": found["learning_curve"], "costs": found["cost_curves"]})
        return read
    if record.store.fact(ERRORS) is None:
        return None
    if made is None:
        diagnosis = diagnose(record)
        return Findings(best.number, diagnosis, prescribe(diagnosis, record))
    return Findings(best.number, *made())


def examine(
    record: Record,
    *,
    bayes_error: float | None = None,
    human_error: float | None = None,
    worth: float = WORTH,
    curve: bool | None = None,
    costs: bool = False,
    examples: int = 20,
    seeds: int = 0,
    jobs: int | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Findings:
    """Diagnose a study and look for the causes: learning curve, cost curves, the dev examples that are wrong.

    Only training and dev examples are used, and nothing of the run is changed.

    Args:
        record: of a finished study.
        bayes_error, human_error, worth: see `diagnose`. Without an error that is known, other learners are asked too.
        curve: whether to train the learning curve; None for where it takes no more than a minute.
        costs: whether to train the cost curves.
        examples: dev examples with the highest loss to keep.
        seeds: networks of the chosen configuration to train with further seeds, over which the errors are then means.
        jobs: trainings at once; by default as many as the study had.
        say: takes sentences on how it goes.

    Returns:
        Diagnosis, prescriptions, curves and mistakes.

    Raises:
        UsageError: the study has chosen no network, or an argument is out of its range.
    """
    from ikura.population.warmup import warm_up
    from ikura.search import schedule
    from ikura.study.training_setup import setup_again

    setting = record.setting
    known = known_error(bayes_error, human_error)
    check_worth(worth)
    if examples < 0:
        raise UsageError(f"examples must be at least 0, but is {examples}")
    if seeds < 0:
        raise UsageError(f"seeds must be at least 0, but is {seeds}")
    jobs = worker_count(jobs or setting.jobs, say)
    with one_thread_each(record.setting.network != "mlp"):
        dataset, setup = setup_again(record.setting, record.run, record.network)
        chosen = Chosen.of(record, setup)
        patience = schedule(setting.schedule).patience(record.epochs)
        say(f"measuring {len(chosen.rows)} network{'s' * (len(chosen.rows) > 1)} of the chosen configuration")
        if seeds:
            if setup.compiled:
                warm_up(setting.dtype, say, setup.convolutional)
            say(f"training {seeds} more network{'s' * (seeds > 1)} with other seeds")
            chosen = with_more_seeds(chosen, seeds, record.epochs, patience, jobs)
        errors, neighbour = measure(chosen)
        stopped = Interventions(record.store).stopped({row.configuration for row in chosen.rows if row.number < FIRST})
        if errors.train.high > worth and not stopped and loss_fell_further(chosen, _losses(record)):
            if setup.compiled:
                warm_up(setting.dtype, say, setup.convolutional)
            say("training on to the end, to see what fit early stopping gave up")
            errors = with_reachable_errors(chosen, errors, record.epochs)
        reached = {"this study": errors.dev}
        if known is None:
            say("asking a random forest and nearest neighbours for the best achievable error")
            reached |= untuned_learners(chosen)
        why = other_source(record)
        notes, learned = [record.about_one] if record.about_one else [], None
        expected = seconds_expected(chosen, record.epochs, why is not None, jobs)
        if curve or (curve is None and expected <= AFFORDED):
            if setup.compiled:
                warm_up(setting.dtype, say, setup.convolutional)
            say(f"training on parts of the training set, about {expected:.0f} s at most")
            try:
                learned = learning_curve(
                    chosen, record.epochs, patience, worth, why is not None, jobs, _telling(say, expected)
                )
            except UsageError as error:
                if curve:
                    raise
                notes.append(f"{str(error)[0].upper()}{str(error)[1:]}.")
        elif curve is None:
            notes.append(
                f"The learning curve was not trained: it may take {expected:.0f} s; --learning-curve trains it."
            )
        if why is not None and learned is None:
            notes.append(f"The dev set may have another source ({why}): --learning-curve tells variance from mismatch.")
        diagnosis = _judged(errors, known, neighbour, reached, worth, learned)
        prescriptions = prescribe(diagnosis, record, learned, seeds)
        found = mistakes(chosen, dataset, _source(record), examples)
        curves: list[CostCurve] = []
        if costs:
            if setup.compiled:
                warm_up(setting.dtype, say, setup.convolutional)
            say("training with and without regularisation and dropout")
            curves = cost_curves(chosen, record.epochs, RuleContext.of(diagnosis, record).can)
    best = record.best
    assert best is not None
    return Findings(best.number, diagnosis, prescriptions, learned, curves, found, notes, reached)


def _losses(record: Record) -> Losses:
    """The training loss of a trial after each epoch; nothing of networks that the study has not trained."""
    known = range(len(record.records()))
    return lambda number: record.curve(number).train_loss.tolist() if number in known else []


def _telling(say: Callable[[str], None], seconds: float) -> Callable[[int, int], None]:
    """Tell of trainings that take long, each quarter of them."""

    def told(done: int, of: int) -> None:
        if seconds > QUICK and done < of and done * 4 // of > (done - 1) * 4 // of:
            say(f"trained {done} of {of} parts")

    return told


def keep(record: Record, findings: Findings) -> Path:
    """Write findings, and the spaces that their prescriptions name, beside the run; return the file of findings."""
    keep_spaces(record, findings.prescriptions)
    return findings.save(record.run)


def _judged(
    errors: Errors,
    known: tuple[Estimate, str] | None,
    neighbour: Neighbour | None,
    reached: Mapping[str, Estimate],
    worth: float,
    learned: LearningCurve | None,
) -> Diagnosis:
    apart = None if learned is None else learned.mismatch
    if known is not None:
        return judge_errors(errors, *known, worth=worth, apart=apart)
    optimal, note = best_achievable(neighbour, reached)
    return judge_errors(errors, optimal, "estimate", worth, note, apart)


def _source(record: Record) -> Any:
    return open_source(*record.setting.data_again(record.run))


def other_source(record: Record) -> str | None:
    """Why the dev set may have another source than the training set; None where it is drawn from the same rows.

    It has one where rows were split by group or by time, where the data came with a dev set of their own, and where a
    column of the dev set is distributed otherwise.
    """
    setting, summary = record.setting, record.summary
    if setting.group:
        return f"split by {setting.group}"
    if setting.time:
        return f"split by time, {setting.time}"
    images = summary.get("images")
    if images and "dev" in (images.get("given_parts") or []):
        return "the data came with it"
    columns = [str(one["column"]) for one in summary.get("drift") or [] if one["part"] == "dev"]
    return f"{', '.join(columns[:3])} distributed otherwise" if columns else None
