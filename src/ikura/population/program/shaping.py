"""Values reshaped, permuted, sliced, broadcast and joined."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ikura.population.program.builder import FILL, Builder, UnknownOperationError, Value

__all__ = ["broadcast", "broadcast_to", "concatenate", "pad", "permute", "reshape", "row_major", "slices"]


def row_major(shape: Sequence[int]) -> list[int]:
    """Distance between neighbours along each axis of numbers that lie row by row.

    Example:
        >>> row_major((2, 3, 4))
        [12, 4, 1]
    """
    found, step = [], 1
    for length in reversed(shape):
        found.append(step)
        step *= length
    return found[::-1]


def batch_axis(first: Sequence[int], second: Sequence[int], rows: tuple[int, int]) -> tuple[int | None, int]:
    """Find the axis of examples from a shape with two numbers of rows; None if there is none.

    Returns:
        the axis, and its length for one row.

    Example:
        >>> batch_axis((6, 4), (10, 4), (3, 5))
        (0, 2)
    """
    if len(first) != len(second):
        raise UnknownOperationError("a shape whose number of axes depends on the number of examples")
    found = [i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
    if not found:
        return None, 1
    if len(found) > 1 or first[found[0]] % rows[0] or first[found[0]] // rows[0] != second[found[0]] / rows[1]:
        raise UnknownOperationError("a shape that depends on the number of examples")
    return found[0], first[found[0]] // rows[0]


def reshape(value: Value, first: Sequence[int], second: Sequence[int], rows: tuple[int, int]) -> Value:
    """Read the numbers of a value with another shape, given for two numbers of rows."""
    axis, per_row = batch_axis(first, second, rows)
    if (axis is None) != (value.axis is None):
        raise UnknownOperationError("a reshape that mixes examples")
    if axis is None:
        return Value(value.register, tuple(first), None)
    if axis == value.axis and not value.folded and per_row == 1 and tuple(first[:axis]) == value.shape[:axis]:
        return Value(value.register, (*first[:axis], *first[axis + 1 :]), axis)
    before = value.shape[: value.axis] if not value.folded else ()
    if prod(before) != 1 or prod(first[:axis]) != 1:
        raise UnknownOperationError("a reshape of examples that do not come first")
    folded = per_row > 1
    if folded and axis:
        raise UnknownOperationError("a reshape of examples that do not come first")
    shape = [per_row, *first[1:]] if folded else [*first[:axis], *first[axis + 1 :]]
    return Value(value.register, tuple(shape), axis, folded)


def permute(builder: Builder, value: Value, order: Sequence[int]) -> Value:
    """Put the axes into another order."""
    order = [axis % value.dimensions() for axis in order]
    if value.axis is None:
        own, axis = order, None
    elif value.folded:
        if order[0]:
            raise UnknownOperationError("a permutation of examples that are folded with another axis")
        own, axis = order, 0
    else:
        axis = order.index(value.axis)
        own = [one - (one > value.axis) for one in order if one != value.axis]
    shape = tuple(value.shape[one] for one in own)
    if [one for one in own if value.shape[one] > 1] == sorted(one for one in own if value.shape[one] > 1):
        return Value(value.register, shape, axis, value.folded)
    out = builder.register(value.size, value.register.rows, value.register.learns)
    strides = row_major(value.shape)
    builder.copy(value, shape, [strides[one] for one in own], 0, out, row_major(shape))
    return Value(out, shape, axis, value.folded)


def slices(builder: Builder, value: Value, spans: Sequence[slice | int | None]) -> Value:
    """Take a part: a slice or a place along each axis, None for a new axis of length 1; as basic indexing.

    Args:
        builder: what copies.
        value: to take from.
        spans: for each axis, that of the examples included (where it must be the whole of it).
    """
    lengths: list[int] = []
    strides: list[int] = []
    shape: list[int] = []
    every, offset, old = row_major(value.shape), 0, 0
    axis, folded, where, position = value.axis, value.folded, None, 0
    for one in spans:
        if one is None:
            if folded and position == 0:
                raise UnknownOperationError("an axis before examples that are folded")
            shape.append(1)
            position += 1
            continue
        is_examples = axis is not None and not folded and old == axis
        if is_examples or (folded and old == 0):
            if one != slice(None):
                raise UnknownOperationError("a part of the examples")
            where = position
            if folded:
                lengths.append(value.shape[0])
                strides.append(every[0])
                shape.append(value.shape[0])
        else:
            own = old if axis is None or folded or old < axis else old - 1
            length = value.shape[own]
            if isinstance(one, int):
                place = one + length if one < 0 else one
                offset += place * every[own]
                position -= 1
            else:
                begin, _end, step = one.indices(length)
                count = len(range(*one.indices(length)))
                lengths.append(count)
                strides.append(step * every[own])
                shape.append(count)
                offset += begin * every[own]
        position += 1
        old += 1
    if (
        lengths == [n for n in lengths if n]
        and prod(lengths) == value.size
        and offset == 0
        and all(isinstance(one, int) or one is None or one == slice(None) or one.step in (None, 1) for one in spans)
    ):
        return Value(value.register, tuple(shape), where, folded)
    out = builder.register(prod(shape), value.register.rows, value.register.learns)
    builder.copy(value, lengths, strides, offset, out, row_major(lengths))
    return Value(out, tuple(shape), where, folded)


def _with_examples(value: Value) -> list[int]:
    """All axes of a value, that of the examples as -1 where it is one of its own."""
    if value.axis is None or value.folded:
        return [*value.shape]
    return [*value.shape[: value.axis], -1, *value.shape[value.axis :]]


def broadcast_to(builder: Builder, value: Value, like: Value) -> Value:
    """Spread a value over the shape of another, as PyTorch does; the same register where nothing is to be spread."""
    if value.axis == like.axis and value.folded == like.folded and value.shape == like.shape:
        return value
    full, own = _with_examples(like), _with_examples(value)
    steps = row_major(value.shape)
    if not (value.axis is None or value.folded):
        steps = [*steps[: value.axis], 0, *steps[value.axis :]]
    missing = len(full) - len(own)
    if missing < 0:
        raise UnknownOperationError("a value with more axes than what it is spread over")
    lengths, strides = [], []
    for place, length in enumerate(full):
        mine = own[place - missing] if place >= missing else 1
        step = steps[place - missing] if place >= missing else 0
        examples = like.axis is not None and place == like.axis
        if examples and not like.folded:
            if mine not in (-1, 1):
                raise UnknownOperationError("examples spread over another axis")
            continue
        if mine == -1 or (examples and value.folded != like.folded and mine != 1):
            raise UnknownOperationError("examples spread over another axis")
        if mine not in (1, length):
            raise UnknownOperationError("shapes that do not fit")
        lengths.append(length)
        strides.append(step if mine == length and length > 1 else 0)
    out = builder.register(like.size, like.register.rows, value.register.learns)
    builder.copy(value, lengths, strides, 0, out, row_major(like.shape))
    return Value(out, like.shape, like.axis, like.folded)


def broadcast(builder: Builder, first: Value, second: Value) -> tuple[Value, Value]:
    """Spread two values over each other's shapes."""
    like = _common(first, second)
    return broadcast_to(builder, first, like), broadcast_to(builder, second, like)


def _common(first: Value, second: Value) -> Value:
    a, b = _with_examples(first), _with_examples(second)
    count = max(len(a), len(b))
    folded = first.folded or second.folded
    shape: list[int] = []
    axis = None
    for place in range(count):
        one = a[place - count + len(a)] if place >= count - len(a) else 1
        two = b[place - count + len(b)] if place >= count - len(b) else 1
        if -1 in (one, two):
            if folded or {one, two} - {-1, 1}:
                raise UnknownOperationError("examples spread over another axis")
            axis = place
            continue
        if one != two and 1 not in (one, two):
            raise UnknownOperationError("shapes that do not fit")
        shape.append(max(one, two))
    if folded:
        axis = 0
        if (first.axis is not None and not first.folded) or (second.axis is not None and not second.folded):
            raise UnknownOperationError("examples spread over another axis")
    rows = first.register.rows or second.register.rows
    register = Builder().register(prod(shape), rows, False)
    return Value(register, tuple(shape), axis, folded)


def concatenate(builder: Builder, values: Sequence[Value], axis: int) -> Value:
    """Join values along an axis."""
    rows = [value for value in values if value.axis is not None]
    own = values[0] if not rows else rows[0]
    axis %= own.dimensions()
    if rows and len(rows) < len(values):
        values = [value if value.axis is not None else _rowed(builder, value, own, axis) for value in values]
    place = own.own_axis(axis)
    if any(v.axis != own.axis or v.folded != own.folded for v in values):
        raise UnknownOperationError("values joined whose examples lie along different axes")
    if own.folded and place == 0:
        raise UnknownOperationError("an operation along the examples")
    shape = [*own.shape]
    shape[place] = sum(value.shape[place] for value in values)
    learns = any(value.register.learns for value in values)
    out = builder.register(prod(shape), own.register.rows, learns)
    strides, offset = row_major(shape), 0
    for value in values:
        builder.copy(value, value.shape, row_major(value.shape), 0, out, strides, offset)
        offset += value.shape[place] * strides[place]
    return Value(out, tuple(shape), own.axis, own.folded)


def _rowed(builder: Builder, value: Value, like: Value, axis: int) -> Value:
    place = like.own_axis(axis)
    shape = [*like.shape]
    shape[place] = value.shape[axis]
    target = Value(Builder().register(prod(shape), True, False), tuple(shape), like.axis, like.folded)
    return broadcast_to(builder, value, target)


def pad(builder: Builder, value: Value, widths: Sequence[tuple[int, int]], fill: float = 0.0) -> Value:
    """Put a number around a value: (before, after) for each axis of its shape; negative widths cut."""
    shape = [n + before + after for n, (before, after) in zip(value.shape, widths, strict=True)]
    out = builder.register(prod(shape), value.register.rows, value.register.learns)
    builder.add(FILL, [int(out.rows), out, out.size], writes=[out], numbers=[fill])
    sources, targets = row_major(value.shape), row_major(shape)
    lengths = [n + min(before, 0) + min(after, 0) for n, (before, after) in zip(value.shape, widths, strict=True)]
    begin = sum(max(-before, 0) * step for (before, _), step in zip(widths, sources, strict=True))
    to = sum(max(before, 0) * step for (before, _), step in zip(widths, targets, strict=True))
    builder.copy(value, lengths, sources, begin, out, targets, to)
    return Value(out, tuple(shape), value.axis, value.folded)
