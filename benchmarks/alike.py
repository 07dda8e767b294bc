"""Whether two runs came to the same, to the last bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

__all__ = ["differences"]

RESULTS = (
    "best", "test", "choice", "stages", "rounds", "decisions", "predictions", "summary", "findings", "frozen",
    "objectives",
)  # fmt: skip
LEFT = ("**/.*.partial", "snapshots/tile-*", "scale/trained/tile-*", ".opening")
"""What belongs to a run at work only."""


def differences(run: Path, other: Path, network: Callable[..., nn.Module] | None = None) -> list[str]:
    """Compare what two runs came to, what they were scaled to included.

    Args:
        run: a run folder.
        other: another, of the same study.
        network: the factory, if the networks are the caller's own.

    Returns:
        The names of what is not equal to the last bit; seconds are not compared.
    """
    import ikura

    a, b = ikura.open_study(run, network), ikura.open_study(other, network)
    places = str(run), str(other)
    different = [name for name in RESULTS if _text(getattr(a, name), places) != _text(getattr(b, name), places)]
    if not a.trials.drop(columns="seconds").equals(b.trials.drop(columns="seconds")):
        different.append("trials")
    if not a.curves().equals(b.curves()):
        different.append("curves")
    mine, its = _files(run), _files(other)
    different += sorted(name for name in mine.keys() | its.keys() if mine.get(name) != its.get(name))
    if _scaled(run) != _scaled(other):
        different.append("scale's table")
    return different + [f"{path.relative_to(run)} left" for pattern in LEFT for path in run.glob(pattern)]


def _files(run: Path) -> dict[str, bytes]:
    """Models, and what was trained on the way to a large batch; not their cards, which name the run."""
    patterns = ("model/*.json", "model/*.safetensors", "scale/*/model/*", "scale/trained/*.safetensors")
    return {str(path.relative_to(run)): path.read_bytes() for pattern in patterns for path in run.glob(pattern)}


def _text(value: Any, places: tuple[str, ...]) -> str:
    """All of a result but where it lies and what was timed; numbers with all their digits."""
    text = repr(_timeless(value))
    for place in places:
        text = text.replace(place, "run")
    return text


def _timeless(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _timeless(asdict(value))
    if isinstance(value, dict):
        return {name: _timeless(one) for name, one in value.items() if "seconds" not in str(name)}
    return [_timeless(one) for one in value] if isinstance(value, list | tuple) else value


def _scaled(run: Path) -> list[Any]:
    """What `ikura scale` wrote, but for what depends on how long an epoch took."""
    names = (
        "batch_size", "small_batch_size", "metric", "margin", "rule", "chosen", "verdict", "needed", "measures",
        "hyperparameters", "epochs", "table", "not_applied",
    )  # fmt: skip
    found = [json.loads(path.read_text()) for path in sorted(run.glob("scale/*/scale.json"))]
    return [_timeless({name: one[name] for name in names}) for one in found]
