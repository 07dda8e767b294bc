"""The rooms of the house: imports point downwards in the table of docs/architecture.md, and never in a circle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import ikura

ROOT = Path(ikura.__file__).parent
TABLE = Path(__file__).parents[1] / "docs" / "architecture.md"
PLACES = re.compile(r"`([\w/]+?)(?:\.py|/)`")
DOTTED = re.compile(r"(?<![\w.])ikura(?:\.(?:\w|\{\})+)+")
PREFIX = re.compile(r"ikura(\.\w+)*\.")
FACE = "__init__"
CATALOGUE = "ikura.built_in"
"""Says by name, as entry points do, what registries load; only its own imports are arrows."""


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("ikura", *(parts[:-1] if parts[-1] == "__init__" else parts)))


@cache
def modules() -> dict[str, Path]:
    return {name_of(path): path for path in ROOT.rglob("*.py")}


def named(tree: ast.AST, known: frozenset[str]) -> Iterator[str]:
    """Every module that a file names: in any import statement, wherever it stands, or as a text to be imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name the whole module"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in known else node.module or ""
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from known_in(node.value.partition(":")[0], known, least=2)
        elif isinstance(node, ast.Attribute):
            yield from known_in(ast.unparse(node), known)
        elif isinstance(node, ast.JoinedStr):
            for dotted in DOTTED.findall(joined(node)):
                yield from known_in(dotted.partition("{")[0].rstrip("."), known, least=3)


def joined(text: ast.JoinedStr) -> str:
    """A text with {} for what is put into it."""
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in text.values)


def put_together(text: str) -> set[str]:
    """The packages of which modules are named by texts that are put together."""
    nodes = list(ast.walk(ast.parse(text)))
    texts = [joined(node) for node in nodes if isinstance(node, ast.JoinedStr)]
    texts += [
        f"{node.value}{{}}" for node in nodes if isinstance(node, ast.Constant) and PREFIX.fullmatch(str(node.value))
    ]
    parts = [dotted.partition("{")[0] for one in texts for dotted in DOTTED.findall(one) if "{" in dotted]
    return {part.rpartition(".")[0] for part in parts}


def known_in(text: str, known: frozenset[str], least: int = 1) -> Iterator[str]:
    """The module that a dotted text names, or has an attribute of, if its name has so many parts."""
    parts = text.split(".") if re.fullmatch(r"ikura(\.\w+)+", text) else []
    found = (".".join(parts[:end]) for end in range(len(parts), least - 1, -1))
    yield from [name for name in found if name in known][:1]


def imported(text: str, known: frozenset[str]) -> set[str]:
    return set(named(ast.parse(text), known)) & known


@cache
def graph() -> dict[str, set[str]]:
    known = frozenset(modules())
    found = {name: imported(path.read_text(), known) - {name} for name, path in modules().items()}
    return found | {CATALOGUE: {"ikura.registry"}}


def test_the_catalogue_imports_the_registry_alone() -> None:
    tree = ast.parse(modules()[CATALOGUE].read_text())
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert found == {"__future__", "typing", "ikura.registry"}


@cache
def levels() -> dict[str, int]:
    """Place in the house, the roof being 0: of folders such as study/record, and of modules beside them."""
    rows = [line.split("|")[1] for line in TABLE.read_text().splitlines() if line.startswith("| `")]
    return {place: level for level, row in enumerate(rows) for place in PLACES.findall(row)}


def room(name: str) -> str:
    """The room that a module is in: the innermost folder or file that the table names."""
    parts = name.split(".")[1:] or [FACE]
    while parts and "/".join(parts) not in levels():
        parts.pop()
    assert parts, f"{name} is in no room of the table in docs/architecture.md"
    return "/".join(parts)


def upward(name: str, targets: set[str]) -> list[str]:
    own = room(name)
    return [
        f"{name} ({own}) imports {target} ({room(target)})"
        for target in sorted(targets)
        if room(target) != own and levels()[room(target)] <= levels()[own]
    ]


def test_every_room_is_there() -> None:
    assert len(modules()) > 400
    for place in levels():
        assert (ROOT / place).is_dir() or (ROOT / f"{place}.py").is_file(), place


def test_no_arrow_points_upwards() -> None:
    assert [line for name, targets in graph().items() for line in upward(name, targets)] == []


def test_names_that_are_put_together_stay_in_their_package() -> None:
    for name, path in modules().items():
        for package in put_together(path.read_text()):
            assert name.startswith(f"{package}."), f"{name} puts together names of modules of {package}"


@pytest.mark.parametrize("text", ["f'ikura.api.{name}'", "f'ikura.api.st{name}:Study'", "'ikura.api.' + name"])
def test_names_that_are_put_together_are_seen(text: str) -> None:
    assert put_together(text) == {"ikura.api"}


def test_no_circles() -> None:
    # Raises CycleError, which shows the circle.
    TopologicalSorter(graph()).prepare()


@pytest.mark.parametrize(
    "text",
    [
        "from ikura.api.study import Study",
        "def later():\n    from ikura.api.study import Study",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ikura.api.study import Study",
        "from ikura.api import study",
        "import ikura.api.study",
        "PLACES = {'Study': 'ikura.api.study:Study'}",
        "try:\n    import ikura.api.study\nexcept ImportError:\n    pass",
        "import ikura.errors\nikura.api.study.Study",
        "PLACE = 'ikura.api.study.Study'",
        "import_module('ikura.api.study')",
        "f'from ikura.api.study import {name}'",
    ],
)
def test_it_is_seen_however_it_is_written(text: str) -> None:
    found = imported(text, frozenset(modules()))
    assert "ikura.api.study" in found
    assert "ikura.study.replay (study) imports ikura.api.study (api)" in upward("ikura.study.replay", found)
    with pytest.raises(CycleError):
        TopologicalSorter(graph() | {"ikura.study.replay": found}).prepare()
