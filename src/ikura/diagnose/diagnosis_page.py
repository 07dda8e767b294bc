"""The diagnosis as a page of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ikura.diagnose.diagnosis_sections import sections
from ikura.diagnose.findings import Findings
from ikura.files import shown
from ikura.page.markup import element
from ikura.page.page import page, write_text

__all__ = ["write_diagnosis"]


def write_diagnosis(study: Any, found: Findings, path: Path) -> Path:
    """Write the diagnosis as a page of its own; it appears whole or not at all.

    Args:
        study: the study.
        found: what was found about it.
        path: the file.

    Returns:
        Its path.

    Raises:
        StorageError: the file cannot be written.
    """
    target = study.summary.get("target")
    networks = found.diagnosis.networks
    of = f"the mean of {networks} networks with different seeds" if networks > 1 else "one network"
    header = element(
        "header",
        element("p", f"ikura diagnose {shown(study.run)}", class_="eyebrow"),
        element("h1", f"Diagnosis: predicting {target}"),
        element("p", f"Trial {found.trial}, {of}.", class_="lede"),
    )
    parts = [(name, heading, content) for name, heading, content in sections(found, study.task) if content]
    return write_text(path, page(f"Diagnosis of {study.run.resolve().name} · ikura", header, parts))
