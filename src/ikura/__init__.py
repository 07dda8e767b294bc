"""ikura: tune whole populations of neural networks at once."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ikura.garbage import seldom

__version__ = "0.1.0"

_HOMES = {
    "check": "ikura.checks.check",
    "judge": "ikura.diagnose.judge",
    "tune": "ikura.study.tune",
    "resume": "ikura.study.tune",
    "load": "ikura.study.open",
    "open_study": "ikura.study.open",
    "pretrained": "ikura.study.pretrained",
    "from_optuna": "ikura.exchange.optuna",
    "Prior": "ikura.exchange.prior",
    "Checks": "ikura.checks",
    "scale": "ikura.large_batch.scale",
    "Scaling": "ikura.large_batch.scaling",
    "Study": "ikura.study.study",
    "Model": "ikura.study.model",
    "Progress": "ikura.study.progress",
    "Space": "ikura.space",
    "choice": "ikura.space",
    "constraint": "ikura.space",
    "fixed": "ikura.space",
    "integer": "ikura.space",
    "linear": "ikura.space",
    "log": "ikura.space",
    "log_complement": "ikura.space",
    "when": "ikura.space",
    "UsageError": "ikura.errors",
    "IkuraError": "ikura.errors",
}

__all__ = [
    "Checks",
    "IkuraError",
    "Model",
    "Prior",
    "Progress",
    "Scaling",
    "Space",
    "Study",
    "UsageError",
    "__version__",
    "check",
    "choice",
    "constraint",
    "fixed",
    "from_optuna",
    "integer",
    "judge",
    "linear",
    "load",
    "log",
    "log_complement",
    "open_study",
    "pretrained",
    "resume",
    "scale",
    "tune",
    "when",
]

if TYPE_CHECKING:
    from ikura.checks import Checks
    from ikura.checks.check import check
    from ikura.diagnose.judge import judge
    from ikura.errors import IkuraError, UsageError
    from ikura.exchange.optuna import from_optuna
    from ikura.exchange.prior import Prior
    from ikura.large_batch.scale import scale
    from ikura.large_batch.scaling import Scaling
    from ikura.space import Space, choice, constraint, fixed, integer, linear, log, log_complement, when
    from ikura.study.model import Model
    from ikura.study.open import load, open_study
    from ikura.study.pretrained import pretrained
    from ikura.study.progress import Progress
    from ikura.study.study import Study
    from ikura.study.tune import resume, tune


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ikura' has no attribute {name!r}")
    with seldom():
        return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
