"""Parameters in the written form that TOML and JSON share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ikura.errors import SpaceError, nearest
from ikura.space._base import Parameter, plain
from ikura.space.continuous import Linear, Log, LogComplement
from ikura.space.discrete import Choice, Fixed, Integer

__all__ = ["SCALES", "parameter"]

SCALES: dict[str, tuple[tuple[str, ...], Callable[..., Parameter]]] = {
    "linear": (("low", "high"), Linear),
    "log": (("low", "high"), Log),
    "log-complement": (("low", "high"), LogComplement),
    "integer": (("low", "high"), Integer),
    "integer-log": (("low", "high"), lambda low, high: Integer(low, high, log=True)),
    "choice": (("choices",), Choice),
    "fixed": (("value",), Fixed),
}
"""Scale name to the keys of its table and the parameter made of them."""

_RANGES = [name for name, (keys, _) in SCALES.items() if keys == ("low", "high")]


def _scale(table: Mapping[str, Any]) -> str:
    if "scale" in table:
        scale = table["scale"]
        if not isinstance(scale, str) or scale not in SCALES:
            raise SpaceError(f"unknown scale {scale!r}{nearest(str(scale), SCALES)}: use {', '.join(_RANGES)}")
        return scale
    if "choices" in table:
        return "choice"
    if "value" in table:
        return "fixed"
    raise SpaceError(f"a table needs scale = one of {', '.join(_RANGES)}, or choices = [...], or value = ...")


def parameter(given: object) -> Parameter:
    """Make a parameter of what a caller, a TOML table or a JSON object gives.

    Args:
        given: a parameter; a plain value, which is then fixed; or a table `{"scale": "log", "low": 1e-4, "high": 1}`,
            `{"choices": [...]}`, `{"value": ...}`.

    Returns:
        The parameter, with `parameter(made.as_dict()) == made`.

    Raises:
        SpaceError: a key is missing or unknown, the scale is unknown, or the values do not make a parameter.

    Example:
        >>> parameter({"scale": "log", "low": 1e-4, "high": 1})
        Log(low=0.0001, high=1.0)
        >>> parameter(0.9)
        Fixed(value=0.9)
    """
    if isinstance(given, Parameter):
        return given
    if isinstance(given, list | tuple):
        options = ", ".join(repr(option) for option in given)
        raise SpaceError(f"a list is no range: write choice({options}), in TOML choices = [{options}]")
    if not isinstance(given, Mapping):
        return Fixed(plain(given))
    scale = _scale(given)
    keys, make = SCALES[scale]
    for key in given:
        if key != "scale" and key not in keys:
            known = ("scale", *keys, "when", *(("widen",) if scale in _RANGES else ()))
            raise SpaceError(f"unknown key {key!r}{nearest(str(key), known)}: a {scale} table has {', '.join(known)}")
    for key in keys:
        if key not in given:
            raise SpaceError(f"{key} is missing: a {scale} table has {' and '.join(keys)}")
    if scale == "choice" and not isinstance(given["choices"], list | tuple):
        raise SpaceError(f"choices must be a list, but got {given['choices']!r}")
    return make(*(given[key] for key in keys))
