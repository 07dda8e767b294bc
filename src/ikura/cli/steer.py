"""`ikura steer`: change a study while it trains, from another terminal."""

from __future__ import annotations

import json as json_module
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ikura.cli.option_helpers import Json, Quiet, Run, Verbose, begin, existing_run, one_of, option, whole
from ikura.cli.option_values import hyperparameter_values
from ikura.cli.terminal import aligned
from ikura.errors import UsageError
from ikura.wording import shortened

if TYPE_CHECKING:
    from ikura.steer import Steering
    from ikura.study.record.interventions import Intervention

__all__ = ["steer"]

EXAMPLES = (
    "ikura steer runs/houses",
    'ikura steer runs/houses set 12 learning_rate=0.003 --at 20 --why "the loss has levelled off"',
    "ikura steer runs/houses fork 12 momentum=0.95 --at 20",
)
ACTIONS = {
    "set": "TRIAL NAME=VALUE …",
    "stop": "TRIAL",
    "fork": "TRIAL NAME=VALUE …",
    "rewind": "TRIAL EPOCH NAME=VALUE …",
    "inject": "NAME=VALUE …",
    "end": "",
}
"""What can be asked, and the words behind it."""


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
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Change a study while it trains: what is asked here, whoever trains it does between two epochs.

    Every request is on record with what became of it: asked, accepted, refused with the reason, or applied.
    """
    session = begin(context, quiet, verbose)
    folder = existing_run(run)
    if action is not None:
        one_of("ACTION", action, ACTIONS)
    with session.work():
        import ikura

        study = ikura.open_study(folder)
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
    from ikura.study.record.interventions import Action, Request

    form = f"ikura steer RUN {action} {ACTIONS[action]}"
    if len(words) < len(ACTIONS[action].removesuffix(" …").split()):
        raise UsageError(f"{action} needs more words: {form}")
    if action in ("inject", "end"):
        return [steer.ask(Request(action=Action(action), values=hyperparameter_values(words), at=at, why=why))]
    trial = _number(words[0], "the number of a trial", form)
    if action == "rewind":
        if at is not None:
            raise UsageError(f"rewind takes the epoch as a word, without --at: {form}")
        return steer.rewind(trial, _number(words[1], "an epoch", form), why=why, **hyperparameter_values(words[2:]))
    return [
        steer.ask(Request(action=Action(action), trial=trial, values=hyperparameter_values(words[1:]), at=at, why=why))
    ]


def _number(word: str, what: str, form: str) -> int:
    if not (word.isascii() and word.isdecimal() and len(word) < 19):
        raise UsageError(f"{what} is needed, but got {shortened(word)}: {form}")
    return int(word)


def _listed(found: Sequence[Intervention]) -> list[str]:
    if not found:
        return ["nothing was asked of this study"]
    rows = [["number", "asked", "by", "what", "state", "why"]]
    for one in found:
        state = f"{one.state} after epoch {one.epoch}" if one.epoch is not None else str(one.state)
        state = f"{state}: {one.reason}" if one.reason else state
        when = datetime.fromtimestamp(one.when).strftime("%Y-%m-%d %H:%M:%S")
        rows.append([str(one.number), when, one.who, _told(one), state, one.why])
    return aligned(rows, words=(1, 2, 3, 4, 5))


def _told(one: Intervention) -> str:
    values = " ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in one.values.items()
    )
    whom = "" if one.trial is None else f" trial {one.trial}"
    at = "" if one.at is None or one.epoch is not None else f" at epoch {one.at}"
    made = "" if one.made is None else f" as trial {one.made}"
    return f"{one.action}{whom} {values}{at}{made}".rstrip()
