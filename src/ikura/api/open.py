"""Opening what a study left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import nn

from ikura.api.study import Study
from ikura.population.member import Hyperparameters
from ikura.study.record.model import Model, load_model

__all__ = ["load", "open_study"]


def load(folder: str | Path, network: Callable[[Hyperparameters], nn.Module] | None = None) -> Model:
    """Load the model of a run.

    Args:
        folder: a run folder, or what `Model.save` wrote.
        network: the factory, if the network was the caller's own.

    Returns:
        The model.

    Raises:
        RunError: there is no model.
    """
    return load_model(folder, network)


def open_study(run: str | Path, network: Callable[[Hyperparameters], nn.Module] | None = None) -> Study:
    """Open the study of a run folder, finished or not.

    Args:
        run: the run folder.
        network: the factory, if the networks are the caller's own; needed for `replay` and `model`.

    Returns:
        The study.

    Raises:
        RunError: the folder holds no run.
    """
    return Study(run, network)
