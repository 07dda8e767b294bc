"""One row for every update rule, schedule, regulariser, average and encoding: a row more, and every common test has it.

The reference (`test_conformance.py`), alone = in company, neighbours of other kinds, a diverging neighbour
(`test_isolation.py`) and the round trip of the state (`test_snapshot.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["AVERAGES", "EVERY_ROW", "FORMS", "REGULARISERS", "ROWS", "RULE_ROWS", "SCHEDULES", "Row"]

# Momentum, because it carries a wrong learning rate or gradient on into later steps.
PLAIN: dict[str, Any] = {"optimizer": "momentum", "learning_rate": 0.05, "momentum": 0.8}
NETWORK: dict[str, Any] = {"units": 7, "layers": 2, "activation": "tanh", "batch_size": 25}


@dataclass(frozen=True)
class Row:
    """What one kind of hyperparameter is set to, and the rest of a member that shows it."""

    kind: str
    name: str
    given: dict[str, Any]

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Hyperparameters of a member."""
        return NETWORK | PLAIN | self.given

    def __str__(self) -> str:
        return f"{self.kind}-{self.name}"


def rows(kind: str, table: dict[str, dict[str, Any]]) -> list[Row]:
    """Rows of one kind."""
    return [Row(kind, name, given) for name, given in table.items()]


RULE_ROWS = rows(
    "rule",
    {
        name: {"optimizer": name} | given
        for name, given in {
            "sgd": {"learning_rate": 0.05},
            "momentum": {"learning_rate": 0.02, "momentum": 0.8},
            "nesterov": {"learning_rate": 0.02, "momentum": 0.7},
            "adagrad": {"learning_rate": 0.03, "epsilon": 1e-4},
            "adadelta": {"learning_rate": 0.8, "beta2": 0.8},
            "rmsprop": {"learning_rate": 0.005, "beta2": 0.9, "epsilon": 1e-4},
            "smorms3": {"learning_rate": 0.02},
            "adam": {"learning_rate": 0.01, "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-6},
            "adamw": {"learning_rate": 0.01, "beta1": 0.7, "beta2": 0.95, "epsilon": 1e-6},
        }.items()
    },
)

SCHEDULES = rows(
    "schedule",
    {
        name: {"schedule_shape": name.split("+")[0]} | given
        for name, given in {
            "constant": {},
            "inverse_time": {"learning_rate_decay": 0.4},
            "exponential": {"learning_rate_decay": 0.5},
            "step": {"step_epochs": 2, "step_factor": 0.3},
            "pieces": {"pieces": "1:0.3 3:0.05"},
            "cosine": {"final_share": 0.1},
            "flat_cos": {"final_share": 0.1},
            "coslog": {"final_share": 0.05},
            "one_cycle": {"peak_at": 0.4, "initial_share": 0.1, "final_share": 0.01},
            "plateau": {"plateau_patience": 0, "step_factor": 0.5, "learning_rate": 0.4},
            "distance": {"distance_growth": 1.2, "step_factor": 0.6},
            "constant+warm_up": {"warm_up": 1.3},
            "exponential+warm_up": {"warm_up": 2, "learning_rate_decay": 0.2},
            "cosine+warm_up": {"warm_up": 0.6},
            "plateau+warm_up": {"warm_up": 1, "plateau_patience": 0, "step_factor": 0.5, "learning_rate": 0.5},
            "distance+warm_up": {"warm_up": 1, "distance_growth": 1.2, "step_factor": 0.6},
        }.items()
    },
)

REGULARISERS = rows(
    "regulariser",
    {
        "l1": {"l1": 3e-3},
        "l1_of_sgd": {"l1": 0.05, "optimizer": "sgd", "learning_rate": 0.1},
        "l1_of_adam": {"l1": 0.02, "optimizer": "adam", "learning_rate": 0.01, "epsilon": 1e-6},
        "l1_of_adagrad": {"l1": 0.03, "optimizer": "adagrad", "learning_rate": 0.02, "epsilon": 1e-4},
        "l1_clipped": {"l1": 0.03, "optimizer": "nesterov", "learning_rate": 0.02, "clip_norm": 0.3},
        "l2": {"l2": 0.02},
        "elastic_net": {"l1": 1e-3, "l2": 0.02},
        "weight_decay": {"weight_decay": 0.3},
        "max_norm": {"max_norm": 0.8},
        "label_smoothing": {"label_smoothing": 0.2},
        "clip_norm": {"clip_norm": 0.3},
        "clip_value": {"clip_value": 0.02},
        "gradient_noise": {"gradient_noise": 0.7},
        "gradient_noise+label_smoothing": {"gradient_noise": 1.5, "label_smoothing": 0.1, "l2": 0.02},
        "dropconnect": {"dropconnect": 0.3},
        "dropconnect+penalties": {"dropconnect": 0.6, "l1": 1e-3, "l2": 0.02, "dropout": 0.2, "max_norm": 1.2},
        "label_noise": {"label_noise": 0.4},
        "label_noise+others": {"label_noise": 0.2, "label_smoothing": 0.1, "gradient_noise": 0.5, "dropconnect": 0.2},
        "clip_steps": {"clip_norm": 0.3, "clip_steps": 7},
        "clip_steps_value": {"clip_value": 0.02, "clip_steps": 3},
        "all": {
            "l1": 1e-3, "l2": 0.02, "weight_decay": 0.1, "max_norm": 1.2, "label_smoothing": 0.1, "clip_norm": 0.3,
            "clip_value": 0.05, "schedule_shape": "cosine", "warm_up": 1, "dropout": 0.2, "optimizer": "nesterov",
        },
        "all_of_adam": {
            "l1": 1e-3, "l2": 0.02, "weight_decay": 0.1, "max_norm": 1.2, "label_smoothing": 0.1, "clip_norm": 0.3,
            "clip_value": 0.05, "optimizer": "adam", "learning_rate": 0.01, "epsilon": 1e-4,
        },
    },
)  # fmt: skip

AVERAGES = rows(
    "average",
    {
        **{f"ema_of_{row.name}": row.given | {"ema_decay": 0.8} for row in RULE_ROWS},
        "ema": {"ema_decay": 0.95},
        "ema_of_little": {"ema_decay": 0.3},
        "ema+plateau": {
            "ema_decay": 0.9, "schedule_shape": "plateau", "plateau_patience": 0, "step_factor": 0.5,
            "learning_rate": 0.4,
        },
        "ema+distance": {
            "ema_decay": 0.9, "schedule_shape": "distance", "distance_growth": 1.2, "step_factor": 0.6,
        },
        "ema+all": {
            "ema_decay": 0.9, "l1": 1e-3, "l2": 0.02, "weight_decay": 0.1, "max_norm": 1.2, "label_smoothing": 0.1,
            "clip_norm": 0.3, "schedule_shape": "cosine", "warm_up": 1, "dropout": 0.2, "dropconnect": 0.2,
            "gradient_noise": 0.3, "label_noise": 0.2, "optimizer": "adam", "learning_rate": 0.01, "epsilon": 1e-4,
        },
    },
)  # fmt: skip

ENCODINGS = rows(
    "encoding",
    {
        "robust": {"numeric_encoding": "robust"},
        "quantile": {"numeric_encoding": "quantile"},
        "piecewise_linear": {"numeric_encoding": "piecewise_linear", "encoding_bins": 5},
        "periodic": {"numeric_encoding": "periodic", "encoding_frequencies": 5, "encoding_sigma": 0.4},
        "pbld": {"numeric_encoding": "pbld", "encoding_frequencies": 6, "encoding_sigma": 0.3, "encoding_size": 4},
        "scaled": {"scale_rate": 4.0},
        "embedding_size": {"embedding_size": 3, "scale_rate": 0.5, "l2": 0.02},
        "scaled+periodic": {
            "numeric_encoding": "periodic", "encoding_size": 3, "scale_rate": 2.5, "optimizer": "adam",
            "learning_rate": 0.01, "epsilon": 1e-4, "l1": 1e-3, "l2": 0.02, "weight_decay": 0.1, "max_norm": 1.2,
            "clip_norm": 0.3,
        },
        "scaled+pbld": {
            "numeric_encoding": "pbld", "encoding_size": 3, "scale_rate": 2.5, "optimizer": "nesterov",
            "dropconnect": 0.3, "dropout": 0.2, "gradient_noise": 0.3,
        },
    },
)  # fmt: skip

AVERAGED_FORMS = rows(
    "average",
    {
        "ema+scaled": {
            "ema_decay": 0.9, "scale_rate": 2.5, "optimizer": "adam", "learning_rate": 0.01, "epsilon": 1e-4,
        },
        "ema+periodic": {
            "ema_decay": 0.9, "numeric_encoding": "periodic", "encoding_size": 3, "encoding_sigma": 0.4,
            "dropout": 0.2,
        },
    },
)  # fmt: skip

ROWS = [*RULE_ROWS, *SCHEDULES, *REGULARISERS, *AVERAGES]
"""Rows whose networks have one form, which can be stacked together."""
FORMS = [*ENCODINGS, *AVERAGED_FORMS]
"""Rows whose networks have forms of their own."""
EVERY_ROW = [*ROWS, *FORMS]
