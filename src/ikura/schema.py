"""Schemas: what comes from a file is what its type says, or one line names the file, the field and what would be right.

A schema is a dataclass or a `TypedDict`; bounds stand in its annotations.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import stat
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Le, MaxLen, MinLen, Predicate

from ikura.errors import RunError, nearest
from ikura.version import __version__

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = [
    "Count",
    "Digits",
    "Finite",
    "Name",
    "Positive",
    "Share",
    "Short",
    "Whole",
    "check_version",
    "checked",
    "differences",
    "parsed",
    "read_file",
    "seal_of",
    "sealed",
    "unsealed",
]

Whole = Annotated[int, Ge(0), Le(2**63 - 1)]
"""A whole number of at least 0 that a database holds."""
Count = Annotated[int, Ge(1), Le(2**63 - 1)]
"""A whole number of at least 1."""
Finite = Annotated[float, Predicate(math.isfinite)]
"""A number that is neither NaN nor infinite."""
Positive = Annotated[float, Ge(0), Predicate(math.isfinite)]
"""A finite number of at least 0."""
Share = Annotated[float, Ge(0), Le(1)]
"""A number from 0 to 1."""
Name = Annotated[str, MinLen(1), MaxLen(10_000)]
"""Text that names something."""
Short = Annotated[str, MaxLen(1 << 20)]
"""Text for people."""
Scalar = bool | int | float | str
"""A value of a hyperparameter, or a class."""
Digits = Annotated[str, MinLen(64), MaxLen(64)]
"""A SHA-256 digest in hexadecimal digits."""

MOST_BYTES = 1 << 26
"""The largest file that is read for its description of a run."""
SEAL = "seal"
SHOWN = 60
FORM = re.compile(r"\w+Record|(list|dict|tuple|nullable|function-\w+)\[.*\]|int|float|str|bool|none|constrained-\w+")
"""What the place of a fault calls one of several forms of a value; schemas of which there are several end in Record."""
TYPES = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "dict_type": "a table",
    "list_type": "a list",
    "dataclass_type": "a table",
}
"""What a value should have been, by the kind of fault."""
UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


def read_file(path: Path, most: int = MOST_BYTES) -> bytes:
    """Read a file of a run folder.

    Args:
        path: the file.
        most: bytes that it may have.

    Returns:
        What it holds.

    Raises:
        RunError: it is no ordinary file, larger than that, or cannot be read.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise RunError(f"{path}: not a file; bring the run's own file back")
        if about.st_size > most:
            raise RunError(f"{path}: has {about.st_size:,} bytes, more than the {most:,} that such a file may have")
        return path.read_bytes()
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror or error}") from error


def check_version(version: Any, place: str) -> None:
    """Refuse what a later ikura wrote, before its fields are read.

    Args:
        version: of the ikura that wrote it, as it says itself.
        place: the file.

    Raises:
        RunError: it is a later one.

    Example:
        >>> check_version("99.1.0", "run/config.toml")
        Traceback (most recent call last):
        ...
        ikura.errors.RunError: run/config.toml: was written by ikura 99.1.0, and this is ikura ...; install ... or later
    """
    if isinstance(version, str) and _numbers(version) > _numbers(__version__):
        raise RunError(
            f"{place}: was written by ikura {_shortened(version)}, and this is ikura {__version__}; "
            f"install ikura {_shortened(version)} or later"
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d{1,9}", version)[:3]))


def checked(kind: Any, value: Any, place: str, *, unknown: Literal["forbid", "ignore"] = "forbid") -> Any:
    """Check values against a schema.

    Args:
        kind: the schema.
        value: what a file held, made of dictionaries, lists, text and numbers.
        place: what the message begins with: the file, and what of it.
        unknown: whether fields that the schema lacks are refused; "ignore" is for what only people read.

    Returns:
        An instance of the schema.

    Raises:
        RunError: naming the field, what it holds and what it should hold.

    Example:
        >>> checked(Count, 3, "run/config.toml")
        3
        >>> checked(Count, 0, "run/config.toml: trials")
        Traceback (most recent call last):
        ...
        ikura.errors.RunError: run/config.toml: trials should be greater than or equal to 1, but is 0
    """
    try:
        text = json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise RunError(f"{place}: holds what it cannot hold: {_shortened(str(error))}") from error
    return parsed(kind, text, place, unknown=unknown)


def parsed(kind: Any, text: str | bytes, place: str, *, unknown: Literal["forbid", "ignore"] = "forbid") -> Any:
    """Read JSON of a schema; see `checked`.

    Example:
        >>> parsed(dict[str, Share], '{"until": 2}', "study.db")
        Traceback (most recent call last):
        ...
        ikura.errors.RunError: study.db: until should be less than or equal to 1, but is 2
    """
    from pydantic import ValidationError

    try:
        return _adapter(kind).validate_json(text, strict=True, extra=unknown)
    except ValidationError as error:
        raise RunError(_sentence(error.errors(include_url=False), place)) from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _sentence(faults: Sequence[Any], place: str) -> str:
    """Say what is wrong in one field, the first of those that are."""
    fault = _likeliest(faults)
    kind, message, value = fault["type"], str(fault["msg"]), fault["input"]
    if kind == "json_invalid":
        return f"{place}: not JSON ({message.removeprefix('Invalid JSON: ')}); bring the run's own back"
    field, siblings = _field(fault["loc"]), [_field(one["loc"]) for one in faults if one["type"] == "missing"]
    where = f"{place}: {field}" if field else place
    if kind == "missing":
        return f"{where} is missing"
    if kind in UNKNOWN:
        return f"{where} is not a field that is known here{nearest(field, siblings)}; take it out"
    shown = _shortened(repr(value))
    wanted = [TYPES[one["type"]] for one in faults if one["type"] in TYPES and _field(one["loc"]) == field]
    if kind in TYPES:
        return f"{where} should be {' or '.join(dict.fromkeys(wanted))}, but is {shown}"
    if kind == "predicate_failed":
        return f"{where} should be a finite number, but is {shown}"
    if message.startswith("Input should "):
        return f"{where} {message.removeprefix('Input ')}, but is {shown}"
    return f"{where}: {message.removeprefix('Value error, ')}"


def _likeliest(faults: Sequence[Any]) -> Any:
    """Of the faults of several forms that a value may have, the first of the form with the fewest."""
    forms: dict[Any, list[Any]] = {}
    for fault in faults:
        forms.setdefault(tuple(one for one in fault["loc"] if _is_form(one)), []).append(fault)
    plain = forms.get((), [])
    if plain:
        return plain[0]
    return min(forms.values(), key=lambda form: (any(one["type"] == "literal_error" for one in form), len(form)))[0]


def _is_form(part: Any) -> bool:
    """Whether a part of a place is the name of a form rather than a field."""
    return isinstance(part, str) and FORM.fullmatch(part) is not None


def _field(place: Sequence[Any]) -> str:
    """The name of a field, such as stages[2].name."""
    found = ""
    for part in place:
        if isinstance(part, int):
            found += f"[{part}]"
        elif not _is_form(part):
            found += f".{part}" if found else part
    return _shortened(found)


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def sealed(content: Mapping[str, Any], **how: Any) -> bytes:
    """Write JSON that tells whether it was changed since: with a digest of all the rest.

    Args:
        content: JSON values.
        how: as for `json.dumps`.
    """
    return json.dumps({**content, SEAL: seal_of(content)}, allow_nan=False, **how).encode()


def unsealed(path: Path, anew: str) -> dict[str, Any] | None:
    """Read what `sealed` wrote; None where there is no file, or one without a seal, of an earlier version.

    Args:
        path: the file.
        anew: the command that writes it anew.

    Raises:
        RunError: it was changed, or is not whole.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.json"
        >>> _ = path.write_bytes(sealed({"trial": 3}))
        >>> unsealed(path, "ikura diagnose RUN")
        {'trial': 3}
    """
    if not path.exists():
        return None
    advice = f"write it anew ({anew}), or remove it"
    try:
        content = json.loads(read_file(path))
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path}: not JSON ({error}); {advice}") from error
    seal = content.pop(SEAL, None) if isinstance(content, dict) else ""
    if seal is not None and seal != seal_of(content):
        raise RunError(f"{path}: was changed since ikura wrote it, or is damaged; {advice}")
    return content if seal is not None else None


def seal_of(content: Any) -> str:
    """A digest of JSON values, whatever the order of their names."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def differences(now: Mapping[str, Any], before: Mapping[str, Any], above: str = "") -> dict[str, tuple[Any, Any]]:
    """Compare two forms field by field.

    Args:
        now, before: dictionaries, of dictionaries where fields have parts.
        above: what stands before the names of their fields.

    Returns:
        The fields that differ: what they hold now and what they held before; None where there is nothing.

    Example:
        >>> differences({"seed": 1, "data": {"kind": "file"}}, {"seed": 0, "data": {"kind": "file"}})
        {'seed': (1, 0)}
        >>> differences({"data": {"path": "b.csv"}}, {"data": {"path": "a.csv"}})
        {'data.path': ('b.csv', 'a.csv')}
    """
    found: dict[str, tuple[Any, Any]] = {}
    for name in dict.fromkeys([*now, *before]):
        one, other, field = now.get(name), before.get(name), f"{above}{name}"
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found |= differences(one, other, f"{field}.")
        elif one != other or type(one) is not type(other):
            found[field] = (one, other)
    return found
