"""What an operation is given: its own numbers, the mini-batch, the registers, a member's weights.

Operations are compiled one by one, each when a program first has it, and called by their addresses: a program that has
no convolution never waits for one to be compiled.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir
from numba import carray, types  # type: ignore[attr-defined]
from numba.extending import intrinsic

from ikura.population.kernel._compile import compiled

__all__ = [
    "ADD", "BEGIN", "CODES", "FEATURES", "FIELDS", "MOST", "NUMBERS", "ROWS", "SKIP", "STREAM", "TRAINING", "UNITS",
    "WRITE", "Frame", "block", "call", "like", "line", "moved", "opened", "signature", "span",
]  # fmt: skip

FIELDS, NUMBERS = 40, 6
"""Whole numbers and floats that an operation can have."""
WRITE, ADD, SKIP = 0, 1, -1
"""What the backward pass does with the error of an operand: set it, add to it, or leave it out."""


ROWS, MOST, BEGIN, TRAINING, STREAM, UNITS, FEATURES, CODES = range(8)
"""Places in the array `now`: rows of the mini-batch, and the most there can be; place of its first row in the epoch;
whether it is trained on; key of the noise; numbers of all registers for a row; float features, and whole numbers, of a
row."""


class Frame(NamedTuple):
    """What an operation reads and writes.

    Attributes:
        op: its whole numbers, int64 of shape (FIELDS,).
        numbers: its floats, such as a rate of dropout, shape (NUMBERS,).
        now: what is true of the mini-batch, see ROWS.
        a: pointer to the values of all registers, in the network's precision.
        d: to their errors, in the same places.
        w, g: to the member's weights and their gradient.
        s: to the member's buffers, running statistics among them.
        x: to the float features of the mini-batch; each row has FEATURES of them.
        codes: to its whole numbers.
    """

    op: Any
    numbers: Any
    now: Any
    a: Any
    d: Any
    w: Any
    g: Any
    s: Any
    x: Any
    codes: Any


def _moved(typingctx: Any, pointer: Any, by: Any) -> Any:
    """The pointer so many numbers further."""

    def generate(context: Any, builder: Any, form: Any, arguments: Any) -> Any:
        return builder.gep(arguments[0], [arguments[1]])

    return pointer(pointer, types.int64), generate


moved: Any = intrinsic(_moved)


@compiled
def like(pointer: Any, number: Any) -> Any:
    """A number in the precision of what a pointer leads to."""
    return carray(pointer, (1,)).dtype.type(number)


@compiled
def line(pointer: Any, begin: int, count: int) -> Any:
    """So many numbers from a place on, as an array."""
    return carray(moved(pointer, begin), (count,))


@compiled
def block(pointer: Any, begin: int, rows: int, columns: int) -> Any:
    """Rows of numbers from a place on, as an array."""
    return carray(moved(pointer, begin), (rows, columns))


@compiled
def opened(op: Any, numbers: Any, now: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any, codes: Any) -> Frame:
    """Make a frame of the pointers that an operation is called with."""
    return Frame(carray(op, FIELDS), carray(numbers, NUMBERS), carray(now, CODES + 1), a, d, w, g, s, x, codes)


@compiled
def span(now: Any, place: int) -> int:
    """Where a register begins: units of a row for each row, or (below zero) a place of what has no rows."""
    if place >= 0:
        return place * now[MOST]
    return now[UNITS] * now[MOST] - place - 1


def signature(number: Any) -> Any:
    """How operations of one precision are called."""
    p, whole = types.CPointer(number), types.CPointer(types.int64)
    return types.void(whole, types.CPointer(types.float64), whole, p, p, p, p, p, p, whole)


def _call(
    typingctx: Any, place: Any, op: Any, numbers: Any, now: Any, a: Any, d: Any, w: Any, g: Any, s: Any, x: Any,
    codes: Any,
) -> Any:  # fmt: skip
    """Call the operation whose code lies at an address, with the arrays of a frame."""
    form = types.void(types.uint64, op, numbers, now, a, d, w, g, s, x, codes)

    def generate(context: Any, builder: Any, form: Any, arguments: Any) -> Any:
        data = [
            context.make_array(kind)(context, builder, value).data
            for kind, value in zip(form.args[1:], arguments[1:], strict=True)
        ]
        function = ir.FunctionType(ir.VoidType(), [one.type for one in data])
        builder.call(builder.inttoptr(arguments[0], function.as_pointer()), data)
        return context.get_dummy_value()

    return form, generate


call: Any = intrinsic(_call)
