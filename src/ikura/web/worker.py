"""A process beside the server that has PyTorch: it asks for interventions, and measures what mattered.

It reads questions from stdin, a JSON object a line, and writes an answer for each to stdout. It ends when stdin does,
or when nothing was asked for a while.
"""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TextIO

from ikura.errors import IkuraError, UsageError
from ikura.json_values import Json, JsonObject, jsonable
from ikura.study.record.address import Address, know_password

__all__ = ["answer", "main"]

IDLE_SECONDS = 300.0
MOST_POINTS = 400
COMPOSED: dict[str, set[str]] = {"budget": {"trials", "epochs", "time_limit"}, "stop-worst": {"share"}}
"""What is made of several requests, and the values that it takes."""


def main() -> None:
    """Answer questions until there are no more."""
    # What libraries print must not stand between the answers.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    while select.select([sys.stdin], [], [], IDLE_SECONDS)[0]:
        line = sys.stdin.readline()
        if not line:
            return
        _write(out, answer(json.loads(line)))


def answer(question: JsonObject) -> JsonObject:
    """Answer one question: {"what": …, "run": …} and what it needs.

    Returns:
        {"found": …}, or {"refused": why}.
    """
    try:
        return {"found": jsonable(QUESTIONS[question["what"]](question))}
    except IkuraError as error:
        return {"refused": str(error)}


def _place(question: JsonObject) -> Path | Address:
    """The study that a question names: its run folder, or where it is on a server."""
    if question.get("store"):
        know_password(question["store"], question.get("password"))
    return Path(question["run"]) if question["run"] else Address(question["store"], question["name"])


def _ask(question: JsonObject) -> Json:
    """Put a request on record; return the interventions that it is, as they stand."""
    from ikura.steer import Steering
    from ikura.steer.going_back import requests_to_go_back
    from ikura.steer.new_values import without_effect
    from ikura.study.record.intervention import Action, Request
    from ikura.study.record.record import Record

    record, action, why = Record(_place(question)), question["action"], question["why"]
    trial, at, values = question["trial"], question["at"], question["values"]
    with closing(record):
        steering = Steering(record)
        if action in COMPOSED:
            if unknown := values.keys() - COMPOSED[action]:
                raise UsageError(f"{action} takes no {', '.join(sorted(unknown))}")
            if action == "budget":
                return [one.to_json() for one in steering.budget(**values, why=why)]
            return [one.to_json() for one in steering.stop_worst(values.get("share", 0.0), why=why)]
        requests: Sequence[Request]
        if action != "rewind":
            requests = [Request(action=Action(action), trial=trial, values=values, at=at, why=why)]
        elif trial is None or at is None:
            raise UsageError("rewind needs a trial, an epoch to go back to, and values of hyperparameters if any")
        else:
            requests = requests_to_go_back(record, trial, at, values, why)
        asked = steering.ask_all(requests)
        return [one.to_json() | {"told": without_effect(record, one)} for one in asked]


def _changeable(question: JsonObject) -> Json:
    """The hyperparameters that can be given other values while a network trains; of a trial with those that it has.

    Those that have one of several words for a value come with these words.
    """
    from ikura.population.schedule import SHAPES
    from ikura.steer.new_values import SHAPE, changeable, changeable_values
    from ikura.study.record.record import copied
    from ikura.study.record.study_tables import row_of

    with copied(_place(question)) as record:
        trial = question.get("trial")
        values = {} if trial is None else changeable_values(record, row_of(record.store, trial))
        return {"names": changeable(record), "values": values, "options": {SHAPE: list(SHAPES)}}


def _mattered(question: JsonObject) -> Json:
    """Measure the importance of hyperparameters, and find the Pareto front."""
    from ikura.diagnose import borders, importance_of
    from ikura.study.record.record import copied

    with copied(_place(question)) as record:
        trials, greater = record.trials, record.metric.greater_is_better
        table = importance_of(record)
        best = record.best
        pressed = borders(trials, record.searched, greater, None if best is None else best.hyperparameters)
        front = record.pareto if len(record.objectives) > 1 else None
        return {
            "importance": table.to_dict("records"),
            "note": table.attrs["note"],
            "borders": [one.sentence for one in pressed],
            "front": None
            if front is None
            else front[["number", "dev_score", *record.objectives[1:]]].to_dict("records"),
        }


def _paired(question: JsonObject) -> Json:
    """Train two trials again and compare them in pairs; thinned to what a screen shows."""
    from ikura.study.paired_trials import paired
    from ikura.study.record.record import copied
    from ikura.study.record.study_tables import row_of

    with copied(_place(question)) as record:
        found = paired(record, *(row_of(record.store, number) for number in question["pair"]))
    step = max(1, -(-len(found) // MOST_POINTS))
    return found[(len(found) - 1) % step :: step].to_dict("list")


def _replay(question: JsonObject) -> Json:
    """Train a trial again; whether that gave the same bits is put on record."""
    from ikura.study.record.record import Record
    from ikura.study.record.study_tables import row_of
    from ikura.study.replay import replayed_curve

    with closing(Record(_place(question))) as record:
        replayed_curve(record, row_of(record.store, question["trial"]))
        return record.replayed(question["trial"])


QUESTIONS: Mapping[str, Callable[[JsonObject], Any]] = {
    "ask": _ask,
    "changeable": _changeable,
    "mattered": _mattered,
    "paired": _paired,
    "replay": _replay,
}


def _write(out: TextIO, value: JsonObject) -> None:
    out.write(json.dumps(value) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
