"""The member that a recorded trial is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ikura.population.member import Member

__all__ = ["member_of"]


def member_of(row: Mapping[str, Any]) -> Member:
    """Turn a row of the store into a member."""
    return Member(row["number"], row["hyperparameters"], row["seed"])
