"""What the page asks for, and what it gets: one function for each question."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ikura.errors import IkuraError, RunError, UsageError
from ikura.json_values import Json, JsonObject, jsonable
from ikura.web.database_reader import Stamp, stamp
from ikura.web.helper_process import HelperProcess, named_study
from ikura.web.located import Run, Runs
from ikura.web.request_body import RefusalError, body_of
from ikura.web.requests import ACTIONS, interventions, request_of, touched
from ikura.web.run_folders import is_live
from ikura.web.server_reader import NoAnswerError
from ikura.web.study_reader import MOST_STUDIES, StudyReader, StudyReaders
from ikura.web.study_summary import changed, overview, summary
from ikura.web.trial_queries import Filter, page, rows_of, sample

__all__ = ["Answers", "json_answer", "plain", "refused"]

MOST_OF_A_QUERY = 20_000
ASK_SECONDS = 60.0
MEASURE_SECONDS = 180.0
TRAIN_SECONDS = 1800.0
SECONDS_BETWEEN, PAUSE = 20.0, 20.0
"""What mattered in a study that trains is measured again after so many seconds, or so many times what it took."""
LARGEST = 2**53


def json_answer(value: Json) -> Response:
    """Write an answer in strict JSON."""
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError):
        text = json.dumps(jsonable(value), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return Response(text.encode(errors="replace"), media_type="application/json", headers={"cache-control": "no-store"})


def answering(question: Callable[[Answers, Request], Json]) -> Callable[[Answers, Request], Response]:
    """Let a function that returns JSON answer a request; what was asked wrongly is told in a line."""

    def answer(self: Answers, request: Request) -> Response:
        try:
            return json_answer(question(self, request))
        except IkuraError as error:
            return refused(error)

    answer.__doc__ = question.__doc__
    return answer


def plain(status: int, text: str) -> Response:
    """Answer with one line."""
    line = " ".join(text.split())
    return Response(line.encode(errors="replace"), status, {"cache-control": "no-store"}, "text/plain; charset=utf-8")


def refused(error: IkuraError) -> Response:
    """Answer why something is not told: a database is silent, there is no such thing, or the question is wrong."""
    status = 503 if isinstance(error, NoAnswerError) else 404 if isinstance(error, RunError) else 400
    return plain(status, str(error))


class Answers:
    """Answers about the runs below a folder.

    Args:
        folders: the runs that are served.
        read_only: whether nothing can be asked of a study.
    """

    def __init__(self, folders: Runs, read_only: bool) -> None:
        self.folders, self.read_only = folders, read_only
        self.readers = StudyReaders()
        self.hand, self.analyst, self.trainer = HelperProcess(), HelperProcess(calm=True), HelperProcess(calm=True)
        self._overviews: dict[Run, tuple[tuple[Stamp, bool], JsonObject]] = {}
        self._mattered: dict[Run, tuple[int, float, Json]] = {}

    def warm(self) -> None:
        """Read the run that is likely to be looked at first: the one that changed last."""
        with suppress(IkuraError):
            found = max(self.folders.all().values(), key=lambda run: changed(run) or 0.0, default=None)
            if found is not None:
                self.readers.of(found).snapshot()

    @answering
    def runs(self, request: Request) -> Json:
        """All runs, those that changed last first."""
        found = [self._overview(name, run) for name, run in self.folders.all().items()]
        found.sort(key=lambda one: (one["live"], one["changed"] or one["begun"] or 0.0), reverse=True)
        return {"folder": self.folders.name, "single": self.folders.single, "runs": found}

    @answering
    def study(self, request: Request) -> Json:
        """How a study stands."""
        name, reader = self._reader(request)
        found = summary(name, reader.run, reader.snapshot(), reader.pace)
        return found | {
            "folder": str(reader.run),
            "readOnly": self.read_only,
            "stale": reader.stale,
            "asked": len(interventions(reader.run)),
        }

    @answering
    def trials(self, request: Request) -> Json:
        """A page of the table of trials."""
        _, reader = self._reader(request)
        study = reader.snapshot()
        sort = request.query_params.get("sort", "dev_score")
        best_first = sort == "dev_score" and study.setting.sign > 0
        down = {"1": True, "0": False}.get(request.query_params.get("down", ""), best_first)
        offset, size = _whole(request, "offset", 0), _whole(request, "size", 50)
        places, total = page(study.trials, sort, down, _filter(request), offset, size)
        columns = rows_of(study.trials, places)
        steered = touched(reader.run).intersection(columns["number"])
        return {
            "version": study.version,
            "total": total,
            "down": down,
            "columns": columns,
            "steered": sorted(steered),
        }

    @answering
    def points(self, request: Request) -> Json:
        """The trials that charts draw: all, or of many a sample."""
        _, reader = self._reader(request)
        study = reader.snapshot()
        places = sample(study.trials, study.setting.sign)
        names = ("number", "dev_score", "state", "purpose", "stage", "parent", "epochs", "seconds")
        columns = {name: study.trials[name] for name in names}
        columns |= {f"hp:{name}": study.trials[f"hp:{name}"] for name in study.trials.hyperparameters}
        scored = int(np.isfinite(study.trials["dev_score"].values).sum())
        return {
            "version": study.version,
            "scored": scored,
            "columns": {name: column.shown(places, 5) for name, column in columns.items()},
        }

    @answering
    def curves(self, request: Request) -> Json:
        """The curves of a few trials."""
        _, reader = self._reader(request)
        return reader.curves(_numbers(request))

    @answering
    def trial(self, request: Request) -> Json:
        """All that is known of one trial."""
        _, reader = self._reader(request)
        study = reader.snapshot()
        number = _whole(request, "trial", 0)
        place = study.trials.place(number)
        if place is None:
            raise UsageError(f"no trial {number}: the study has {len(study.trials):,} trials")
        one = np.array([place])
        facts = {name: values[0] for name, values in rows_of(study.trials, one, 9).items() if name[:3] != "hp:"}
        return {
            "version": study.version,
            "trial": facts,
            "hyperparameters": dict(study.trials.configuration(place)),
            "curve": reader.curves([number])[number],
            "family": reader.family(number),
            **_replayed(study.facts.get("replayed"), number, facts["epochs"]),
        }

    @answering
    def paired(self, request: Request) -> Json:
        """Two trials compared in pairs, epoch by epoch: both are trained again for it."""
        _, reader = self._reader(request)
        pair = _whole(request, "a", 0), _whole(request, "b", 1)
        return self.trainer.ask({"what": "paired", **named_study(reader.run), "pair": pair}, TRAIN_SECONDS)

    @answering
    def parted(self, request: Request) -> Json:
        """The first epoch in which two trials differ that did the same until then."""
        _, reader = self._reader(request)
        return {"epoch": reader.parted(_whole(request, "a", 0), _whole(request, "b", 1))}

    @answering
    def rounds(self, request: Request) -> Json:
        """What the schedule decided, and what an autopilot did."""
        _, reader = self._reader(request)
        return {"rounds": reader.rounds(), "decisions": reader.snapshot().facts.get("decisions") or []}

    @answering
    def log(self, request: Request) -> Json:
        """What was asked of a study, or of one trial."""
        _, reader = self._reader(request)
        trial = None if "trial" not in request.query_params else _whole(request, "trial", 0)
        return {"interventions": interventions(reader.run, trial)}

    @answering
    def changeable(self, request: Request) -> Json:
        """What can be given another value while a network, or a trial's, trains; nothing where nothing can be asked."""
        _, reader = self._reader(request)
        if self.read_only:
            return {"names": [], "values": {}, "actions": []}
        trial = None if "trial" not in request.query_params else _whole(request, "trial", 0)
        found = self.hand.ask({"what": "changeable", **named_study(reader.run), "trial": trial}, ASK_SECONDS)
        return {**found, "actions": ACTIONS}

    @answering
    def mattered(self, request: Request) -> Json:
        """How much each hyperparameter decides, where good trials press against a border, and the Pareto front."""
        _, reader = self._reader(request)
        version = reader.snapshot().version
        known = self._mattered.get(reader.run)
        if known is None or (known[0] != version and time.monotonic() > known[1]):
            begun = time.monotonic()
            found = self.analyst.ask({"what": "mattered", **named_study(reader.run)}, MEASURE_SECONDS)
            took = time.monotonic() - begun
            known = version, time.monotonic() + max(SECONDS_BETWEEN, PAUSE * took), found
            self._mattered[reader.run] = known
            while len(self._mattered) > MOST_STUDIES:
                self._mattered.pop(next(iter(self._mattered)))
        return known[2]

    async def ask(self, request: Request) -> Response:
        """Put a request on record for whoever trains the study."""
        if self.read_only:
            return plain(403, "this page only shows; start ikura serve without --read-only to change a study")
        try:
            form = await body_of(request)
        except RefusalError as refusal:
            return plain(refusal.status, str(refusal))
        return await run_in_threadpool(self._asked, form)

    def _asked(self, form: Json) -> Response:
        try:
            if isinstance(form, dict) and form.get("action") == "replay":
                return json_answer(self._replay(form))
            asked = request_of(form)
            run = self.folders.get(str(form.get("run", "")))
            return json_answer(self.hand.ask({"what": "ask", **named_study(run), **asked}, ASK_SECONDS))
        except IkuraError as error:
            return refused(error)

    def _replay(self, form: JsonObject) -> Json:
        """Train a trial again, and put on record whether it came to the same bits."""
        trial = request_of(form | {"action": "note"})["trial"]
        if trial is None:
            raise UsageError("replay needs a trial; name its number")
        question = {"what": "replay", **named_study(self.folders.get(str(form.get("run", "")))), "trial": trial}
        return self.trainer.ask(question, TRAIN_SECONDS)

    def close(self) -> None:
        """End the processes that were begun."""
        self.hand.close()
        self.trainer.close()
        self.analyst.close()

    def _overview(self, name: str, run: Run) -> JsonObject:
        """Describe a run, as it was described before if nothing has changed."""
        now = stamp(run), is_live(run)
        known = self._overviews.get(run)
        if known is None or known[0] != now:
            known = self._overviews[run] = now, overview(name, run)
        return known[1]

    def _reader(self, request: Request) -> tuple[str, StudyReader]:
        name = request.query_params.get("run", "")
        return name, self.readers.of(self.folders.get(name))


def _whole(request: Request, name: str, usual: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return usual
    try:
        found = int(text[:20])
    except ValueError:
        raise UsageError(f"{name} must be a whole number") from None
    if not 0 <= found < LARGEST:
        raise UsageError(f"{name} must be at least 0 and below 2^53")
    return found


def _replayed(found: Json, trial: int, epochs: Json) -> JsonObject:
    """Whether the last replay of a trial gave the same bits, and why it may not; None without one of what it is now."""
    for one in found if isinstance(found, list) else []:
        if isinstance(one, dict) and one.get("trial") == trial and one.get("epochs") == epochs:
            return {"replayed": one.get("same") is True, "replayed_unlike": one.get("unlike")}
    return {"replayed": None, "replayed_unlike": None}


def _numbers(request: Request) -> list[int]:
    try:
        found = [int(part) for part in request.query_params.get("trials", "")[:400].split(",") if part]
    except ValueError:
        raise UsageError("trials must be whole numbers, separated by commas") from None
    if any(not 0 <= one < LARGEST for one in found):
        raise UsageError("trials must be at least 0 and below 2^53")
    return found


def _filter(request: Request) -> Filter:
    text = request.query_params.get("where", "{}")
    if len(text) > MOST_OF_A_QUERY:
        raise UsageError("the filter is too long")
    try:
        form: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise UsageError("the filter is no JSON") from None
    return Filter.of(form)
