"""What a saved network answers to a few made-up examples, by which it is known again when its factory is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ikura.data.encoder import Encoder
from ikura.data.encoder.given import GivenEncoder
from ikura.data.encoder.several_inputs import InputsEncoder
from ikura.lazy_torch import nn, torch
from ikura.nn.copying import copy_of
from ikura.nn.generators import seeded
from ikura.nn.noise import key, normal
from ikura.population.inputs import Features, TensorInputs, as_features, call_forward
from ikura.population.torch_settings import default_torch_settings

__all__ = ["probe_outputs", "same_outputs"]

ROWS = 4
CLOSE = 1e-3
"""Share of the largest answer by which machines and versions of torch may differ: single precision keeps seven digits,
of which a deep network may lose some; another network differs by far more."""


def probe_outputs(network: nn.Module, encoder: Encoder, shape: Any) -> list[float] | None:
    """Raw outputs of a copy of a network for made-up examples; None where it has none for them.

    Args:
        network: in evaluation mode.
        encoder: of its examples: whole numbers are all 0, other features normally distributed.
        shape: of one example, as the network takes it; of several inputs the encoder knows it.
    """
    dtype = next((p.dtype for p in network.parameters() if p.is_floating_point()), torch.float32)
    x: Features
    if isinstance(encoder, InputsEncoder):
        made = encoder.probe(lambda numbers: normal(key(0, "probe"), ROWS, numbers), ROWS)
        found = as_features(made.read(), made)
        assert isinstance(found, TensorInputs)
        x = found.to(dtype)
    elif isinstance(encoder, GivenEncoder) and encoder.integers:
        x = torch.zeros((ROWS, *shape), dtype=torch.long)
    else:
        drawn = normal(key(0, "probe"), ROWS, int(np.prod(shape))).reshape(ROWS, *shape)
        x = torch.from_numpy(drawn).to(dtype)
    codes = torch.zeros((ROWS, len(encoder.cardinalities)), dtype=torch.int32)
    try:
        with seeded(0), default_torch_settings(), torch.no_grad():
            if any(part._forward_hooks or part._forward_pre_hooks for part in network.modules()):
                # A hook may write to the network that it was made for: in a copy it would write to the first one.
                with _put_back(network):
                    outputs = call_forward(network.eval(), x, codes).double().reshape(-1)
            else:
                own = copy_of(network).eval()
                outputs = call_forward(own, x, codes).double().reshape(-1)
    except Exception:
        return None
    return outputs.tolist() if bool(torch.isfinite(outputs).all()) else None


@contextmanager
def _put_back(network: nn.Module) -> Iterator[None]:
    """Give a network its buffers and attributes again when the block ends."""
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    parts = [(part, dict(vars(part))) for part in network.modules()]
    try:
        yield
    finally:
        for part, values in parts:
            for name in vars(part).keys() - values.keys():
                delattr(part, name)
            vars(part).update(values)
        for name, buffer in network.named_buffers():
            buffer.copy_(buffers[name])


def same_outputs(mine: list[float], theirs: list[float]) -> bool:
    """Whether two answers are those of one network, but for rounding.

    Example:
        >>> same_outputs([1.0, 2.0], [1.0, 2.00001]), same_outputs([1.0, 2.0], [1.0, 2.1])
        (True, False)
    """
    if len(mine) != len(theirs):
        return False
    most = max((abs(one) for one in (*mine, *theirs)), default=0.0)
    return all(abs(a - b) <= CLOSE * most for a, b in zip(mine, theirs, strict=True))
