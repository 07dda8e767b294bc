"""Images: some of each class, and what the augmentations do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ikura.page.formatting import number
from ikura.page.markup import Html, element, join

__all__ = ["contact_sheet", "examples"]


def examples(image_samples: Mapping[str, Any] | None) -> Html | None:
    """Show some training images of each class."""
    classes = (image_samples or {}).get("classes") or []
    rows = [
        _row(element("b", one["name"]), one["picture"], f"training images of class {one['name']}") for one in classes
    ]
    return element("div", *rows, class_="sheet") if rows else None


def contact_sheet(image_samples: Mapping[str, Any] | None) -> Html | None:
    """Show what each augmentation does to some training images at the strengths that were searched."""
    changes = (image_samples or {}).get("augmentations") or []
    if not image_samples or not changes:
        return None
    rows = [_row("as they are", image_samples["originals"], "training images")]
    for one in changes:
        for place, step in enumerate(one["strengths"]):
            name = element("b", one["name"]) if not place else None
            label = join(
                name, f" {number(step['strength'])}", element("small", f" {one['unit']}") if not place else None
            )
            rows.append(_row(label, step["picture"], f"{one['name']} at strength {number(step['strength'])}"))
    return join(
        element(
            "p",
            "What training images look like at the least, the middle and the largest strength searched. "
            "All trials share the draws, which are new at every epoch; dev and test images are never changed.",
        ),
        element("div", *rows, class_="sheet"),
    )


def _row(label: object, picture: str, words: str) -> Html:
    return element(
        "div", element("span", label), element("img", src=picture, alt=words, loading="lazy"), class_="strip"
    )
