"""What may be tuned, on which scale, and in which order of priority."""

from ikura.space._base import Parameter, Value
from ikura.space.condition import Condition, when
from ikura.space.constraint import Constraint, constraint
from ikura.space.continuous import Linear, Log, LogComplement, linear, log, log_complement
from ikura.space.discrete import Choice, Fixed, Integer, choice, fixed, integer
from ikura.space.feasibility import check_feasible, feasible_draw, feasible_share
from ikura.space.hyperparameters import CONVOLUTIONAL, DEFAULTS, HYPERPARAMETERS, layer_of
from ikura.space.images import image_space
from ikura.space.space import Space
from ikura.space.tiers import TIERS, DefaultSpace, Tier, default_space
from ikura.space.toml import load_space
from ikura.space.written_form import parameter

__all__ = [
    "CONVOLUTIONAL",
    "DEFAULTS",
    "HYPERPARAMETERS",
    "TIERS",
    "Choice",
    "Condition",
    "Constraint",
    "DefaultSpace",
    "Fixed",
    "Integer",
    "Linear",
    "Log",
    "LogComplement",
    "Parameter",
    "Space",
    "Tier",
    "Value",
    "check_feasible",
    "choice",
    "constraint",
    "default_space",
    "feasible_draw",
    "feasible_share",
    "fixed",
    "image_space",
    "integer",
    "layer_of",
    "linear",
    "load_space",
    "log",
    "log_complement",
    "parameter",
    "when",
]
