"""The tables of a study's database."""

from __future__ import annotations

import sqlalchemy as sa

__all__ = [
    "CURVES", "FACTS", "INTERVENTIONS", "LIVE_CURVES", "LOSSES", "MEASURES", "METADATA", "ROUNDS", "SEGMENTS", "TRIALS",
    "VALUES",
]  # fmt: skip

METADATA = sa.MetaData()


def _curves(name: str) -> sa.Table:
    return sa.Table(
        name,
        METADATA,
        sa.Column("trial", sa.Integer, primary_key=True),
        sa.Column("epoch", sa.Integer, primary_key=True),
        sa.Column("train_loss", sa.Float),
        sa.Column("dev_loss", sa.Float),
        sa.Column("dev_score", sa.Float),
        sqlite_with_rowid=False,
    )


FACTS = sa.Table(
    "facts", METADATA, sa.Column("name", sa.String, primary_key=True), sa.Column("value", sa.Text, nullable=False)
)
TRIALS = sa.Table(
    "trials",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("purpose", sa.String, nullable=False),
    sa.Column("parent", sa.Integer),
    sa.Column("stage", sa.Integer, nullable=False, index=True),
    sa.Column("seed", sa.String, nullable=False),
    sa.Column("hyperparameters", sa.Text, nullable=False),
    sa.Column("dev_score", sa.Float),
    sa.Column("dev_loss", sa.Float),
    sa.Column("train_score", sa.Float),
    sa.Column("train_loss", sa.Float),
    sa.Column("epochs", sa.Integer, nullable=False, default=0),
    sa.Column("best_epoch", sa.Integer),
    sa.Column("seconds", sa.Float, nullable=False, default=0.0),
)
CURVES = _curves("curves")
LIVE_CURVES = _curves("live_curves")
"""Points of the curves of trials that train, until they are recorded with what became of the trial."""
VALUES = sa.Table(
    "epoch_values",
    METADATA,
    sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.Float),
)
MEASURES = sa.Table(
    "measures",
    METADATA,
    sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.Float),
)
ROUNDS = sa.Table(
    "rounds",
    METADATA,
    sa.Column("stage", sa.Integer, primary_key=True),
    sa.Column("round", sa.Integer, primary_key=True),
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
)
SEGMENTS = sa.Table(
    "segments",
    METADATA,
    sa.Column("tile", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("trial", sa.Integer, nullable=False, index=True),
    sa.Column("since", sa.Integer, nullable=False),
    sa.Column("until", sa.Integer, nullable=False),
)
LOSSES = sa.Table(
    "dev_losses",
    METADATA,
    sa.Column("trial", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("losses", sa.LargeBinary, nullable=False),
)
INTERVENTIONS = sa.Table(
    "interventions",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("trial", sa.Integer, index=True),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("at", sa.Integer),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("time", sa.Float, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("applied", sa.Integer),
    sa.Column("made", sa.Integer),
    sa.Column("rule", sa.String, nullable=False, server_default=""),
    sqlite_autoincrement=True,
)
