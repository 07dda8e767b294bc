"""ikura: tune whole populations of neural networks at once."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ikura.garbage_collection import fewer_collections
from ikura.version import __version__

_HOMES = {
    "check": "ikura.checks.check",
    "judge": "ikura.diagnose.bare_error_rates",
    "train": "ikura.api.train",
    "LiveFork": "ikura.api.live_trial",
    "LiveRun": "ikura.api.live_run",
    "tune": "ikura.api.tune",
    "resume": "ikura.api.resume",
    "load": "ikura.api.open",
    "open_study": "ikura.api.open",
    "pretrained": "ikura.study.record.start_pretrained",
    "loss": "ikura.nn.loss",
    "register": "ikura.plugins",
    "EpochRecord": "ikura.population.callbacks",
    "from_optuna": "ikura.exchange.optuna",
    "Prior": "ikura.exchange.prior",
    "Checks": "ikura.checks",
    "scale": "ikura.large_batch.scale",
    "Scaling": "ikura.large_batch.scale_result",
    "Study": "ikura.api.study",
    "Model": "ikura.study.record.model",
    "Progress": "ikura.study.record.progress",
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
    "EpochRecord",
    "IkuraError",
    "LiveFork",
    "LiveRun",
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
    "loss",
    "open_study",
    "pretrained",
    "register",
    "resume",
    "scale",
    "train",
    "tune",
    "when",
]

if TYPE_CHECKING:
    from ikura.api.live_run import LiveRun
    from ikura.api.live_trial import LiveFork
    from ikura.api.open import load, open_study
    from ikura.api.resume import resume
    from ikura.api.study import Study
    from ikura.api.train import train
    from ikura.api.tune import tune
    from ikura.checks import Checks
    from ikura.checks.check import check
    from ikura.diagnose.bare_error_rates import judge
    from ikura.errors import IkuraError, UsageError
    from ikura.exchange.optuna import from_optuna
    from ikura.exchange.prior import Prior
    from ikura.large_batch.scale import scale
    from ikura.large_batch.scale_result import Scaling
    from ikura.nn.loss import loss
    from ikura.plugins import register
    from ikura.population.callbacks import EpochRecord
    from ikura.space import Space, choice, constraint, fixed, integer, linear, log, log_complement, when
    from ikura.study.record.model import Model
    from ikura.study.record.progress import Progress
    from ikura.study.record.start_pretrained import pretrained


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ikura' has no attribute {name!r}")
    with fewer_collections():
        return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
