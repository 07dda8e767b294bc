"""Opening what a study left behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from ikura.api.study import Study
from ikura.nn.loss import chosen_loss
from ikura.population.member import Hyperparameters
from ikura.study.record.load_model import load_model
from ikura.study.record.model import Model
from ikura.study.record.own_functions import give_again

__all__ = ["load", "open_study"]


def load(folder: str | Path, network: Callable[[Hyperparameters], nn.Module] | None = None, loss: Any = None) -> Model:
    """Load the model of a run.

    Args:
        folder: a run folder, or what `Model.save` wrote.
        network: the factory, if the network was the caller's own.
        loss: the loss, if it was the caller's own and makes predictions of outputs by a function.

    Returns:
        The model.

    Raises:
        RunError: there is no model.
    """
    return load_model(folder, network, chosen_loss(loss))


def open_study(
    run: str | Path,
    network: Callable[[Hyperparameters], nn.Module] | None = None,
    *,
    loss: Any = None,
    metric: Any = None,
    metrics: Sequence[Any] | None = None,
    callbacks: Sequence[Any] | None = None,
    training_step: Any = None,
    optimizer: Any = None,
) -> Study:
    """Open the study of a run folder, finished or not.

    Args:
        run: the run folder.
        network: the factory, if the networks are the caller's own; needed for `replay` and `model`.
        loss, metric, metrics, callbacks, training_step, optimizer: as for `ikura.resume`.

    Returns:
        The study.

    Raises:
        RunError: the folder holds no run.
    """
    give_again(Path(run), loss, metric, metrics, callbacks, training_step, optimizer)
    return Study(run, network)
