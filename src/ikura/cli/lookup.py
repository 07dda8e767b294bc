"""What the words of `ikura tune` stand for: names, data and space, looked up before anything slow begins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ikura.built_in import BUNDLED, IMAGE_SETS, LOSSES, METRICS, SCHEDULES, SEARCHES
from ikura.cli.option_helpers import one_of
from ikura.files import check_regular, named

if TYPE_CHECKING:
    from ikura.space import Space

__all__ = ["check_data", "check_names", "open_space"]


def check_names(search: str, schedule: str, metric: str | None, loss: str | None = None) -> None:
    """Refuse unknown names."""
    one_of("--search", search, SEARCHES)
    one_of("--schedule", schedule, SCHEDULES)
    if metric is not None and not _scorer(metric):
        one_of("--metric", metric, METRICS)
    if loss is not None:
        one_of("--loss", loss.partition(":")[0], LOSSES)


def _scorer(metric: str) -> bool:
    """Whether it is the name of a scorer of scikit-learn, which is asked about other names alone."""
    if metric in METRICS:
        return False
    from ikura.metric.own import scorer_named

    return scorer_named(metric) is not None


def check_data(data: str) -> None:
    """Let the reader refuse a file that is not there before anything slow begins."""
    check_regular(named(data, "the name of the data"))
    if data in IMAGE_SETS and not Path(data).exists():
        from ikura.data.images import find_image_set

        find_image_set(data)
    elif data not in BUNDLED and not Path(data).exists():
        from ikura.data.open_source import open_source

        open_source(data)


def open_space(path: Path, network: str | None) -> Space:
    """Read a space and refuse hyperparameters that the network, or every built-in one, does not have.

    Raises:
        SpaceError: it is none, or has such hyperparameters.
    """
    from ikura.errors import SpaceError
    from ikura.plugins import plugin_network
    from ikura.space.toml import load_space
    from ikura.study.chosen_space import check_space
    from ikura.study.record.networks import OWN

    space = load_space(path)
    network = network if isinstance(plugin_network(network), str | None) else OWN
    errors = []
    for name in ("mlp", "cnn") if network is None else (network,):
        try:
            check_space(space, name)
        except SpaceError as error:
            errors.append(error)
        else:
            return space
    raise SpaceError(f"{path}: {errors[0]}")
