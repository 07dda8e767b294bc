"""Studies without their report, which has tests of its own and takes longer than all the rest of a small study."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ikura.api.study import Study


def _report(self: Study, path: str | Path | None = None, *, report_script: str | None = None) -> Path:
    path = Path(path) if path is not None else self.run / "report.html"
    path.write_text("<html></html>")
    return path


@contextmanager
def short_report() -> Iterator[None]:
    """Put a short file in place of the report."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Study, "report", _report)
        yield
