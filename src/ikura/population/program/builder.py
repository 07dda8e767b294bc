"""Building a program: registers, operations, and which of them adds to an error that another has set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from ikura.population.program.compiling import addresses, compile_ahead
from ikura.population.program.operations import copies
from ikura.population.program.operations.frame import ADD, FIELDS, NUMBERS, SKIP, WRITE
from ikura.population.program.operations.run import Code

__all__ = ["Builder", "Codes", "Kind", "Program", "Register", "States", "UnknownOperationError", "Value", "Weight"]


class UnknownOperationError(Exception):
    """A network does something that no program can; it names what."""


@dataclass(frozen=True, eq=False)
class Register:
    """A place for what is computed.

    Attributes:
        size: numbers, of each row where it has rows.
        rows: whether it has a row for each example.
        learns: whether its error is wanted.
    """

    size: int
    rows: bool
    learns: bool


@dataclass(frozen=True, eq=False)
class Value:
    """What flows through a network: a register and how its numbers are to be read.

    Attributes:
        register: where its numbers lie, row by row.
        shape: of one row.
        axis: where the axis of examples stands among those of its shape; None if it has none.
        folded: whether the first axis of the shape and that of the examples are one.
    """

    register: Register
    shape: tuple[int, ...]
    axis: int | None = 0
    folded: bool = False

    @property
    def size(self) -> int:
        """Numbers of a row."""
        return prod(self.shape)

    def dimensions(self) -> int:
        """Axes, that of the examples included."""
        return len(self.shape) + (self.axis is not None and not self.folded)

    def own_axis(self, axis: int) -> int:
        """The place in `shape` of one of all axes.

        Raises:
            UnknownOperationError: it is the axis of the examples.
        """
        axis %= self.dimensions()
        if self.axis is None:
            return axis
        if axis == self.axis:
            raise UnknownOperationError("an operation along the examples")
        return axis if self.folded or axis < self.axis else axis - 1


@dataclass(frozen=True, eq=False)
class States:
    """The last states of a recurrent layer, one value for each of its layers and directions."""

    values: tuple[Value, ...]


@dataclass(frozen=True, eq=False)
class Codes:
    """Whole numbers that are given with each example.

    Attributes:
        columns: where each of them lies among the whole numbers of a row; its shape is theirs, without the axis of the
            examples, which comes first.
    """

    columns: np.ndarray


@dataclass(frozen=True)
class Weight:
    """A parameter or float buffer of a network.

    Attributes:
        place: where it begins among the weights, or the buffers.
        shape: its shape.
        learns: whether it is trained.
        buffer: whether it is a buffer.
    """

    place: int
    shape: tuple[int, ...]
    learns: bool
    buffer: bool = False


Operation = Callable[..., None]


@dataclass(frozen=True)
class Kind:
    """An operation: its name, and what is compiled of it."""

    name: str
    forward: Operation
    backward: Operation


@dataclass
class _Step:
    kind: Kind
    fields: list[Any]
    numbers: list[float]
    errors: dict[int, Register]
    writes: list[Register]


INPUTS = Kind("input", copies.inputs_forward, copies.nothing)
PARAMETER = Kind("parameter", copies.parameter_forward, copies.parameter_backward)
COPY = Kind("copy", copies.copy_forward, copies.copy_backward)
FILL = Kind("constant", copies.fill_forward, copies.nothing)


@dataclass(frozen=True)
class Program:
    """What a network computes, as operations on registers.

    Attributes:
        fields, numbers: of each operation, shape (operations, FIELDS) and (operations, NUMBERS).
        kinds: of each operation.
        units, fixed, out, outputs: see `Code`.
        constants: numbers that follow the network's buffers.
        normalises: whether mini-batches of one row are to be avoided.
        inner_dropouts: places of the dropouts inside of PyTorch's layers among the operations.
    """

    fields: np.ndarray
    numbers: np.ndarray
    kinds: tuple[Kind, ...]
    units: int
    fixed: int
    out: int
    outputs: int
    constants: np.ndarray
    normalises: bool
    inner_dropouts: np.ndarray

    def numbers_of(self, rows: int) -> int:
        """Values and errors that a mini-batch of so many rows takes."""
        return 2 * (self.units * rows + self.fixed)

    def same_operations(self, other: Program) -> bool:
        """Whether another program does the same, but for the floats among its fields, such as rates of dropout."""
        return (
            self.kinds == other.kinds
            and np.array_equal(self.fields, other.fields)
            and np.array_equal(self.constants, other.constants)
            and (self.units, self.fixed, self.out, self.outputs) == (other.units, other.fixed, other.out, other.outputs)
        )

    def compile_ahead(self, dtypes: Sequence[str], say: Callable[[str], None] = lambda line: None) -> None:
        """Make sure that the operations come from the cache on disk; `say` is told if they have to be compiled."""
        compile_ahead([one for kind in self.kinds for one in (kind.forward, kind.backward)], dtypes, say)

    def code(self, dtype: str) -> Code:
        """Load the operations for one precision."""
        forward = addresses([kind.forward for kind in self.kinds], dtype)
        backward = addresses([kind.backward for kind in self.kinds], dtype)
        return Code(self.fields, self.numbers, forward, backward, self.units, self.fixed, self.out, self.outputs)


@dataclass
class Builder:
    """Collects the operations of a network in the order in which it runs them.

    Attributes:
        state: numbers that the network's float buffers take; constants follow them.
        dropouts: how many there are so far.
        normalises: whether mini-batches of one row are to be avoided.
        inner: what the dropouts inside of PyTorch's layers write.
    """

    state: int = 0
    dropouts: int = 0
    normalises: bool = False
    steps: list[_Step] = field(default_factory=list)
    constants: list[np.ndarray] = field(default_factory=list)
    inner: list[Register] = field(default_factory=list)
    _loaded: dict[Weight, Value] = field(default_factory=dict)

    def register(self, size: int, rows: bool = True, learns: bool = True) -> Register:
        """Make a register."""
        return Register(size, rows, learns)

    def add(
        self, kind: Kind, fields: Sequence[Any], errors: Sequence[int] = (), writes: Sequence[Register] = (),
        numbers: Sequence[float] = (),
    ) -> None:  # fmt: skip
        """Add an operation.

        Args:
            kind: what it is.
            fields: its whole numbers; registers stand for their places.
            errors: (place of a register among the fields, place of the flag that says how its error is written), flat.
            writes: registers that it writes.
            numbers: its floats.
        """
        pairs = list(zip(errors[::2], errors[1::2], strict=True))
        self.steps.append(
            _Step(kind, list(fields), list(numbers), {flag: fields[one] for one, flag in pairs}, list(writes))
        )

    def input(self, shape: Sequence[int], column: int) -> Value:
        """The features of an example from a column on."""
        out = Value(self.register(prod(shape), learns=False), tuple(shape))
        self.add(INPUTS, [1, out.register, out.size, column], writes=[out.register])
        return out

    def constant(self, values: np.ndarray) -> Value:
        """Numbers that never change."""
        place = self.state + sum(one.size for one in self.constants)
        self.constants.append(np.asarray(values, np.float64).ravel())
        return self.weight(Weight(place, tuple(np.shape(values)), False, True))

    def weight(self, weight: Weight) -> Value:
        """A parameter or buffer as a value of its own."""
        if weight not in self._loaded:
            out = Value(self.register(prod(weight.shape), False, weight.learns), weight.shape, None)
            flag = ADD if weight.learns else SKIP
            self.add(PARAMETER, [int(weight.buffer), out.register, out.size, weight.place, flag], writes=[out.register])
            self._loaded[weight] = out
        return self._loaded[weight]

    def copy(
        self, source: Value, lengths: Sequence[int], strides: Sequence[int], offset: int, target: Register,
        target_strides: Sequence[int], target_offset: int = 0,
    ) -> None:  # fmt: skip
        """Copy numbers of each row between registers, with strides in both."""
        axes = [(n, p, q) for n, p, q in zip(lengths, strides, target_strides, strict=True) if n != 1]
        merged: list[tuple[int, int, int]] = []
        for n, p, q in axes:
            if merged and merged[-1][1] == n * p and merged[-1][2] == n * q:
                merged[-1] = (merged[-1][0] * n, p, q)
            else:
                merged.append((n, p, q))
        if len(merged) > copies.DIMENSIONS:
            raise UnknownOperationError(f"a copy of {len(merged)} dimensions")
        merged = [(1, 0, 0)] * (copies.DIMENSIONS - len(merged)) + merged
        if any(n == 0 for n in lengths):
            raise UnknownOperationError("a tensor without numbers")
        each = [*(n for n, _, _ in merged), *(p for _, p, _ in merged), *(q for _, _, q in merged)]
        register = source.register
        own = register.size if register.rows else 0
        fields = [int(target.rows), register, target, own, target.size, offset, target_offset, SKIP, *each, 0]
        self.add(COPY, [*fields, register.size], [1, 7], [target])

    def finish(self, out: Value) -> Program:
        """Lay the registers out, leave out what leads to no output, and decide how errors are written."""
        live, wanted = [], {out.register}
        for step in reversed(self.steps):
            if any(one in wanted for one in step.writes):
                live.append(step)
                wanted |= {one for one in step.fields if isinstance(one, Register)}
        live.reverse()
        places: dict[Register, int] = {}
        units = fixed = 0
        for step in live:
            for one in step.fields:
                if isinstance(one, Register) and one not in places:
                    places[one] = units if one.rows else -fixed - 1
                    units, fixed = (units + one.size, fixed) if one.rows else (units, fixed + one.size)
        written = {out.register}
        for step in reversed(live):
            for flag, register in step.errors.items():
                step.fields[flag] = (ADD if register in written else WRITE) if register.learns else SKIP
                written.add(register)
        fields, numbers = np.zeros((len(live), FIELDS), np.int64), np.zeros((len(live), NUMBERS))
        for i, step in enumerate(live):
            own = [places[one] if isinstance(one, Register) else int(one) for one in step.fields]
            fields[i, : len(own)], numbers[i, : len(step.numbers)] = own, step.numbers
        constants = np.concatenate([np.zeros(0), *self.constants])
        kinds = tuple(step.kind for step in live)
        inner = np.array([i for i, step in enumerate(live) if step.writes[0] in self.inner], np.int64)
        return Program(
            fields, numbers, kinds, units, fixed, places[out.register], out.size, constants, self.normalises, inner
        )
