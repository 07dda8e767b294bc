"""The page as a web application: its addresses, behind the gate."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ikura.web.answers import Answers, plain
from ikura.web.changes import Changes
from ikura.web.gate import App, Gate, Guests
from ikura.web.static_files import static_files

__all__ = ["application"]

PAGES = ("/", "/study", "/trial", "/compare", "/log")
"""Addresses of one and the same page, which shows what its address says."""


def application(answers: Answers, guests: Guests) -> App:
    """Put the page together.

    Args:
        answers: to what the page asks.
        guests: who may come in.
    """
    changes = Changes(answers.folders)
    questions = {
        "runs": answers.runs,
        "study": answers.study,
        "trials": answers.trials,
        "points": answers.points,
        "curves": answers.curves,
        "trial": answers.trial,
        "rounds": answers.rounds,
        "log": answers.log,
        "changeable": answers.changeable,
        "mattered": answers.mattered,
        "paired": answers.paired,
        "parted": answers.parted,
    }
    routes = [
        *(Route(path, _page) for path in PAGES),
        *(Route(f"/api/{name}", answer) for name, answer in questions.items()),
        Route("/api/changes", changes.stream),
        Route("/api/ask", answers.ask, methods=["POST"]),
        Route("/static/{name}", _static),
        Route("/favicon.ico", _icon),
    ]
    return Gate(Starlette(routes=routes, exception_handlers={404: _nothing, 405: _method, Exception: _broken}), guests)


def _page(request: Request) -> Response:
    return _file(request, "index.html")


def _icon(request: Request) -> Response:
    return _file(request, "ikura.svg")


def _static(request: Request) -> Response:
    return _file(request, request.path_params["name"])


def _file(request: Request, name: str) -> Response:
    found = static_files().get(name)
    if found is None:
        return plain(404, "there is no such file")
    headers = {"etag": found.tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == found.tag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.kind, headers=headers)


def _nothing(request: Request, error: Exception) -> Response:
    return plain(404, "there is nothing at this address")


def _method(request: Request, error: Exception) -> Response:
    return plain(405, "this address does not take such requests")


def _broken(request: Request, error: Exception) -> Response:
    return plain(500, "ikura could not answer this; its terminal says why")
