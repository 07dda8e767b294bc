"""The worker as the server sees it: begun when it is needed, asked one question at a time, ended with the server."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from threading import Lock
from typing import Any

from ikura.errors import RunError, UsageError
from ikura.json_values import Json, JsonObject
from ikura.study.record.address import Address, known_password
from ikura.web.located import Run, address_of

__all__ = ["HelperProcess", "named_study"]

CALM = 10
"""How much the worker leaves the processor to others."""
PIECE = 1 << 16
MOST_BYTES = 1 << 24


def named_study(run: Run) -> JsonObject:
    """Name a study in a question; the worker is given the password that this process knows, in memory."""
    if isinstance(run, Address):
        return {"run": "", "store": run.url, "name": run.study, "password": known_password(run.url)}
    address = address_of(run)
    return {"run": str(run), "store": address and address.url, "password": address and known_password(address.url)}


class HelperProcess:
    """A process of `ikura.web.worker`.

    Args:
        calm: whether it is to give way to those who train.
    """

    def __init__(self, calm: bool = False) -> None:
        self.calm = calm
        self._lock, self._beginning, self._closed = Lock(), Lock(), False
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, question: JsonObject, seconds: float) -> Json:
        """Ask a question, and wait for the answer.

        Args:
            question: as `ikura.web.worker.answer` takes it.
            seconds: how long it may take.

        Raises:
            UsageError: what is asked cannot be done, and why.
            RunError: there was no answer in time, or the process ended.
        """
        with self._lock:
            line = json.dumps(question).encode() + b"\n"
            try:
                found = json.loads(self._answer(line, time.monotonic() + seconds))
            except (OSError, ValueError) as error:
                self._end()
                raise RunError(f"the process that has PyTorch gave no answer ({error})") from error
        if "refused" in found:
            raise UsageError(found["refused"])
        return found["found"]

    def close(self) -> None:
        """End the process; a question that is still on its way begins no other one."""
        with self._beginning:
            self._closed = True
        self._end()

    def _answer(self, line: bytes, until: float) -> bytes:
        process = self._begun()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line)
        process.stdin.flush()
        found = b""
        while not found.endswith(b"\n"):
            left = until - time.monotonic()
            if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                raise TimeoutError("it took too long")
            piece = os.read(process.stdout.fileno(), PIECE)
            if not piece or len(found) > MOST_BYTES:
                raise BrokenPipeError("it ended")
            found += piece
        return found

    def _begun(self) -> subprocess.Popen[bytes]:
        with self._beginning:
            if self._closed:
                raise BrokenPipeError("the server has ended")
            found = self._process
            if found is None or found.poll() is not None:
                self._end()
                options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
                # Signals that end the server come to it alone, and it ends the worker.
                command = [sys.executable, "-W", "ignore", "-m", "ikura.web.worker"]
                if self.calm and hasattr(os, "nice"):
                    program = f"import os; os.nice({CALM}); from ikura.web.worker import main; main()"
                    command = [sys.executable, "-W", "ignore", "-c", program]
                found = self._process = subprocess.Popen(command, start_new_session=True, **options)
            return found

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        process.kill()
        process.wait()
