"""A process that has imported everything and forks one child for each command, which then is `ikura` itself.

A command in a process of its own costs seconds of importing; forked from here it costs none. The command leaves without
taking the interpreter down, which would cost another second; how it ends in a fresh interpreter is tested beside.

Requests are JSON objects, one a line: {"arguments", "folder", "out", "err", "file_size"} begins a command, and
{"wait": pid} waits for one. Answers are lines: the process's number, or its exit code, below 0 for the signal that
ended it.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
from typing import Any


def _become(request: dict[str, Any]) -> None:
    """Turn this child into the command."""
    os.chdir(request["folder"])
    for stream, name in ((0, os.devnull), (1, request["out"]), (2, request["err"])):
        opened = os.open(name, os.O_RDONLY if stream == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(opened, stream)
        os.close(opened)
    if request["file_size"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_size"], resource.RLIM_INFINITY))
    sys.argv = ["ikura", *request["arguments"]]


def _serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            status = os.waitpid(request["wait"], 0)[1]
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if not answer:
                _become(request)
                return
        print(answer, flush=True)


if __name__ == "__main__":
    import ikura.__main__
    import ikura.api.resume
    import ikura.api.tune  # noqa: F401
    from ikura.cli import main

    gc.freeze()
    _serve()
    if len(sys.argv) > 1:
        code = main()
        sys.stderr.flush()
        os._exit(code)
