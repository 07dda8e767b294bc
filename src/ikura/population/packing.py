"""Which members train in one tile, and what members of a tile cannot become while it trains."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import pairwise

from ikura.nn.augmentation import AUGMENTATIONS
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.population.structure import structure

__all__ = ["fault_of_change", "pack"]

OF_WHOLE_TILE = ("label_smoothing", "gradient_noise", "label_noise", "dropconnect", *AUGMENTATIONS)
"""What stacked members compute in another way, with other roundings, as soon as one of them has it."""


def pack(setup: TrainingSetup, members: Sequence[Member], size: int) -> list[list[Member]]:
    """Group members into tiles of at most `size`; the same members always give the same tiles.

    In the compiled kernel members differ in anything but the seed; stacked members also share structure and
    mini-batch size. Costly tiles come first, so that workers finish together.

    Args:
        setup: how they will train.
        members: in any order.
        size: of a tile, at most.
    """
    costs = {id(member): _cost(setup, member) for member in members}
    groups: dict[Hashable, list[Member]] = {}
    for member in members:
        groups.setdefault(_in_common(setup, member), []).append(member)
    tiles = []
    for group in groups.values():
        ordered = sorted(group, key=lambda m: (-costs[id(m)], m.number))
        count = -(-len(ordered) // size)
        mixed = setup.compiled or setup.runs_as_program(group[0])
        tiles += [ordered[i::count] for i in range(count)] if mixed else _slices(ordered, size)
    return sorted(tiles, key=lambda tile: (-sum(costs[id(m)] for m in tile), tile[0].number))


def fault_of_change(setup: TrainingSetup, before: Sequence[Member], after: Sequence[Member]) -> str:
    """Say why the members of a tile cannot become others while they train; empty where they can.

    Args:
        setup: how they train.
        before, after: the members in their places.
    """
    changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    if setup.compiled:
        return ""
    if setup.optimizer is not None:
        return "an optimizer of one's own keeps the settings that it was made with"
    if setup.network is not None:
        for one, other in changed:
            if structure(setup.module(one), rates=False) != structure(setup.module(other), rates=False):
                return "the network that its factory makes of these values is another one"
    if setup.runs_as_program(before[0]):
        apart = all(setup.runs_as_program(other) for _, other in changed)
        return "" if apart else "with these values the network does not run in the kernel"
    if len(before) == 1:
        return ""
    for one, other in changed:
        if _in_common(setup, one) != _in_common(setup, other):
            return "its tile shares mini-batches and structure, and trial by trial these cannot differ"
    for name in OF_WHOLE_TILE:
        began, goes_on = (any(one.values.get(name, 0) for one in members) for members in (before, after))
        if began != goes_on:
            verb = "begins" if goes_on else "ends"
            return f"{name} {verb} for all trials of a tile at once, and another one's bits would change"
    return ""


def _in_common(setup: TrainingSetup, member: Member) -> Hashable:
    """What the members of a tile have in common."""
    if setup.compiled:
        return member.seed
    if setup.runs_as_program(member):
        return member.seed, setup.form(member).inputs
    sizes = member.values.batch_size, member.values.batch_growth
    if setup.network is None:
        return member.seed, *sizes, _padded_in_common(setup, member)
    form = setup.form(member)
    return member.seed, *sizes, form.unrated if setup.can_run_in_turn(form) else form.structure


def _padded_in_common(setup: TrainingSetup, member: Member) -> Hashable:
    """What built-in networks that are padded to one width have in common."""
    values, layout = member.values, setup.layout(member)
    front = layout.encoding, layout.scaled, values.target_transform, layout.embedding
    common = (len(layout.units), values.activation, layout.normalisation, values.dropout_input > 0, *front)
    if layout.normalisation == "ghost":
        return *common, values.ghost_size
    return (*common, layout.units) if layout.normalisation == "layer" else common


def _cost(setup: TrainingSetup, member: Member) -> float:
    """Work of an epoch of a member beside that of others, in no unit."""
    if setup.network is not None:
        return float(setup.recipe(member).products) if setup.convolutional else 1.0
    layout, rows = setup.layout(member), len(setup.train)
    steps = -(-rows // min(int(member.values.batch_size), rows))
    products = sum(a * b for a, b in pairwise(layout.widths))
    return rows * products + steps * (4.0 * layout.size + 20_000.0)


def _slices(members: list[Member], size: int) -> list[list[Member]]:
    return [members[i : i + size] for i in range(0, len(members), size)]
