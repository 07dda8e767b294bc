"""Draws the pictures of docs/steering.md: the page of the story told there, in Chromium (`python docs/pictures.py`)."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from ikura.web.server import Server

DOCS = Path(__file__).parent
STORY = DOCS / "steering.md"
SIZE = {"width": 1100, "height": 900}


def story() -> list[str]:
    """The pieces of Python of the story, in order."""
    text = STORY.read_text(encoding="utf-8").split("## A story", 1)[1].split("\n## ", 1)[0]
    return [piece.split("```", 1)[0] for piece in text.split("```python\n")[1:]]


def draw(page: Page, address: str, name: str, wait: str) -> None:
    """Open an address and keep what is seen of it."""
    page.goto(address)
    page.wait_for_selector(wait)
    page.wait_for_timeout(500)
    page.screenshot(path=DOCS / "pictures" / f"{name}.png")


def main() -> None:
    """Train as the story does, and look at its pages."""
    import os

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        names: dict[str, object] = {}
        for piece in story():
            exec(piece, names)
        program = shutil.which("chromium") or shutil.which("google-chrome")
        with Server(Path("runs")) as server, sync_playwright() as session:
            browser = session.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = browser.new_page(viewport=SIZE)
            page.goto(server.url)
            page.wait_for_selector("h1")
            root = f"http://127.0.0.1:{server.port}"
            draw(page, f"{root}/trial?run=by-hand&trial=0", "trial", "text=How far each epoch")
            draw(page, f"{root}/compare?run=by-hand&a=1&b=0", "compare", "text=in pairs over dev examples")
            draw(page, f"{root}/log?run=by-hand", "log", "table")
            browser.close()


if __name__ == "__main__":
    main()
