"""The machine a figure was taken on, and the processes it was taken from."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "cores", "describe", "header", "ikura_command"]

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ("ikura", "torch", "numpy", "numba", "optuna")


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def describe() -> dict[str, Any]:
    """Return processor, cores, load over the last minute, and versions."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        **{name: _version(name) for name in LIBRARIES},
    }


def header() -> str:
    """Say in one line which machine this is."""
    facts = describe()
    versions = ", ".join(f"{name} {facts[name]}" for name in ("python", *LIBRARIES))
    return f"{facts['cores']} cores of {facts['processor']}, load {facts['load']}; {versions}"


def ikura_command() -> list[str]:
    """The command `ikura` of this environment."""
    script = Path(sys.executable).with_name("ikura")
    return [str(script)] if script.exists() else [sys.executable, "-m", "ikura"]
