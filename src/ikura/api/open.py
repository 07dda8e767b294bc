"""Opening what a study left behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ikura.api.study import Study
from ikura.errors import UsageError
from ikura.lazy_torch import nn
from ikura.nn.loss import chosen_loss
from ikura.population.member import Hyperparameters
from ikura.study.record.address import Address
from ikura.study.record.own_functions import give_again
from ikura.study.store_folder import raw_setting, study_place

if TYPE_CHECKING:
    from ikura.study.record.model import Model

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
    from ikura.study.record.load_model import load_model

    return load_model(folder, network, chosen_loss(loss))


def open_study(
    run: str | Path | None = None,
    network: Callable[[Hyperparameters], nn.Module] | None = None,
    *,
    store: str | None = None,
    name: str | None = None,
    loss: Any = None,
    metric: Any = None,
    metrics: Sequence[Any] | None = None,
    callbacks: Sequence[Any] | None = None,
    training_step: Any = None,
    optimizer: Any = None,
) -> Study:
    """Open the study of a run folder, finished or not; or one on a server, wherever its folder is.

    Args:
        run: the run folder.
        network: the factory, if the networks are the caller's own; needed for `replay` and `model`.
        store, name: in place of a run folder, the URL of a PostgreSQL database and the study's name there
            (docs/stores.md). Where its run folder is not on this machine, what needs that, such as `model`, is refused.
        loss, metric, metrics, callbacks, training_step, optimizer: as for `ikura.resume`.

    Returns:
        The study.

    Raises:
        RunError: the folder holds no run, or the database no such study.
        UsageError: neither a folder nor store and name were given.
    """
    if store is not None:
        if run is not None or name is None:
            raise UsageError("a study on a server is known by store and name, without a run folder")
        place = study_place(store, name)
    elif run is None or name is not None:
        raise UsageError("give a run folder, or store=URL and name=NAME of a study on a server")
    else:
        place = Path(run)
    own = (loss, metric, metrics, callbacks, training_step, optimizer)
    if any(one is not None for one in own):
        give_again(raw_setting(place) if isinstance(place, Address) else place, *own)
    return Study(place, network)
