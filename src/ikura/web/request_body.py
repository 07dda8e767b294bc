"""The body of a request: JSON, small, and there within a moment."""

from __future__ import annotations

import asyncio
import json

from starlette.requests import ClientDisconnect, Request

from ikura.json_values import Json

__all__ = ["RefusalError", "body_of"]

MOST_BYTES = 65_536
SECONDS = 10.0


class RefusalError(Exception):
    """Why a body is not taken.

    Args:
        status: of the answer.
        reason: in a line.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


async def body_of(request: Request) -> Json:
    """Read the body of a request.

    Raises:
        RefusalError: it is too large or too slow, or no JSON.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusalError(415, "the body must be JSON (content-type: application/json)")
    try:
        content = await asyncio.wait_for(_read(request), SECONDS)
    except (TimeoutError, ClientDisconnect):
        raise RefusalError(408, "the body did not come") from None
    try:
        return json.loads(content.decode())
    except (ValueError, RecursionError):
        raise RefusalError(400, "the body is no JSON") from None


async def _read(request: Request) -> bytes:
    found = b""
    async for piece in request.stream():
        found += piece
        if len(found) > MOST_BYTES:
            raise RefusalError(413, f"the body is too large; at most {MOST_BYTES:,} bytes are taken")
    return found
