"""The package as a whole: its version, and what its modules import."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter
from pathlib import Path

import ikura

ROOT = Path(ikura.__file__).parent


def imports(body: Sequence[ast.stmt]) -> Iterator[str]:
    """Names that a module imports when it is imported itself, not for types only and not within functions."""
    for node in body:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Try):
            yield from imports(node.body)
        elif isinstance(node, ast.If):
            yield from imports(node.orelse if "TYPE_CHECKING" in ast.dump(node.test) else node.body)


def test_version() -> None:
    assert ikura.__version__


def test_modules_do_not_import_in_circles() -> None:
    paths = {
        ".".join(("ikura", *path.relative_to(ROOT).with_suffix("").parts)): path
        for path in ROOT.rglob("*.py")
        if path.name != "__init__.py"
    }
    graph = {name: set(imports(ast.parse(path.read_text()).body)) & paths.keys() for name, path in paths.items()}
    assert len(graph) > 100
    # Raises CycleError, which shows the circle.
    TopologicalSorter(graph).prepare()
