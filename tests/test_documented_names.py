"""Names in the documentation can be imported from where it says."""

from __future__ import annotations

import ast
import builtins
import re
from importlib import import_module
from pathlib import Path

import pytest

import ikura

ROOT = Path(__file__).parents[1]
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md"])
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
CALL = re.compile(r"`([A-Za-z_][\w.]*)\(")
DOTTED = re.compile(r"`(ikura(?:\.[A-Za-z_]\w*)+)[`(]")
OBJECTS = {"study": ikura.Study}
"""What a page calls an object of which class."""
OTHERS = ("module.", "model.", "checks.", "net.", "session.", "program.", "fresh.", "frame.")
"""Objects of PyTorch's, or of a kind that the page has just made."""

READERS = {"forward", "loss", "step", "factory", "build"}
"""Functions that the reader writes."""


def found(path: str) -> bool:
    """Whether a dotted path leads to something."""
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        try:
            one = import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for name in parts[end:]:
            if not hasattr(one, name):
                return name in getattr(one, "__annotations__", {})
            one = getattr(one, name)
        return True
    return False


def imports(text: str) -> list[tuple[str, str]]:
    """Module and name of every import from ikura in a page's blocks of Python."""
    pairs = []
    for block in BLOCK.findall(text):
        for line in block.splitlines():
            if re.match(r"from ikura\S* import [\w, ]+$", line):
                [node] = ast.parse(line).body
                assert isinstance(node, ast.ImportFrom)
                pairs += [(str(node.module), one.name) for one in node.names]
    return pairs


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_can_be_imported_as_it_says(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    pairs = imports(text)
    for module, name in pairs:
        assert found(f"{module}.{name}"), f"from {module} import {name}"
    for path in DOTTED.findall(text):
        assert found(path), path
    known = {name for _, name in pairs} | set(dir(builtins)) | READERS
    for call in CALL.findall(text):
        head, _, rest = call.partition(".")
        if call.startswith(OTHERS):
            continue
        if head in OBJECTS and rest:
            assert hasattr(OBJECTS[head], rest.split(".")[0]), call
        else:
            assert head in known or (head == "ikura" and found(call)), f"{call} has no path and no import on the page"


def test_the_measures_of_large_batches_are_all_there() -> None:
    names = {name for _, name in imports((ROOT / "docs" / "large_batch_measures.md").read_text(encoding="utf-8"))}
    assert len(names) >= 10


def test_the_reference_has_every_public_name() -> None:
    page = (ROOT / "docs" / "api" / "ikura.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^::: ikura\.(\w+)$", page, re.MULTILINE)) >= set(ikura.__all__)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "examples/README.md"])
def test_links_beside_the_site_lead_somewhere(page: str) -> None:
    """`mkdocs build --strict` looks after those of the site."""
    place = ROOT / page
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", place.read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (place.parent / link).exists()] == []
