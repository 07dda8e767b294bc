"""How far each epoch moves the weights is measured where that is asked for, and changes no bit of the training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ikura.population.job import Job, train
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup

MEMBERS = tuple(Member(n, {"learning_rate": 0.05 * (n + 1), "units": 5, "batch_size": 32}, 7) for n in range(2))


@pytest.mark.parametrize("stacked", [False, True])
def test_norms_are_those_of_the_weights(setup: Callable[..., TrainingSetup], stacked: bool) -> None:
    made = setup("multiclass", stacked=stacked)
    weights: dict[int, list[np.ndarray]] = {n: [made.tile(MEMBERS).flat(n)] for n in range(2)}

    def watch(training: Any, place: int) -> None:
        weights[place].append(training.tile.flat(place))

    calm = train(made, Job(0, MEMBERS, 4))
    found = train(replace(made, norms=True), Job(0, MEMBERS, 4, watch=watch))
    for place, (one, other) in enumerate(zip(found, calm, strict=True)):
        np.testing.assert_array_equal(one.curve, other.curve)
        assert other.values == {}
        kept = np.array(weights[place], np.float64)
        # Sums of some fifty squares.
        np.testing.assert_allclose(one.values["weight_norm"], np.sqrt((kept[1:] ** 2).sum(axis=1)), rtol=1e-13)
        moved = np.sqrt((np.diff(kept, axis=0) ** 2).sum(axis=1))
        np.testing.assert_allclose(one.values["update_norm"], moved, rtol=1e-13)


@pytest.mark.parametrize("way", ["compiled", "stacked", "own"])
def test_gradient_norms_are_those_of_plain_backward_passes(setup: Callable[..., TrainingSetup], way: str) -> None:
    made = replace(setup("multiclass", stacked=way == "stacked"), norms=True)
    if way == "own":
        made = replace(made, network=lambda hp: nn.Sequential(nn.Linear(hp["inputs"], 5), nn.ReLU(), nn.Linear(5, 3)))
    weights: list[np.ndarray] = []
    found = train(
        made, Job(0, MEMBERS[:1], 3, watch=lambda training, place: weights.append(training.tile.flat(place)))
    )[0]
    module = made.module(MEMBERS[0]).double().train()
    expected = []
    for epoch, flat in enumerate(weights):
        nn.utils.vector_to_parameters(torch.from_numpy(flat).double(), module.parameters())
        rows = made.train.ordered(7, epoch + 1)
        norms = []
        for begin in range(0, min(8 * 32, len(rows) - 31), 32):
            module.zero_grad()
            x, y = (torch.from_numpy(one[begin : begin + 32]) for one in (rows.array, rows.y))
            nn.functional.cross_entropy(module(x.double()), y.long()).backward()
            norms.append(torch.cat([p.grad.flatten() for p in module.parameters()]).norm().item())
        expected.append(np.mean(norms))
    tolerance = 1e-9 if made.dtype == "float64" else 1e-4
    np.testing.assert_allclose(found.values["gradient_norm"], expected, rtol=tolerance)


def test_a_loss_that_a_step_computes_has_no_gradient_norm(setup: Callable[..., TrainingSetup]) -> None:
    made = replace(
        setup("multiclass"),
        norms=True,
        network=lambda hp: nn.Linear(hp["inputs"], hp["outputs"]),
        training_step=lambda module, batch, hp: nn.functional.cross_entropy(module(batch.x), batch.y),
    )
    values = train(made, Job(0, MEMBERS[:1], 2))[0].values
    assert "update_norm" in values
    assert "gradient_norm" not in values
