"""The address of a study on a PostgreSQL server: a URL without its password, and the study's name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from ikura.errors import UsageError, nearest
from ikura.wording import shortened

__all__ = [
    "Address", "ask_by", "check_kept", "check_name", "connection_arguments", "name_from", "parse_url", "password_of",
    "written_address",
]  # fmt: skip

SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
FORM = "postgresql://USER@HOST/DATABASE"
OPTIONS = (
    "host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "passfile", "gssencmode", "channel_binding",
)  # fmt: skip
"""Parameters of a URL that libpq is given."""
PREFIX = "ikura_"
"""How the schemas of studies begin."""
LONGEST_NAME = 63 - len(PREFIX)
"""Bytes of a study's name: those of an identifier of PostgreSQL, less the prefix."""
NAME = re.compile(r"\w[\w.-]*")
PORT = 5432

_passwords: dict[str, str] = {}
"""Passwords that this process was given, by URL. They are in memory only."""
_ask: Callable[[str], str | None] | None = None


@dataclass(frozen=True)
class Address:
    """Where a study is recorded on a server.

    Args:
        url: of the database, as `parse_url` returns it.
        study: the study's name.
    """

    url: str
    study: str

    def __str__(self) -> str:
        return f"study {self.study} in {self.url}"

    @property
    def schema(self) -> str:
        """The schema that holds the study's tables."""
        return PREFIX + self.study

    def same_study(self, other: Address) -> bool:
        """Whether another address is of the same study, whoever asks and however the connection is made."""
        mine, theirs = (urlsplit(one.url) for one in (self, other))
        places = [(one.hostname, one.port, one.path) for one in (mine, theirs)]
        return self.study == other.study and places[0] == places[1]

    @property
    def folder(self) -> Path:
        """Where its run folder is made on a machine that has none."""
        return Path("runs", self.study)


def parse_url(text: str) -> str:
    """Take the URL of a database apart, and keep its password in memory.

    Args:
        text: as the caller wrote it.

    Returns:
        The URL without the password, always written in the same way.

    Raises:
        UsageError: it is none of a PostgreSQL database; the message never shows what may be a password.

    Example:
        >>> parse_url("postgres://ada:secret@db.example.org/studies")
        'postgresql://ada@db.example.org:5432/studies'
    """
    scheme, colon, rest = text.partition("://")
    if not colon or not scheme:
        raise UsageError(f"the store must be {FORM}, but is no URL; without one a run records in its own folder")
    if scheme.partition("+")[0] == "sqlite":
        raise UsageError(
            f"the store of a run is an SQLite file in its folder already: name the folder without a URL, or give {FORM}"
        )
    if scheme not in SCHEMES:
        begin = f"the store must be {FORM}, but its URL begins with {shortened(scheme)}"
        raise UsageError(f"{begin}; PostgreSQL works, and SQLite without a URL")
    try:
        parts = urlsplit(f"postgresql://{rest}")
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        line = f"the store must be {FORM}, but its host or port is none; in a password write / as %2F"
        raise UsageError(line) from None
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    password = given.pop("password", None) or (None if parts.password is None else unquote(parts.password))
    for name in given:
        if name not in OPTIONS:
            near = nearest(name, OPTIONS) or f"; it takes {', '.join(OPTIONS)}"
            raise UsageError(f"the URL of the store takes no parameter {shortened(name)}{near}")
    database = unquote(parts.path.removeprefix("/"))
    if not database or "/" in database or parts.fragment:
        raise UsageError(f"the store must be {FORM}, but names no database")
    user = "" if parts.username is None else f"{quote(unquote(parts.username), safe='')}@"
    place = f"[{host}]" if ":" in host else host
    where = "" if not host else f"{place}:{port or PORT}"
    options = f"?{urlencode(given, safe='/')}" if given else ""
    url = f"postgresql://{user}{where}/{quote(database, safe='')}{options}"
    if password:
        _passwords[url] = password
    return url


def written_address(path: Path) -> Address | None:
    """What a config.toml says of a server; nothing where it is none of ikura's, which is told elsewhere."""
    with suppress(OSError, ValueError, RecursionError, UsageError):
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        if isinstance(values.get("store"), str) and isinstance(values.get("name"), str):
            check_kept(values["store"])
            return Address(values["store"], values["name"])
    return None


def check_kept(url: str) -> None:
    """Refuse the URL of a file of settings that is not as ikura wrote it.

    Raises:
        UsageError: it is none, or holds a password.
    """
    if parse_url(url) != url:
        raise UsageError("the URL is not as ikura writes it: leave a password out, and write the port")


def connection_arguments(url: str) -> dict[str, Any]:
    """What libpq is given to reach a database, a password of this process included.

    Args:
        url: as `parse_url` returns it.
    """
    parts = urlsplit(url)
    found: dict[str, Any] = {"dbname": unquote(parts.path[1:])}
    if parts.hostname:
        found |= {"host": parts.hostname, "port": parts.port or PORT}
    if parts.username is not None:
        found["user"] = unquote(parts.username)
    found |= parse_qsl(parts.query)
    if url in _passwords:
        found["password"] = _passwords[url]
    return found


def known_password(url: str) -> str | None:
    """The password of a URL that this process was given; None for none."""
    return _passwords.get(url)


def know_password(url: str, password: str | None) -> None:
    """Take over a password that another process was given."""
    if password is not None:
        _passwords[url] = password


def ask_by(question: Callable[[str], str | None] | None) -> None:
    """Set who is asked for a password that is missing; None for nobody."""
    global _ask
    _ask = question


def password_of(url: str) -> bool:
    """Ask for the password of a URL, if there is somebody to ask; whether there is one now."""
    answer = _ask(f"password for {url}: ") if _ask is not None else None
    if answer:
        _passwords[url] = answer
    return bool(answer)


def check_name(name: str) -> str:
    """Refuse what cannot be the name of a study.

    Raises:
        UsageError: it is empty, too long, or holds other characters than letters, digits, ".", "_" and "-".

    Example:
        >>> check_name("houses 1")
        Traceback (most recent call last):
        ikura.errors.UsageError: a study's name has letters, digits, ".", "_" and "-", but got 'houses 1'
    """
    if not NAME.fullmatch(name):
        raise UsageError(f'a study\'s name has letters, digits, ".", "_" and "-", but got {shortened(name)}')
    if len(name.encode()) > LONGEST_NAME:
        raise UsageError(f"a study's name has at most {LONGEST_NAME} bytes, but got {shortened(name)}")
    return name


def name_from(folder: str) -> str:
    """Make a study's name of a run folder's.

    Example:
        >>> name_from("my houses (1)"), len(name_from("a" * 80 + "-20261122-042114"))
        ('my-houses-1', 57)
    """
    name = re.sub(r"[^\w.-]+", "-", folder).strip("-.") or "study"
    while len(name.encode()) > LONGEST_NAME:
        name = name[1:]
    return name if NAME.fullmatch(name) else f"s{name[1:]}"
