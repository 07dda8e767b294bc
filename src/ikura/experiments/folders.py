"""Where an experiment's result is kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["default_folder"]


def default_folder(name: str, seed: int = 0, quick: bool = False, options: Mapping[str, Any] | None = None) -> Path:
    """Choose where an experiment is written if nobody says.

    Example:
        >>> default_folder("log-scale", seed=3, quick=True).as_posix()
        'reproduced/log-scale-seed-3-quick'
        >>> default_folder("large-batch", options={"network": "c1", "train_size": 9}).as_posix()
        'reproduced/large-batch-network-c1-train-size-9'
    """
    chosen = "".join(f"-{key.replace('_', '-')}-{Path(str(value)).name}" for key, value in (options or {}).items())
    return Path("reproduced") / f"{name}{chosen}{f'-seed-{seed}' if seed else ''}{'-quick' if quick else ''}"
