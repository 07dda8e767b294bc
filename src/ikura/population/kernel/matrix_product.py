"""Matrix products of the kernel: those of Numba's `np.dot`, which takes several times as long to compile."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError
from numba.extending import intrinsic
from numba.np.arrayobj import make_array
from numba.np.linalg import call_xxdot, call_xxgemm, call_xxgemv, ensure_blas

__all__ = ["matrix_product"]


def _product(typingctx: Any, a: Any, b: Any, out: Any) -> Any:
    """Write a b to `out`; a and b lie row by row, or column by column (transposed), `out` row by row.

    Nothing checks that their shapes, (m, k), (k, n) and (m, n), belong together.
    """
    if out.layout != "C" or a.layout not in "CF" or b.layout not in "CF":
        raise TypingError("matrices of a product have no gaps")

    def generate(context: Any, builder: Any, form: Any, arguments: Any) -> Any:
        ensure_blas()
        kinds = form.args
        left, right, result = (
            make_array(kind)(context, builder, value) for kind, value in zip(kinds, arguments, strict=True)
        )
        shapes = [cgutils.unpack_tuple(builder, one.shape) for one in (left, right, result)]
        (m, k), (_, n) = shapes[:2]

        def equals(size: Any, number: int) -> Any:
            return builder.icmp_signed("==", size, context.get_constant(types.intp, number))

        empty = builder.or_(equals(k, 0), builder.or_(equals(m, 0), equals(n, 0)))
        with builder.if_else(empty, likely=False) as (nothing, something):
            with nothing:
                cgutils.memset(builder, result.data, builder.mul(result.itemsize, result.nitems), 0)
            with something, builder.if_else(equals(n, 1)) as (one_column, columns):
                with one_column, builder.if_else(equals(m, 1)) as (number, vector):
                    with number:
                        call_xxdot(context, builder, False, kinds[0].dtype, k, left.data, right.data, result.data)
                    with vector:
                        turned = kinds[0].layout == "C"
                        call_xxgemv(context, builder, turned, kinds[0], shapes[0], left.data, right.data, result.data)
                with columns, builder.if_else(equals(m, 1)) as (one_row, rows):
                    with one_row:
                        turned = kinds[1].layout != "C"
                        call_xxgemv(context, builder, turned, kinds[1], shapes[1], right.data, left.data, result.data)
                    with rows:
                        call_xxgemm(
                            context, builder, kinds[0], shapes[0], left.data, kinds[1], shapes[1], right.data, kinds[2],
                            shapes[2], result.data,
                        )  # fmt: skip
        return context.get_dummy_value()

    return types.void(a, b, out), generate


matrix_product: Any = intrinsic(_product)
