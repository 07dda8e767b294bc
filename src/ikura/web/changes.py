"""The stream of changes: a line to the browser whenever what it looks at has other content on disk."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ikura.errors import RunError
from ikura.web.answers import plain, refused
from ikura.web.database_reader import stamp
from ikura.web.located import Runs, address_of
from ikura.web.run_folders import is_live
from ikura.web.server_reader import NoAnswerError, server_reader

__all__ = ["Changes"]

MOST_STREAMS = 48
SECONDS = 0.5
"""Between two looks at the disk, or longer: `REST` times what a look takes."""
REST = 20.0
BREATH = 15.0
"""Seconds after which a stream says that it is there, though nothing has changed."""


class Changes:
    """Streams of server-sent events, each of which tells that a run, or any run, has changed.

    Args:
        folders: the runs that are served.
    """

    def __init__(self, folders: Runs) -> None:
        self.folders = folders
        self.open = 0

    async def stream(self, request: Request) -> Response:
        """Open a stream for the run that the request names, or for all."""
        if self.open >= MOST_STREAMS:
            return plain(503, "too many pages are open; close some")
        name = request.query_params.get("run")
        if name is None:
            return self._answer(self._all)
        try:
            await run_in_threadpool(self.folders.get, name)
        except NoAnswerError:
            pass
        except RunError as error:
            return refused(error)
        return self._answer(lambda: self._one(name))

    def _all(self) -> list[object]:
        return [[name, *stamp(run), is_live(run)] for name, run in self.folders.all().items()]

    def _one(self, name: str) -> list[object]:
        run = self.folders.get(name)
        if address := address_of(run):
            server_reader(address.url).studies()
        return [*stamp(run), is_live(run)]

    def _answer(self, look: Callable[[], list[object]]) -> StreamingResponse:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._events(look), media_type="text/event-stream", headers=headers)

    async def _events(self, look: Callable[[], list[object]]) -> AsyncIterator[str]:
        self.open += 1
        try:
            before, silent = "", 0.0
            yield "retry: 1000\n\n"
            while True:
                begun = time.monotonic()
                told = "event: changed\ndata: 1\n\n"
                try:
                    now = json.dumps(await run_in_threadpool(look))
                except NoAnswerError as error:
                    now = json.dumps(str(error))
                    told = f"event: lost\ndata: {now}\n\n"
                pause = max(SECONDS, REST * (time.monotonic() - begun))
                silent += pause
                if now != before:
                    before, silent = now, 0.0
                    yield told
                elif silent >= BREATH:
                    silent = 0.0
                    yield ": here\n\n"
                await asyncio.sleep(pause)
        finally:
            self.open -= 1
