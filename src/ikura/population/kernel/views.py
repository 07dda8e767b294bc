"""Views into flat arrays and loops over matrices: slices, `reshape` and `a[:] = b` take many times as long to compile.

Nothing checks that a view ends before its array does.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from ikura.population.kernel._compile import compiled

__all__ = ["copy", "fill", "images_of", "matrix", "multiply", "vector"]


def _view(flat: Any, sizes: tuple[Any, ...]) -> Any:
    """The type of a view with these sizes, and what generates it."""
    if not isinstance(flat, types.Array) or flat.layout != "C":
        raise TypingError(f"a view is of an array without gaps, not of {flat}")
    made = flat.copy(ndim=len(sizes))

    def generate(context: Any, builder: Any, form: Any, arguments: Any) -> Any:
        whole = make_array(form.args[0])(context, builder, arguments[0])
        begin, *shape = (
            context.cast(builder, value, kind, types.intp)
            for value, kind in zip(arguments[1:], form.args[1:], strict=True)
        )
        strides = [whole.itemsize]
        for size in reversed(shape[1:]):
            strides.insert(0, builder.mul(strides[0], size))
        view = make_array(form.return_type)(context, builder)
        populate_array(
            view, data=builder.gep(whole.data, [begin]), shape=cgutils.pack_array(builder, shape),
            strides=cgutils.pack_array(builder, strides), itemsize=whole.itemsize, meminfo=whole.meminfo,
            parent=whole.parent,
        )  # fmt: skip
        return impl_ret_borrowed(context, builder, form.return_type, view._getvalue())

    return made(flat, types.intp, *(types.intp for _ in sizes)), generate


def _vector(typingctx: Any, flat: Any, place: Any, count: Any) -> Any:
    """So many numbers from a place on."""
    return _view(flat, (count,))


def _matrix(typingctx: Any, flat: Any, place: Any, rows: Any, columns: Any) -> Any:
    """A matrix of the numbers from a place on, row after row."""
    return _view(flat, (rows, columns))


def _images_of(typingctx: Any, flat: Any, place: Any, rows: Any, height: Any, width: Any, channels: Any) -> Any:
    """Images of the numbers from a place on."""
    return _view(flat, (rows, height, width, channels))


vector: Any = intrinsic(_vector)
matrix: Any = intrinsic(_matrix)
images_of: Any = intrinsic(_images_of)


@compiled
def copy(source: Any, target: Any) -> None:
    """Write the numbers of one matrix to the first columns of another."""
    for i in range(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]


@compiled
def multiply(target: Any, factors: Any) -> None:
    """Multiply the numbers of a matrix by those of another."""
    for i in range(target.shape[0]):
        for j in range(target.shape[1]):
            target[i, j] *= factors[i, j]


@compiled
def fill(target: Any, number: Any) -> None:
    """Set all numbers of a matrix to one."""
    for i in range(target.shape[0]):
        for j in range(target.shape[1]):
            target[i, j] = number
