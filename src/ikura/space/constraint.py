"""Which configurations of a space are infeasible, known before any training."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from ikura.errors import SpaceError, nearest
from ikura.space._base import Parameter
from ikura.space.expression import NUMBER, Evaluate, check_kinds, compiled, kind_of, names_of, parsed
from ikura.space.terms import suggest_name

__all__ = ["Constraint", "constraint"]


@dataclass(frozen=True)
class Constraint:
    """A condition that every configuration of a space must meet.

    Attributes:
        text: the expression.
        names: the hyperparameters it names.

    Raises:
        SpaceError: the expression cannot be read.
    """

    text: str
    names: tuple[str, ...] = field(init=False, compare=False)
    _tree: ast.expr = field(init=False, repr=False, compare=False)
    _evaluate: Evaluate = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise SpaceError(f'a constraint is a text such as "units * layers <= 512", but got {self.text!r}')
        try:
            tree = parsed(self.text)
        except SpaceError as error:
            raise SpaceError(f"{self} {error}") from None
        object.__setattr__(self, "_tree", tree)
        object.__setattr__(self, "names", names_of(tree))
        object.__setattr__(self, "_evaluate", compiled(tree))
        if not self.names:
            raise SpaceError(f"{self} names no hyperparameter")

    def __str__(self) -> str:
        return f'constraint "{" ".join(self.text.split())}":'

    def __reduce__(self) -> tuple[type[Constraint], tuple[str]]:
        return Constraint, (self.text,)

    def met(self, configuration: Mapping[str, Any]) -> bool:
        """Say whether a configuration is feasible as far as this constraint goes.

        Args:
            configuration: name to value of the active hyperparameters.

        Returns:
            Whether it holds. One that names an inactive hyperparameter counts as met; one that cannot be worked out
            (a division by zero, the logarithm of zero) counts as not met.

        Example:
            >>> constraint("units * layers <= 512").met({"units": 128, "layers": 5})
            False
        """
        if not all(name in configuration for name in self.names):
            return True
        try:
            return bool(self._evaluate(configuration))
        except (ArithmeticError, ValueError):
            return False

    def check(self, parameters: Mapping[str, Parameter]) -> None:
        """Refuse names the space does not have, and operations that its values do not allow.

        Raises:
            SpaceError: naming the constraint.
        """
        kinds = {}
        for name in self.names:
            if name not in parameters:
                raise SpaceError(f"{self} {name!r} is not in the space{suggest_name(name, parameters, 'it')}")
            one = parameters[name]
            options = getattr(one, "options", (one.from_unit(0.5),))
            kinds[name] = frozenset(map(kind_of, options)) if not one.numeric else frozenset({NUMBER})
        try:
            check_kinds(self._tree, kinds)
        except SpaceError as error:
            raise SpaceError(f"{self} {error}") from None

    def check_options(self, parameters: Mapping[str, Parameter]) -> None:
        """Refuse texts that a hyperparameter is compared with and never is.

        Raises:
            SpaceError: naming the constraint; the nearest option is offered.
        """
        for node in ast.walk(self._tree):
            if not isinstance(node, ast.Compare):
                continue
            terms = [node.left, *node.comparators]
            for left, right in pairwise(terms):
                for one, other in ((left, right), (right, left)):
                    if isinstance(one, ast.Name):
                        self._check_texts(one.id, other, parameters[one.id])

    def _check_texts(self, name: str, other: ast.expr, parameter: Parameter) -> None:
        for node in other.elts if isinstance(other, ast.Tuple | ast.List | ast.Set) else [other]:
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and not parameter.contains(node.value):
                options = [str(option) for option in getattr(parameter, "options", ())]
                offer = nearest(node.value, options) or f": it is {', '.join(options)}" * bool(options)
                raise SpaceError(f"{self} {name!r} is never {node.value!r}{offer}")


def constraint(text: str) -> Constraint:
    """Declare which configurations are feasible; proposers draw no others.

    Args:
        text: a comparison such as "units * layers <= 512" or "learning_rate < 0.1 or optimizer != 'sgd'", of names of
            hyperparameters, numbers, strings, comparisons, + - * / % **, and, or, not, in, min, max, abs and log10.

    Returns:
        The constraint, to be given to `Space`.

    Raises:
        SpaceError: the text cannot be read.

    Example:
        >>> from ikura.space import Space, integer
        >>> space = Space(constraint("units * layers <= 64"), units=integer(8, 64), layers=integer(1, 8))
        >>> space.feasible({"units": 8, "layers": 8}), space.feasible({"units": 9, "layers": 8})
        (True, False)
    """
    return Constraint(text)
