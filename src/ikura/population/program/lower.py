"""From a module of the caller's to a program that is trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ikura.nn import Dropout
from ikura.population.program.builder import Program, UnknownOperationError
from ikura.population.program.check import check
from ikura.population.program.graph import trace
from ikura.population.program.inputs import side_by_side, unwrapped
from ikura.population.program.translate import translate

__all__ = ["lower", "rates_of"]

ROWS = 3, 5


def rates_of(module: nn.Module) -> tuple[float, ...]:
    """Rates of dropout that a network holds in buffers, which a program has as numbers."""
    return tuple(float(part.rate) for part in module.modules() if isinstance(part, Dropout))


def lower(
    module: nn.Module, inputs: Sequence[Tensor], outputs: int, dtype: str = "float64",
    say: Callable[[str], None] = lambda line: None, names: Sequence[str] | None = None,
) -> Program:  # fmt: skip
    """Turn a module into a program that computes the same to 1e-9: outputs, gradients and running statistics.

    Args:
        module: of the caller's; it is left as it is.
        inputs: what its forward takes, of a few examples.
        outputs: numbers that it is to give for each.
        dtype: precision in which it will be trained.
        say: told if something has to be compiled.
        names: of the inputs among forward's arguments; None for its first ones.

    Raises:
        UnknownOperationError: it does something that is not known, or the program does something else; the message
            names what.

    Example:
        >>> program = lower(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)), [torch.ones(2, 2)], 1)
        >>> [kind.name for kind in program.kinds]
        ['input', 'linear', 'function', 'linear']
    """
    module = unwrapped(module)
    given = [_rows(inputs, first, rows) for first, rows in zip((0, ROWS[0]), ROWS, strict=True)]
    graph = trace(module, given, names)
    shapes = [tuple(one.shape[1:]) if one.is_floating_point() else None for one in inputs]
    if any(p.is_floating_point() and getattr(p, "pretrained", False) for p in module.parameters()):
        raise UnknownOperationError("pretrained weights")
    program = translate(graph, shapes)
    if program.outputs != outputs:
        raise UnknownOperationError(f"{program.outputs} outputs for {outputs}")
    program.compile_ahead(list(dict.fromkeys(("float64", dtype))), say)
    try:
        check(program, module, [(one, *_double(one)) for one in given], graph.names)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise UnknownOperationError(f"the module fails in double precision ({type(error).__name__})") from error
    return program


def _double(inputs: Sequence[Tensor]) -> tuple[np.ndarray, np.ndarray]:
    x, codes = side_by_side(inputs)
    return np.ascontiguousarray(x, np.float64), codes


def _rows(inputs: Sequence[Tensor], first: int, rows: int) -> list[Tensor]:
    """So many examples from a place on, the given ones again where there are fewer."""
    return [one[(first + torch.arange(rows)) % len(one)].clone() for one in inputs]
