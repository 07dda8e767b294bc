"""What every augmentation promises; a new row of the table inherits all of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from ikura.errors import UsageError
from ikura.nn.augmentation import AUGMENTATIONS, Augment, Augmentation, check_strength, draw
from ikura.space import DEFAULTS
from ikura.space.hyperparameters import OF_IMAGES

SOME: dict[str, float] = {
    "flip": 0.5, "rotation": 20.0, "crop": 2.0, "colour": 0.3, "contrast": 0.6, "noise": 0.2, "erasing": 0.3,
}  # fmt: skip
"""A strength at which each of them is seen."""

SHAPES = [(1, 8, 8), (3, 7, 10)]
ROWS = 12

every = pytest.mark.parametrize("one", AUGMENTATIONS.values(), ids=AUGMENTATIONS)
both = pytest.mark.parametrize("shape", SHAPES, ids=["grey", "colour"])


def images(shape: tuple[int, int, int], dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand((ROWS, *shape), generator=torch.Generator().manual_seed(0)).to(dtype)


def run(one: Augmentation, x: Tensor, strength: float, epoch: int = 0, first: int = 0) -> Tensor:
    draws = draw(one, tuple(x.shape[1:]), len(x), 0, epoch, first).to(x.dtype)
    return one.function(x, torch.tensor(strength, dtype=x.dtype), draws)


def test_the_table_is_whole() -> None:
    assert set(AUGMENTATIONS) == set(OF_IMAGES) == set(SOME)
    assert all(DEFAULTS[name] == 0 for name in OF_IMAGES)


@every
@both
def test_strength_zero_is_the_identity_to_the_bit(one: Augmentation, shape: tuple[int, int, int]) -> None:
    for x in (images(shape), images(shape, torch.float64), torch.zeros(ROWS, *shape), torch.ones(ROWS, *shape)):
        assert torch.equal(run(one, x, 0.0), x)


@every
@both
def test_shape_kind_and_range_stay(one: Augmentation, shape: tuple[int, int, int]) -> None:
    for dtype in (torch.float32, torch.float64):
        x = images(shape, dtype)
        for strength in (SOME[one.name], min(one.high, 50.0)):
            found = run(one, x, strength)
            assert found.shape == x.shape
            assert found.dtype == dtype
            assert ((found >= 0) & (found <= 1)).all()
            assert not torch.equal(found, x)


@every
def test_draws_are_a_function_of_the_key(one: Augmentation) -> None:
    x = images((3, 7, 10))
    assert torch.equal(run(one, x, SOME[one.name]), run(one, x, SOME[one.name]))
    assert not torch.equal(run(one, x, SOME[one.name]), run(one, x, SOME[one.name], epoch=1))


@every
def test_an_image_is_changed_the_same_way_in_any_mini_batch(one: Augmentation) -> None:
    x = images((3, 7, 10), torch.float64)
    whole = run(one, x, SOME[one.name])
    for first, rows in ((0, 5), (5, 7), (3, 1)):
        part = run(one, x[first : first + rows], SOME[one.name], first=first)
        # One operation may be carried out in another order: 1e-16, some ten of them.
        torch.testing.assert_close(part, whole[first : first + rows], rtol=0, atol=1e-14)


@every
def test_members_are_as_if_alone_in_any_company(one: Augmentation) -> None:
    x = images((3, 7, 10), torch.float64)
    mine = {one.name: SOME[one.name]}
    others = [dict(SOME), {}, {name: SOME[name] / 2 for name in SOME}]
    alone = Augment([mine], 0)(x, 3, 0)[0]
    together = Augment([others[0], mine, *others[1:]], 0)(x, 3, 0)
    torch.testing.assert_close(together[1], alone, rtol=0, atol=1e-14)
    assert torch.equal(together[2], x)


@every
def test_draws_are_shared_by_all_members(one: Augmentation) -> None:
    twins = Augment([{one.name: SOME[one.name]}] * 2, 0)(images((3, 7, 10)), 0, 0)
    assert torch.equal(twins[0], twins[1])


@every
def test_a_strength_that_is_not_a_number_stays_with_its_member(one: Augmentation) -> None:
    x = images((3, 7, 10))
    mine = {one.name: SOME[one.name]}
    for bad in (float("nan"), float("inf"), -1.0):
        found = Augment([mine, {one.name: bad}, {}], 0)(x, 0, 0)
        assert torch.equal(found[0], Augment([mine, mine, mine], 0)(x, 0, 0)[0])
        assert torch.equal(found[2], x)


@every
def test_strengths_are_checked(one: Augmentation) -> None:
    for value in (0, 0.5, 1):
        check_strength(AUGMENTATIONS, one.name, value)
    for value in (-0.1, float("nan"), float("inf"), "much", None, True):
        with pytest.raises(UsageError, match=one.name):
            check_strength(AUGMENTATIONS, one.name, value)


def test_uniform_draws_are_uniform() -> None:
    draws = draw(AUGMENTATIONS["flip"], (1, 8, 8), 20_000, 0, 0).numpy().ravel()
    assert 0 <= draws.min() < draws.max() < 1
    # Kolmogorov's statistic exceeds 1.95 / √n with a chance of 1e-3.
    assert np.abs(np.sort(draws) - np.arange(20_000) / 20_000).max() < 1.95 / 20_000**0.5


def test_normal_draws_are_normal() -> None:
    from scipy.stats import kstest

    assert kstest(draw(AUGMENTATIONS["noise"], (1, 50, 50), 8, 0, 0).numpy().ravel(), "norm").pvalue > 1e-3


def test_nobody_who_changes_nothing_costs_anything() -> None:
    assert not Augment([{}, {"flip": 0.0, "units": 8}], 0)
    assert Augment([{}, {"flip": 0.1}], 0)
    assert list(Augment([{"flip": 0.1, "noise": 0.0}], 0).strengths) == ["flip"]
