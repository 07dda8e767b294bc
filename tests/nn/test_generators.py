"""Keyed draws from the generators that all threads share."""

from __future__ import annotations

import multiprocessing
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ikura.nn.generators import preserved, reseed, seeded
from ikura.nn.zoo import network as zoo_network
from ikura.population.factory import build

KEYS = [3, 2**62 - 1, 0, 77, 12345, 2**40]


@pytest.fixture(autouse=True)
def _hurried() -> Iterator[None]:
    """Threads take turns every microsecond."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def draws() -> tuple[Any, ...]:
    return torch.rand(50).tolist(), torch.randint(2**62, ()).item(), np.random.rand(20).tolist(), random.random()


def of_key(stream: int) -> tuple[Any, ...]:
    with seeded(stream):
        return draws()


def test_numbers_depend_on_the_key_alone() -> None:
    assert len({str(of_key(one)) for one in KEYS}) == len(KEYS)
    expected = {one: of_key(one) for one in KEYS}
    with ThreadPoolExecutor(4) as pool:
        for stream, found in zip(KEYS * 50, pool.map(of_key, KEYS * 50), strict=True):
            assert found == expected[stream]


def test_torch_draws_what_manual_seed_gives() -> None:
    with seeded(11):
        found = torch.randn(5)
    torch.manual_seed(11)
    assert torch.equal(found, torch.randn(5))


def test_the_caller_s_own_numbers_go_on_also_after_an_error() -> None:
    reseed(5)
    expected = draws(), draws()
    reseed(5)
    first = draws()
    with pytest.raises(ZeroDivisionError), seeded(9):
        (draws(), 1 / 0)
    with preserved():
        reseed(4)
    assert (first, draws()) == expected


def convolutional(_: Any) -> nn.Module:
    return zoo_network("cnn")({"shape": [1, 8, 8], "outputs": 3})


def plain(_: Any) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 2))


def by_numpy(_: Any) -> nn.Module:
    layer = nn.Linear(6, 2)
    layer.weight.data = torch.from_numpy(np.random.normal(size=(2, 6)).astype(np.float32)) * random.random()
    return layer


def lazy(_: Any) -> nn.Module:
    return nn.Sequential(nn.LazyLinear(4), nn.LazyLinear(2))


@pytest.mark.parametrize("factory", [convolutional, plain, by_numpy, lazy])
def test_networks_built_at_once_are_those_built_alone(factory: Callable[[Any], nn.Module]) -> None:
    def hesitant(hp: Any) -> nn.Module:
        time.sleep(0.001)
        return factory(hp)

    def weights(stream: int) -> torch.Tensor:
        module = build(hesitant, {}, stream, "it", [torch.ones(2, 6)])
        return torch.nn.utils.parameters_to_vector(module.parameters()).detach()

    expected = {one: weights(one) for one in KEYS}
    with ThreadPoolExecutor(3) as pool:
        for stream, found in zip(KEYS * 8, pool.map(weights, KEYS * 8), strict=True):
            assert torch.equal(found, expected[stream])


def test_networks_are_built_as_in_a_fresh_interpreter() -> None:
    expected = build(plain, {}, 3, "it")[0].weight

    def wilful(hp: Any) -> nn.Module:
        torch.set_default_dtype(torch.float64)
        return plain(hp)

    assert build(wilful, {}, 3, "it")[0].weight.dtype == torch.float64
    assert torch.get_default_dtype() == torch.float32
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode():
            found = build(plain, {}, 3, "it")[0].weight
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(found, expected)
    assert not found.is_inference()
    assert found.requires_grad


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="processes cannot be forked here")
def test_a_child_that_is_forked_while_another_thread_draws_can_draw() -> None:
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with seeded(1):
            inside.set()
            leave.wait(0.2)

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    child = multiprocessing.get_context("fork").Process(target=of_key, args=(1,))
    child.start()
    leave.set()
    child.join(20)
    thread.join()
    ended = child.exitcode
    child.kill()
    assert ended == 0
