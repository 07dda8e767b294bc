"""From a module of the caller's to a program that is trusted."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ikura.population.program.builder import Program, UnknownOperationError
from ikura.population.program.check import check
from ikura.population.program.graph import Traced, check_hooks, run, trace
from ikura.population.program.inputs import side_by_side, unwrapped
from ikura.population.program.translate import translate

__all__ = ["Known", "lower", "lower_alike"]

ROWS = 3, 5


@dataclass(frozen=True)
class Known:
    """What is known of networks of the same code.

    Attributes:
        traced: the calls of one of other sizes.
        trusted: the program of one that differs in rates of dropout alone, which was compared with its module.
    """

    traced: Traced | None = None
    trusted: Program | None = None


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
    return lower_alike(module, Known(), inputs, outputs, dtype, say, names)[0]


def lower_alike(
    module: nn.Module, known: Known, inputs: Sequence[Tensor], outputs: int, dtype: str = "float64",
    say: Callable[[str], None] = lambda line: None, names: Sequence[str] | None = None,
) -> tuple[Program, Traced]:  # fmt: skip
    """As `lower`, with what is known of networks of the same code.

    Calls need not be traced again for other sizes. Where a size went into the calls as a number, it is found out: the
    program is compared with this module in any case, and where it is not the same, the module is traced for itself.
    A program that differs from a trusted one in rates of dropout alone is not compared again.
    """
    check_hooks(module)
    if any(p.is_floating_point() and getattr(p, "pretrained", False) for p in module.parameters()):
        raise UnknownOperationError("pretrained weights")
    given = [_rows(inputs, first, rows) for first, rows in zip((0, ROWS[0]), ROWS, strict=True)]
    own = copy.deepcopy(unwrapped(module))
    if known.traced is not None:
        try:
            return _lowered(own, known.traced, known.trusted, given, outputs, dtype, say), known.traced
        except UnknownOperationError:
            own = copy.deepcopy(unwrapped(module))
    traced = trace(own, len(inputs), names)
    return _lowered(own, traced, None, given, outputs, dtype, say), traced


def _lowered(
    module: nn.Module, traced: Traced, trusted: Program | None, given: Sequence[Sequence[Tensor]], outputs: int,
    dtype: str, say: Callable[[str], None],
) -> Program:  # fmt: skip
    shapes = [tuple(one.shape[1:]) if one.is_floating_point() else None for one in given[0]]
    program = translate(run(traced, module, given), shapes)
    if program.outputs != outputs:
        raise UnknownOperationError(f"{program.outputs} outputs for {outputs}")
    if trusted is not None and program.same_operations(trusted):
        return program
    program.compile_ahead(list(dict.fromkeys(("float64", dtype))), say)
    try:
        check(program, module, [(one, *_double(one)) for one in given], traced.names)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        raise UnknownOperationError(f"the module fails in double precision ({type(error).__name__})") from error
    return program


def _double(inputs: Sequence[Tensor]) -> tuple[np.ndarray, np.ndarray]:
    x, codes = side_by_side(inputs)
    return np.ascontiguousarray(x, np.float64), codes


def _rows(inputs: Sequence[Tensor], first: int, rows: int) -> list[Tensor]:
    """So many examples from a place on, the given ones again where there are fewer."""
    return [one[(first + torch.arange(rows)) % len(one)].clone() for one in inputs]
