"""`ikura steer`: change a study while it trains, from another terminal."""

from __future__ import annotations

import json as json_module
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ikura.cli.duration_text import parse_duration
from ikura.cli.option_helpers import Json, Quiet, Run, Store, Verbose, begin, one_of, option, study_named, whole
from ikura.cli.option_values import hyperparameter_values
from ikura.cli.terminal import aligned
from ikura.errors import UsageError
from ikura.wording import one_line, shortened

if TYPE_CHECKING:
    from ikura.steer import Steering
    from ikura.study.record.intervention import Intervention

__all__ = ["steer"]

EXAMPLES = (
    "ikura steer runs/houses",
    'ikura steer runs/houses set 12 learning_rate=0.003 --at 20 --why "the loss has levelled off"',
    "ikura steer runs/houses fork 12 momentum=0.95 --at 20",
    "ikura steer runs/houses range learning_rate 0.001 0.1",
    "ikura steer runs/houses budget trials=200 time_limit=30m",
    "ikura steer --store postgresql://ada@db.example.org/studies digits-1 stop 12",
)
ACTIONS = {
    "set": "TRIAL NAME=VALUE …",
    "stop": "TRIAL",
    "fork": "TRIAL [NAME=VALUE…]",
    "rewind": "TRIAL EPOCH [NAME=VALUE…]",
    "pause": "[TRIAL]",
    "go-on": "[TRIAL]",
    "longer": "TRIAL EPOCHS",
    "pin": "TRIAL",
    "unpin": "TRIAL",
    "prioritise": "TRIAL",
    "note": "[TRIAL] TEXT",
    "inject": "NAME=VALUE …",
    "range": "NAME LOW HIGH",
    "add": "NAME=VALUE",
    "ban": "NAME=VALUE",
    "budget": "[trials=N] [epochs=E] [time_limit=TIME]",
    "stop-worst": "NUMBER|SHARE%",
    "end": "",
}
"""What can be asked, and the words behind it."""
OF_STUDY = ("note", "inject", "range", "add", "ban", "budget", "stop-worst", "end")
OF_BOTH = ("pause", "go-on")
"""What is asked of a trial, or without one of the study."""
BUDGET = ("trials", "epochs", "time_limit")
KEPT = "-"
"""Stands for an end of a range that stays where it is."""


def steer(
    context: typer.Context,
    run: Run,
    action: Annotated[
        str | None,
        typer.Argument(metavar="[ACTION]", help=f"What is asked: {', '.join(ACTIONS)}; none lists what was asked."),
    ] = None,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[WORDS]...",
            help="; ".join(f"{name} {text}".rstrip() for name, text in ACTIONS.items()) + ".",
        ),
    ] = None,
    at: Annotated[
        int | None,
        option("E", "After how many epochs of the trial; by default at once, between two epochs.", parser=whole),
    ] = None,
    why: Annotated[str, option("TEXT", "Your reason, for the record.")] = "",
    store: Store = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Change a study while it trains: what is asked here, whoever trains it does between two epochs.

    Every request is on record with what became of it: asked, accepted, refused with the reason, or applied.
    """
    session = begin(context, quiet, verbose)
    where = study_named(run, store)
    if action is not None:
        one_of("ACTION", action, ACTIONS)
    with session.work():
        import ikura

        study = ikura.open_study(**where)
        found = study.interventions if action is None else _asked(study.steer, action, words or (), at, why)
    if json:
        every = [one.to_json() for one in found]
        content: Any = every[0] if action is not None and len(every) == 1 else {"interventions": every}
        session.emit(json_module.dumps(content, indent=2) + "\n")
    elif action is None:
        session.emit("".join(f"{line}\n" for line in _listed(found)))
    else:
        session.emit("".join(f"asked: {_told(one)} (intervention {one.number})\n" for one in found))
    return 0


def _asked(steer: Steering, action: str, words: Sequence[str], at: int | None, why: str) -> list[Intervention]:
    from ikura.steer.going_back import requests_to_go_back
    from ikura.study.record.intervention import Action, Request

    form = f"ikura steer RUN {action} {ACTIONS[action]}"
    if len(words) < sum(word != "…" and not word.startswith("[") for word in ACTIONS[action].split()):
        raise UsageError(f"{action} needs more words: {form}")
    if action in OF_STUDY or (action in OF_BOTH and not words):
        if at is not None:
            raise UsageError(f"{action} takes no epoch (--at): {form}")
        return _asked_of_study(steer, action, words, why, form)
    trial = _number(words[0], "the number of a trial", form)
    if action == "rewind":
        if at is not None:
            raise UsageError(f"rewind takes the epoch as a word, without --at: {form}")
        to = _number(words[1], "an epoch", form)
        return steer.ask_all(requests_to_go_back(steer.record, trial, to, hyperparameter_values(words[2:]), why))
    if action == "longer":
        _most(words, 2, form)
        values: dict[str, Any] = {"epochs": _number(words[1], "a number of epochs", form)}
    else:
        values = dict(hyperparameter_values(words[1:]))
    return [steer.ask(Request(action=Action(action), trial=trial, values=values, at=at, why=why))]


def _asked_of_study(steer: Steering, action: str, words: Sequence[str], why: str, form: str) -> list[Intervention]:
    if action == "note":
        about = _number(words[0], "a trial", form) if len(words) > 1 and words[0].isdecimal() else None
        return [steer.note(" ".join(words[about is not None :]), trial=about)]
    if action == "stop-worst":
        _most(words, 1, form)
        return steer.stop_worst(_share(words[0], form), why=why)
    if action == "range":
        _most(words, 3, form)
        low, high = (None if word == KEPT else _end(word, form) for word in words[1:])
        return [steer.range(words[0], low, high, why=why)]
    if action == "end":
        _most(words, 0, form)
        return [steer.end(why=why)]
    values: dict[str, Any] = dict(hyperparameter_values(words))
    if action == "budget":
        if "time_limit" in values:
            values["time_limit"] = parse_duration(str(values["time_limit"]))
        one_of("budget", next((name for name in values if name not in BUDGET), "trials"), BUDGET)
        return steer.budget(why=why, **values)
    from ikura.study.record.intervention import Action, Request

    return [steer.ask(Request(action=Action(action), values=values, why=why))]


def _most(words: Sequence[str], most: int, form: str) -> None:
    if len(words) > most:
        raise UsageError(f"{shortened(words[most])} is a word too many: {form}")


def _share(word: str, form: str) -> float:
    """A number of trials, or a share of them: 3, 30% or 0.3."""
    try:
        number = float(word.removesuffix("%"))
    except ValueError:
        raise UsageError(
            f"a number or a share is needed, such as 3 or 30%, but got {shortened(word)}: {form}"
        ) from None
    if word.endswith("%"):
        if not 0 < number < 100:
            raise UsageError(f"a share lies between 0% and 100%, but got {shortened(word)}: {form}")
        return number / 100
    return number


def _end(word: str, form: str) -> float:
    try:
        return int(word) if word.lstrip("+-").isdecimal() else float(word)
    except ValueError:
        raise UsageError(f"an end of a range is a number, or {KEPT}, but got {shortened(word)}: {form}") from None


def _number(word: str, what: str, form: str) -> int:
    if not (word.isascii() and word.isdecimal() and len(word) < 19):
        raise UsageError(f"{what} is needed, but got {shortened(word)}: {form}")
    return int(word)


def _listed(found: Sequence[Intervention]) -> list[str]:
    if not found:
        return ["nothing was asked of this study"]
    rows = [["number", "asked", "by", "what", "state", "why"]]
    for one in found:
        moment = (
            "" if one.epoch is None else f" from trial {one.epoch} on" if one.of_search else f" after epoch {one.epoch}"
        )
        state = f"{one.state}{moment}"
        state = f"{state}: {one.reason}" if one.reason else state
        when = datetime.fromtimestamp(one.when).strftime("%Y-%m-%d %H:%M:%S")
        rows.append([str(one.number), when, one.by, _told(one), one_line(state), one_line(one.why)])
    return aligned(rows, words=(1, 2, 3, 4, 5))


def _told(one: Intervention) -> str:
    named = one.values.get("name") if one.action == "range" else None
    values = " ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in one.values.items()
        if named is None or name != "name"
    )
    whom = f"trial {one.trial}" if one.trial is not None else "" if named is None else str(named)
    at = "" if one.at is None or one.epoch is not None else f"at epoch {one.at}"
    made = "" if one.made is None else f"as trial {one.made}"
    return " ".join(filter(None, (str(one.action), whom, values, at, made)))
