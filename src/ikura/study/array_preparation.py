"""What becomes of arrays before they reach a network of the caller's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ikura.data import Dataset
from ikura.data.array_encoding import ArrayScaling
from ikura.data.encoder.given import GivenEncoder
from ikura.errors import UsageError
from ikura.lazy_torch import nn, torch
from ikura.nn.generators import preserved
from ikura.nn.loss import outputs_of
from ikura.population.examples import Examples
from ikura.population.factory import build
from ikura.population.inputs import call_forward, tensors_of
from ikura.population.torch_settings import default_torch_settings
from ikura.study.record.pretrained import Pretrained

__all__ = ["arrays_for", "with_whole_numbers"]


def arrays_for(network: Any, standardise: bool | None) -> ArrayScaling | None:
    """Choose what becomes of arrays; None for networks of ikura's, which get tables of the columns of use.

    Raises:
        UsageError: something was said of arrays for a network that is ikura's.
    """
    pretrained = isinstance(network, Pretrained)
    own = network is not None and not isinstance(network, str) and not (pretrained and network.form is not None)
    if not own:
        if standardise is not None:
            raise UsageError("standardise is for arrays and a network of your own; leave it out")
        return None
    if standardise is None:
        return ArrayScaling.ALL if pretrained else ArrayScaling.FLOATS
    return ArrayScaling.ALL if standardise else ArrayScaling.NONE


def with_whole_numbers(
    read: Callable[[ArrayScaling | None], Dataset],
    dataset: Dataset,
    arrays: ArrayScaling | None,
    factory: Callable[[Any], nn.Module],
    hyperparameters: Mapping[str, Any],
) -> tuple[Dataset, ArrayScaling | None]:
    """Have whole numbers standardised where the network runs on floats alone.

    Args:
        read: reads the data again, with arrays treated otherwise.
        dataset: the data as read, whole numbers as they are.
        arrays: how they were read.
        factory: makes a network.
        hyperparameters: one configuration.

    Returns:
        The data, and how arrays were treated.
    """
    if arrays is not ArrayScaling.FLOATS or not isinstance(dataset.encoder, GivenEncoder):
        return dataset, arrays
    if (reason := _fails(dataset, factory, hyperparameters)) is None:
        return dataset, arrays
    other = read(ArrayScaling.ALL)
    if _fails(other, factory, hyperparameters) is not None:
        return dataset, arrays
    note = f"x holds whole numbers, which your network does not take as they are ({reason}); they are standardised."
    kept = [line for line in other.summary.notes if not line.startswith("x is standard")]
    return other.with_notes([*kept, note]), ArrayScaling.ALL


def _fails(dataset: Dataset, factory: Callable[[Any], nn.Module], hyperparameters: Mapping[str, Any]) -> str | None:
    """Run a network on two examples; why it fails, None if it does not."""
    few = Examples.of(dataset.train).head(2)
    outputs = outputs_of(dataset.task.name, len(dataset.task.classes or []))
    sizes = {**few.sizes, "outputs": outputs}
    x, codes = tensors_of(few), torch.from_numpy(few.codes)
    try:
        module = build(factory, {**hyperparameters, **sizes}, 0, "the network", [x, codes])
        with default_torch_settings(), torch.no_grad(), preserved():
            call_forward(module.float().eval(), x, codes)
    except Exception as error:
        return " ".join(f"{type(error).__name__}: {error}".split())
    return None
