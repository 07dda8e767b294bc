"""The experiments by name; none is imported before it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ikura.errors import UsageError, nearest
from ikura.experiments.catalogue import EXPERIMENTS

if TYPE_CHECKING:
    from ikura.experiments._base import Experiment

__all__ = ["experiment"]


def experiment(name: str) -> Experiment:
    """Look an experiment up by name.

    Raises:
        UsageError: the name is unknown; the nearest is offered.

    Example:
        >>> experiment("log-scale").question
        'Should the learning rate be drawn on a log scale?'
    """
    if name not in EXPERIMENTS:
        raise UsageError(f"unknown experiment {name!r}{nearest(name, EXPERIMENTS)}: use {', '.join(EXPERIMENTS)}")
    found: Experiment = import_module(f"ikura.experiments.{name.replace('-', '_')}").EXPERIMENT
    return found
