"""Matrix products of operations: BLAS on places in memory, with any distance between rows, set or added to."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ikura.population.kernel._compile import compiled

__all__ = ["multiply"]


def _product(
    typingctx: Any, turn_a: Any, turn_b: Any, m: Any, n: Any, k: Any, factor: Any, a: Any, lda: Any, b: Any, ldb: Any,
    add: Any, c: Any, ldc: Any,
) -> Any:  # fmt: skip
    """Call the product that Numba's `np.dot` calls, through the function that Numba brings for it."""
    number, whole = c.dtype, types.int64
    form = types.void(
        types.boolean, types.boolean, whole, whole, whole, number, a, whole, b, whole, types.boolean, c, whole
    )

    def generate(context: Any, builder: Any, form: Any, arguments: Any) -> Any:
        turn_a, turn_b, m, n, k, factor, a, lda, b, ldb, add, c, ldc = arguments
        char, anything, size = ir.IntType(8), ir.IntType(8).as_pointer(), ir.IntType(64)
        layout = [char] * 3 + [size] * 3 + [anything, anything, size, anything, size, anything, anything, size]
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.IntType(32), layout), "numba_xxgemm"
        )
        alpha, beta = (cgutils.alloca_once(builder, factor.type) for _ in "ab")
        builder.store(factor, alpha)
        one, zero = (ir.Constant(factor.type, value) for value in (1.0, 0.0))
        builder.store(builder.select(add, one, zero), beta)

        def letter(turned: Any) -> Any:
            return builder.select(turned, ir.Constant(char, ord("t")), ir.Constant(char, ord("n")))

        def plain(pointer: Any) -> Any:
            return builder.bitcast(pointer, anything)

        kind = ir.Constant(char, ord("s" if number == types.float32 else "d"))
        # Rows side by side are the columns of the transposed matrices: cᵀ = bᵀ aᵀ.
        builder.call(
            function,
            [kind, letter(turn_b), letter(turn_a), n, m, k, plain(alpha), plain(b), ldb, plain(a), lda, plain(beta),
             plain(c), ldc],
        )  # fmt: skip
        return context.get_dummy_value()

    return form, generate


_gemm: Any = intrinsic(_product)


@compiled
def multiply(
    turn_a: bool, turn_b: bool, m: int, n: int, k: int, factor: Any, a: Any, lda: int, b: Any, ldb: int, add: bool,
    c: Any, ldc: int,
) -> None:  # fmt: skip
    """c = factor · a b, or c += factor · a b, for pointers to matrices that lie row by row.

    Args:
        turn_a, turn_b: whether a lies as (k, m) and b as (n, k), and is to be turned.
        m, n, k: c is (m, n), a (m, k), b (k, n).
        factor: in the precision of c.
        a, b, c: pointers to their first numbers.
        lda, ldb, ldc: numbers from the begin of one row to that of the next.
        add: whether c is added to.
    """
    if m > 0 and n > 0 and k > 0:
        _gemm(turn_a, turn_b, m, n, k, factor, a, lda, b, ldb, add, c, ldc)
