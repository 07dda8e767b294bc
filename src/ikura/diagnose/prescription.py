"""A prescription: what to do, why, and the command that does it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import tomli_w

from ikura.files import shown, write_atomically
from ikura.study.record.earlier_study import Change
from ikura.study.record.record import Record

__all__ = ["FOLDER", "Prescription", "keep_spaces"]

FOLDER = "prescriptions"
"""Folder in a run for the spaces that prescriptions name."""


@dataclass(frozen=True)
class Prescription:
    """One thing to do.

    Attributes:
        name: of the rule.
        against: "bias", "variance", "mismatch", "uncertainty" or "nothing".
        reason: why, with the numbers.
        expected: what it is likely to bring, as far as that is known.
        command: the command that does it; empty where it takes what no command has, such as new rows.
        source: who recommends it.
        change: what it changes of the study.
    """

    name: str
    against: str
    reason: str
    expected: str
    command: str
    source: str
    change: Change = field(default_factory=Change)


def keep_spaces(record: Record, prescriptions: Iterable[Prescription]) -> list[Path]:
    """Write the spaces that the commands of prescriptions name; who asks for these again writes them again.

    Returns:
        The files.
    """
    written = []
    for one in prescriptions:
        path = record.run / FOLDER / f"{one.name}.toml"
        if shown(path) in one.command:
            tables = record.searched.replace(**one.change.space).as_dict()
            content = f"# {one.name}, against {one.against}\n\n{tomli_w.dumps(tables)}".encode()
            write_atomically(path, content, synced=False)
            written.append(path)
    return written
