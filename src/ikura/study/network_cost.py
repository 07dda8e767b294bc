"""What networks cost: their weights, and the seconds they take to predict."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from ikura.errors import UsageError
from ikura.lazy_torch import torch
from ikura.nn.generators import preserved
from ikura.population.inputs import ForwardArguments, tensors_of
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.population.structure import structure
from ikura.process_state import one_thread_each
from ikura.space import Space, feasible_draw
from ikura.study.record.pretrained import Pretrained

if TYPE_CHECKING:
    pass

__all__ = ["check_bound", "inference_seconds", "parameters", "too_large"]

ROWS = 64
WARM_UPS = 2
REPEATS = 15
FEWEST_REPEATS = 3
MOST_SECONDS = 1.0
"""After which an architecture is timed no more often than need be."""

TRIED = 64
TRIED_MODULES = 8


def parameters(setup: TrainingSetup, member: Member) -> int:
    """Count the weights of a member's network, biases and what is frozen of a pretrained one included.

    Example:
        >>> import numpy as np
        >>> from ikura.metric import metric
        >>> from ikura.population.examples import Examples
        >>> from ikura.population.scoring import Scorer
        >>> examples = Examples(np.zeros((4, 3), np.float32), np.zeros((4, 0), np.int32), np.zeros(4, np.float32))
        >>> setup = TrainingSetup(examples, examples, Scorer("regression", metric("r2", "regression")), 1)
        >>> parameters(setup, Member(0, {"layers": 1, "units": 8}, 0))
        41
    """
    if setup.network is None:
        return setup.layout(member).size
    return sum(weights.numel() for weights in _whole(setup, member).parameters())


def _whole(setup: TrainingSetup, member: Member) -> torch.nn.Module:
    module = setup.module(member)
    return setup.network.whole(module) if isinstance(setup.network, Pretrained) else module


def inference_seconds(setup: TrainingSetup, member: Member) -> float:
    """Time a member's network on a batch of up to 64 dev examples: the median of up to 15 runs, one thread.

    Of a network with a frozen pretrained body only the part that was trained is timed: the study keeps what comes out
    of the body.
    """
    device = torch.device(setup.device)
    module = setup.module(member).to(device, getattr(torch, setup.dtype)).eval()
    x, codes = tensors_of(setup.dev, slice(ROWS)).to(device), torch.from_numpy(setup.dev.codes[:ROWS]).to(device)
    by_place, by_name = ForwardArguments.of(module)(x, codes)
    taken: list[float] = []
    with one_thread_each(), preserved(device), torch.no_grad():
        for run in range(WARM_UPS + REPEATS):
            began = time.perf_counter()
            module(*by_place, **by_name)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if run >= WARM_UPS:
                taken.append(time.perf_counter() - began)
            if len(taken) >= FEWEST_REPEATS and sum(taken) > MOST_SECONDS:
                break
    return median(taken)


def architecture(setup: TrainingSetup, member: Member) -> Hashable:
    """What networks that cost the same to run have in common."""
    if setup.network is None:
        return setup.layout(member), member.values.activation, member.values.ghost_size
    return structure(setup.module(member))


def too_large(setup: TrainingSetup, members: Sequence[Member], most: int | None) -> dict[int, int]:
    """Find the members with more weights than are allowed: number to weights."""
    if most is None:
        return {}
    sizes = {member.number: parameters(setup, member) for member in members}
    return {number: size for number, size in sizes.items() if size > most}


def check_bound(setup: TrainingSetup, space: Space, most: int | None) -> None:
    """Refuse a bound on the weights that no network of the space keeps.

    Raises:
        UsageError: none of some networks drawn from the space, the least of all values among them, is so small.
    """
    if most is None:
        return
    names = space.dimensions
    points = np.random.default_rng(0).random((TRIED if setup.network is None else TRIED_MODULES, len(names)))
    points[0] = 0.0
    drawn = [feasible_draw(space, dict(zip(names, map(float, point), strict=True))) for point in points]
    smallest = min(parameters(setup, Member(0, one, 0)) for one in drawn)
    if smallest > most:
        raise UsageError(
            f"max_parameters leaves nothing to try: it is {most}, but the smallest of {len(drawn)} networks drawn from "
            f"the space has {smallest} weights; allow more, or search smaller networks"
        )
