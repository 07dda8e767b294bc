"""The files of the page, read once: a request names one of them or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources

__all__ = ["StaticFile", "static_files"]

KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True)
class StaticFile:
    """A file of the page.

    Attributes:
        content: its bytes.
        kind: its media type.
        tag: says whether a browser's copy is this one.
    """

    content: bytes
    kind: str
    tag: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Return the files by name."""
    found = {}
    for one in resources.files("ikura.web").joinpath("static").iterdir():
        kind = KINDS.get(one.name.rpartition(".")[2])
        if kind is not None:
            content = one.read_bytes()
            found[one.name] = StaticFile(content, kind, f'"{sha256(content).hexdigest()[:32]}"')
    return found
