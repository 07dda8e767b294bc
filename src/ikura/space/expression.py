"""A small language of comparisons between hyperparameters, read by Python's parser and by nothing else of Python's."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from math import log10
from typing import Any

from ikura.errors import SpaceError, nearest
from ikura.process_state import warning_filters

__all__ = ["FUNCTIONS", "NUMBER", "Evaluate", "check_kinds", "compiled", "kind_of", "names_of", "parsed"]

Evaluate = Callable[[Mapping[str, Any]], Any]

_NO_SYNTAX_WARNINGS = warning_filters(("ignore", SyntaxWarning))
MOST_CHARACTERS = 1000
MOST_DEEP = 50
MOST_BITS = 4096
"""Of an integer power; one beyond is worked out in no reasonable time."""

ARITHMETIC: dict[type[ast.operator], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.Mod: ("%", operator.mod),
}
COMPARISONS: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.In: ("in", lambda one, options: one in options),
    ast.NotIn: ("not in", lambda one, options: one not in options),
}
FUNCTIONS: dict[str, tuple[int, int | None, Callable[..., Any]]] = {
    "min": (2, None, min),
    "max": (2, None, max),
    "abs": (1, 1, abs),
    "log10": (1, 1, log10),
}
"""Name to the fewest and the most arguments and what it does."""

WORDS = "names, numbers, strings, comparisons, + - * / % **, and, or, not, in, min, max, abs, log10"
NUMBER, TEXT, TRUTH = "a number", "text", "true or false"
Kinds = Mapping[str, frozenset[str]]


def parsed(text: str) -> ast.expr:
    """Parse an expression and refuse everything that is not of the language.

    Args:
        text: such as "units * layers <= 512".

    Returns:
        Its syntax tree.

    Raises:
        SpaceError: it cannot be read; the message says which part.
    """
    if len(text) > MOST_CHARACTERS:
        raise SpaceError(f"it has {len(text)} characters, but at most {MOST_CHARACTERS} are read")
    try:
        with _NO_SYNTAX_WARNINGS:
            tree = ast.parse(text.strip(), mode="eval").body
        _check(tree)
    except SyntaxError as error:
        at = f" at character {error.offset}" if error.offset else ""
        raise SpaceError(f"it cannot be read{at}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError):
        raise SpaceError("it cannot be read: it is nested too deeply, or holds what no text should") from None
    return tree


def _check(node: ast.expr, depth: int = 0) -> None:
    if depth > MOST_DEEP:
        raise RecursionError
    match node:
        case ast.BoolOp(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            pass
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.UAdd(), operand=part):
            parts = [part]
        case ast.BinOp(left=left, op=op, right=right) if isinstance(op, ast.Pow) or type(op) in ARITHMETIC:
            parts = [left, right]
        case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in COMPARISONS for op in ops):
            for sign, other in zip(ops, others, strict=True):
                if isinstance(sign, ast.In | ast.NotIn) != isinstance(other, ast.Tuple | ast.List | ast.Set):
                    raise SpaceError(f"{ast.unparse(other)}: `in` takes a list such as ('sgd', 'adam'), and only `in`")
            parts = [left, *others]
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]) if name in FUNCTIONS:
            fewest, most, _ = FUNCTIONS[name]
            if not fewest <= len(parts) <= (len(parts) if most is None else most):
                raise SpaceError(f"{name} takes {f'{fewest} or more' if most is None else fewest} numbers")
        case ast.Call(func=ast.Name(id=name)) if name not in FUNCTIONS:
            raise SpaceError(f"unknown function {name!r}{nearest(name, FUNCTIONS)}: use {', '.join(FUNCTIONS)}")
        case ast.Name():
            parts = []
        case ast.Constant(value=value) if isinstance(value, str | int | float):
            parts = []
        case _:
            raise SpaceError(f"{ast.unparse(node)!r} is not of its language, which has {WORDS}")
    for part in parts:
        _check(part, depth + 1)


def names_of(tree: ast.expr) -> tuple[str, ...]:
    """List the hyperparameters an expression names, in the order of their first mention.

    Example:
        >>> names_of(parsed("max(units, 8) * layers <= units ** 2"))
        ('units', 'layers')
    """
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and id(n) not in functions]
    return tuple(dict.fromkeys(n.id for n in sorted(names, key=lambda n: (n.lineno, n.col_offset))))


def compiled(tree: ast.expr) -> Evaluate:
    """Turn a checked tree into a function of a configuration; and, or, not and comparisons are Python's.

    The function raises ArithmeticError or ValueError where Python does (a division by zero, a logarithm of zero), and
    for powers that are too large or complex.
    """
    match node := tree:
        case ast.Name(id=name):
            return lambda values: values[name]
        case ast.Constant(value=value):
            return lambda values: value
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            options = [compiled(part) for part in parts]
            return lambda values: [one(values) for one in options]
        case ast.UnaryOp(op=ast.Not(), operand=part):
            inner = compiled(part)
            return lambda values: not inner(values)
        case ast.UnaryOp(op=op, operand=part):
            inner = compiled(part)
            return (lambda values: -inner(values)) if isinstance(op, ast.USub) else (lambda values: +inner(values))
        case ast.BoolOp(op=op, values=parts):
            every = [compiled(part) for part in parts]
            whole = all if isinstance(op, ast.And) else any
            return lambda values: whole(one(values) for one in every)
        case ast.BinOp(left=left, op=op, right=right):
            first, second = compiled(left), compiled(right)
            work = _power if isinstance(op, ast.Pow) else ARITHMETIC[type(op)][1]
            return lambda values: work(first(values), second(values))
        case ast.Compare(left=left, ops=ops, comparators=others):
            links = [(COMPARISONS[type(sign)][1], compiled(part)) for sign, part in zip(ops, others, strict=True)]
            return _chain(compiled(left), links)
        case ast.Call(func=ast.Name(id=name), args=parts):
            every = [compiled(part) for part in parts]
            call = FUNCTIONS[name][2]
            return lambda values: call(*(one(values) for one in every))
    raise SpaceError(f"{ast.unparse(node)!r} is not of its language, which has {WORDS}")


def _chain(first: Evaluate, links: Sequence[tuple[Callable[[Any, Any], Any], Evaluate]]) -> Evaluate:
    """Compare as in a < b < c: no term is worked out twice, and none behind a link that does not hold."""

    def evaluate(values: Mapping[str, Any]) -> bool:
        left = first(values)
        for compare, other in links:
            right = other(values)
            if not compare(left, right):
                return False
            left = right
        return True

    return evaluate


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * abs(exponent) > MOST_BITS:
        raise OverflowError("the power is too large")
    found = base**exponent
    if isinstance(found, complex):
        raise ValueError("the power is complex")
    return found


def check_kinds(tree: ast.expr, kinds: Kinds) -> None:
    """Refuse sums of texts, comparisons of numbers with texts, and an expression that is no comparison at all.

    Args:
        tree: a checked tree.
        kinds: name to the kinds its values have: "a number", "text", "true or false".

    Raises:
        SpaceError: naming the part of the expression.
    """
    _must(tree, kinds, {TRUTH}, "it must be a comparison")


def _must(node: ast.expr, kinds: Kinds, allowed: set[str], why: str) -> None:
    found = _kinds(node, kinds)
    if not found <= allowed:
        raise SpaceError(f"{why}, but {ast.unparse(node)} is {' or '.join(sorted(found - allowed))}")


def _kinds(node: ast.expr, kinds: Kinds) -> frozenset[str]:
    match node:
        case ast.Name(id=name):
            return kinds[name]
        case ast.Constant(value=value):
            return frozenset({kind_of(value)})
        case ast.UnaryOp(op=ast.Not(), operand=part):
            _must(part, kinds, {TRUTH}, "`not` turns a comparison round")
            return frozenset({TRUTH})
        case ast.BoolOp(op=op, values=parts):
            word = "and" if isinstance(op, ast.And) else "or"
            for part in parts:
                _must(part, kinds, {TRUTH}, f"`{word}` joins comparisons")
            return frozenset({TRUTH})
        case ast.UnaryOp(operand=part):
            _must(part, kinds, {NUMBER, TRUTH}, "a sign needs a number")
        case ast.BinOp(left=left, op=op, right=right):
            sign = "**" if isinstance(op, ast.Pow) else ARITHMETIC[type(op)][0]
            for part in (left, right):
                _must(part, kinds, {NUMBER, TRUTH}, f"`{sign}` needs numbers")
        case ast.Call(func=ast.Name(id=name), args=parts):
            for part in parts:
                _must(part, kinds, {NUMBER, TRUTH}, f"{name} needs numbers")
        case ast.Compare(left=left, ops=ops, comparators=others):
            for link, other in zip(ops, others, strict=True):
                for part in other.elts if isinstance(other, ast.Tuple | ast.List | ast.Set) else [other]:
                    _comparable(left, link, part, kinds)
                left = other
            return frozenset({TRUTH})
    return frozenset({NUMBER})


def _comparable(left: ast.expr, op: ast.cmpop, right: ast.expr, kinds: Kinds) -> None:
    sign = COMPARISONS[type(op)][0]
    if isinstance(left, ast.Tuple | ast.List | ast.Set):
        raise SpaceError(f"`{sign}` cannot follow the list {ast.unparse(left)}")
    first, second = _kinds(left, kinds), _kinds(right, kinds)
    if isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE):
        for part, found in ((left, first), (right, second)):
            if TEXT in found:
                raise SpaceError(f"`{sign}` compares numbers, but {ast.unparse(part)} is text")
    elif not (TEXT in first & second or (first - {TEXT} and second - {TEXT})):
        raise SpaceError(f"`{sign}` compares a number with text in {ast.unparse(left)} {sign} {ast.unparse(right)}")


def kind_of(value: object) -> str:
    """Name the kind of a plain value."""
    return TRUTH if isinstance(value, bool) else TEXT if isinstance(value, str) else NUMBER
