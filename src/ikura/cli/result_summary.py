"""The summary of a study for people: best trials, best hyperparameters, scores, where things are, what next."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ikura.cli.duration_text import format_duration
from ikura.files import shown
from ikura.page import formatting
from ikura.study.record.address import Address
from ikura.study.record.command import predict_command
from ikura.study.record.study_tables import seconds_until_told
from ikura.study.record.trial import Purpose
from ikura.trial_state import TRAINED
from ikura.wording import figure, span

if TYPE_CHECKING:
    from ikura.api.study import Study
    from ikura.checks import Checks
    from ikura.diagnose.findings import Findings
    from ikura.study.record.facts import ChoiceRecord
    from ikura.study.record.result import Best

__all__ = ["number", "summary"]

BEST_TRIALS = 5
FRONT_TRIALS = 10
COLUMNS = 6
WIDTH_OF_A_FILE = 120
ASCII = {ord("−"): "-", ord("–"): "-", ord("∞"): "inf"}
"""What any terminal shows, for signs that pages have."""


def summary(study: Study) -> str:
    """Write the summary of a finished study.

    Args:
        study: a `Study`.

    Returns:
        Text of several lines, with colours when stdout is a terminal.
    """
    from rich.padding import Padding

    from ikura.cli.terminal import CleanConsole

    console = CleanConsole(width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE)
    with console.capture() as captured:
        if study.best is not None:
            trials = study.trials
            console.print(f"\nBest trials by dev {study.metric.name} ({_counts(trials)})")
            console.print(_best_trials(study, trials))
            began = ", as it began" if study.best.changed else ""
            console.print(f"\nBest hyperparameters (trial {study.best.number}{began})")
            console.print(Padding(_pairs(study.best.hyperparameters), (0, 0, 0, 2)))
        if len(study.objectives) > 1 and len(study.pareto):
            ended = study.trials[(study.trials["purpose"] == Purpose.SEARCH) & study.trials["state"].isin(TRAINED)]
            of = ended["dev_score"].notna().sum()
            console.print(f"\nPareto front of dev {', '.join(study.objectives)} ({len(study.pareto)} of {of} trials)")
            console.print(_front(study))
        if study.decisions:
            console.print("\nAutopilot")
            console.print(_story(study))
        console.print()
        console.print(_pairs(_facts(study)), soft_wrap=True)
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def number(value: Any) -> str:
    """Write a value of a table in at most four significant digits.

    Example:
        >>> [number(value) for value in (0.0123456, 64.0, 3, None, float("nan"), "adam", True)]
        ['0.01235', '64', '3', '-', '-', 'adam', 'True']
    """
    return value if isinstance(value, str) else formatting.number(value).translate(ASCII)


def _counts(trials: Any) -> str:
    states = trials.loc[trials["purpose"] == Purpose.SEARCH, "state"].value_counts()
    return ", ".join(f"{count} {state}" for state, count in states.items())


def _best_trials(study: Study, trials: Any) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    names = [name for name in study.space.dimensions if name in trials.columns][:COLUMNS]
    searched = trials[trials["purpose"] == Purpose.SEARCH]
    done = searched[searched["state"].isin(TRAINED) & searched["dev_score"].notna()]
    best = done.sort_values(["dev_score", "dev_loss"], ascending=[not study.metric.greater_is_better, True])
    best = best.drop_duplicates([name for name in study.space if name in trials.columns])
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("trial", *names, f"dev {study.metric.name}"):
        table.add_column(heading, justify="right")
    for row in best.head(BEST_TRIALS).to_dict("records"):
        table.add_row(*(number(row[name]) for name in ("number", *names, "dev_score")))
    return table


def _front(study: Study) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    found, others = study.pareto, study.objectives[1:]
    names = [name for name in study.space.dimensions if name in found.columns][:COLUMNS]
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("trial", f"dev {study.metric.name}", *others, *names, ""):
        table.add_column(heading, justify="right")
    shown = found[(found.index < FRONT_TRIALS) | found["chosen"]]
    columns = ["chosen", "number", "dev_score", *others, *names]
    for chosen, *values in shown[columns].to_numpy(object):
        table.add_row(*map(number, values), "chosen" if chosen else "")
    return table


def _story(study: Study) -> Any:
    """What the autopilot did, a line for each search and each decision not to make one."""
    from rich.table import Table

    from ikura.study.record.decision import Action, Answer

    table = Table.grid(padding=(0, 2))
    decisions = study.decisions
    if decisions[0].best:
        table.add_row("search 1", f"dev {number(decisions[0].best.dev)}", "")
    for one in decisions:
        if one.plan:
            told = f"dev {number(one.found.dev)}, {'' if one.found.better else 'no '}better" if one.found else "-"
            table.add_row(f"search {one.plan.number}", told, f"{one.name}{one.against_gap}")
        elif one.action is Action.SKIP:
            table.add_row("", "skipped", f"{one.name}{one.against_gap}")
        else:
            table.add_row("end", "", "as you said" if one.answer is Answer.STOP else one.reason)
    return table


def _pairs(pairs: Mapping[str, Any]) -> Any:
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for name, value in pairs.items():
        table.add_row(name, number(value))
    return table


def _facts(study: Study) -> dict[str, str]:
    home, run = study.home, shlex.quote(shown(study.named_folder))
    where = f" on {home['host']}" if isinstance(study.place, Address) and home else ""
    facts: dict[str, str] = {}
    if study.best is None:
        frozen = f", {study.frozen} did not move" if study.frozen else ""
        facts["Result"] = f"no trial could be trained to its end ({study.diverged} diverged{frozen})"
    else:
        facts[f"Dev {study.metric.name}"] = _score(study.best.dev, study.best.interval) + _about(study)
        if study.best.dev_corrected is not None and study.best.next is not None:
            picked = _score(study.best.dev_corrected, study.best.corrected_interval)
            facts["  corrected"] = f"{picked}, for having been picked"
    if study.ensemble is not None:
        parts = study.summary["parts"]
        told = study.ensemble.sentence(study.metric.name, parts["train"] + parts["dev"], len(study.refitted))
        facts["Ensemble"] = told
    if study.test is not None:
        told = _score(study.test.value, study.test.interval) + ", measured once"
        facts[f"Test {study.test.metric}"] = told if study.test.note is None else study.test.note
        facts |= {f"  of {one.name}": str(one) for one in study.test.targets}
    if study.against_one is not None:
        facts["  one network"] = study.against_one.sentence
    others = [one for one in study.baselines if not one.constant]
    # That a network is better than a constant goes without saying.
    facts |= {f"  {one.name}": one.verdict for one in study.baselines if others or not one.worse}
    if study.calibration is not None and study.calibration.sentences:
        facts["Probabilities"] = " ".join(study.calibration.sentences)
    if study.bounds is not None and study.bounds.sentence:
        facts["Bounded"] = study.bounds.sentence
    if study.intervals is not None:
        facts["Intervals"] = study.intervals.sentence
    for row in study.measures.itertuples():
        facts[f"  {row.metric}"] = f"dev {number(row.dev)}, test {number(row.test)}"
    if study.choice is not None and study.best is not None:
        facts["Chosen"] = _choice(study.choice, study.best, study)
    facts |= _account(study)
    if study.best is not None and study.best.note:
        facts["Note"] = study.best.note
    if study.best is not None and study.best.next is not None:
        facts["Against next"] = study.best.next.sentence
    if study.checks is not None:
        facts["Checks"] = _checks(study.checks)
    if study.findings is not None:
        facts |= _diagnosis(study.findings)
    if study.ways:
        facts["Trials ran"] = ", ".join(f"{count} {way}" for way, count in study.ways.items())
    facts["Time"] = format_duration(sum(seconds_until_told(study.seconds).values()))
    if study.best is None:
        return facts | {"Run folder": f"{run}{where} (report.html)"}
    if home and not isinstance(study.place, Address) and not (study.place / "model").exists():
        return facts | {"Run folder": f"{run} (its model lies where it was trained)"}
    facts["Run folder"] = f"{run}{where} (model/, report.html)"
    facts["Next"] = predict_command(study.named_folder, study.config["data"], bool(study.summary.get("images")))
    return facts


def _checks(checks: Checks) -> str:
    """Say what the quick checks found before training."""
    counts = ", ".join(f"{len(checks.of(one))} {one}" for one in ("fail", "warn", "pass") if checks.of(one))
    found = "; ".join(f"{one.name}: {one.finding}" for one in (*checks.failed, *checks.warned))
    return f"{counts or 'none made'}{f' ({found})' if found else ''}"


def _account(study: Study) -> dict[str, str]:
    named = {"Early stopping": study.account.stopping, "Zero weights": study.account.sparsity}
    return {name: f"{one.sentence[0].upper()}{one.sentence[1:]}." for name, one in named.items() if one}


def _diagnosis(findings: Findings) -> dict[str, str]:
    """The diagnosis in a sentence, the first thing to do about it, and what that is expected to bring."""
    told = {"Diagnosis": findings.diagnosis.sentence}
    if findings.prescriptions:
        first = findings.prescriptions[0]
        expected = f", expected: {first.expected}" if first.expected else ""
        told["Prescription"] = f"{first.name.replace('-', ' ')}{expected}"
        told |= {"  command": first.command} if first.command else {"  reason": first.reason}
    return told


def _about(study: Study) -> str:
    """The class that the metric is about, where it is about one of two."""
    positive = study.config.get("positive")
    return f", of class {positive!r}" if positive is not None and study.metric.positive else ""


def _score(value: float, interval: tuple[float, float] | None) -> str:
    if interval is None:
        return figure(value)
    low, high = interval
    return f"{figure(value)} (95 % interval {span((low, high))})"


def _choice(choice: ChoiceRecord, best: Best, study: Study) -> str:
    what = choice.prefer.replace("_", " ")
    where = f"within {figure(choice.margin)} of the best dev {study.metric.name}"
    if choice.best == best.number:
        return f"the best dev {study.metric.name}; nothing {where} has fewer {what}"
    cost, most = number(choice.cost), number(choice.best_cost)
    return f"the fewest {what} {where}: {cost}; trial {choice.best} has {most} and {figure(choice.best_dev)}"
