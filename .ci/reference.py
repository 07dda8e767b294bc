"""The API reference: what it reads in docstrings, and that it has a place for every public name."""

import ast
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe

SOURCE = Path("src/ikura")
INNER = ("nn/zoo", "nn/augmentation", "search/schedule")
"""Public packages within others; the command line has a page of its own."""
TOGETHER = re.compile(r"^    (\w+(?:, \w+)+)(: .*(?:\n {8}.*)*)", re.MULTILINE)

log = logging.getLogger("mkdocs.hooks.reference")


class DocstringSections(griffe.Extension):
    """Take "Example:" for "Examples:", and "low, high: the ends" for a line about each of the two."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring of an object that was read."""
        if obj.docstring:
            text = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")
            obj.docstring.value = TOGETHER.sub(
                lambda found: "\n".join(f"    {name}{found[2]}" for name in found[1].split(", ")), text
            )


def public_names() -> Iterator[str]:
    """Every name that the package and its public sub-packages list in `__all__`."""
    for folder in (SOURCE, *(one for one in SOURCE.glob("*/") if one.name != "cli"), *(SOURCE / one for one in INNER)):
        face = folder / "__init__.py"
        for node in ast.parse(face.read_text(encoding="utf-8")).body if face.exists() else ():
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                package = ".".join(folder.relative_to(SOURCE.parent).parts)
                yield from (f"{package}.{name}" for name in ast.literal_eval(node.value))


def has_place(pages: Any, name: str) -> bool:
    """Whether a page describes it; a function that has its module's name stands behind it."""
    for one in (name, f"{name}.{name.rpartition('.')[2]}"):
        try:
            return bool(pages.get_item_url(one))
        except KeyError:
            continue
    return False


def on_post_build(config: Any) -> None:
    """Warn of public names that no page has, which `mkdocs build --strict` refuses."""
    for name in public_names():
        if not has_place(config.plugins["autorefs"], name):
            log.warning("%s has no place in docs/api", name)
