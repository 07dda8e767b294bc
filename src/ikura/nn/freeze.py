"""How much of a pretrained network stays as it is."""

from __future__ import annotations

__all__ = ["FREEZE"]

FREEZE = ("all", "most", "none")
"""How much of a pretrained network stays as it is: all but the head, all but the last layers, nothing."""
