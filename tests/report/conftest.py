"""A study that was never trained, with everything that a report asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ikura.space import Space, choice, fixed, integer, linear, log, log_complement, when
from ikura.study.record.facts import AccountRecord, ChoiceRecord, StageRecord

SPACE = Space(
    when(optimizer="adam", beta2=log_complement(0.9, 0.9999)),
    when(optimizer="momentum", momentum=log_complement(0.5, 0.99)),
    learning_rate=log(1e-4, 1),
    units=integer(8, 128, log=True),
    layers=integer(1, 4),
    dropout=linear(0, 0.6),
    activation=choice("relu", "tanh", "elu"),
    optimizer=choice("adam", "momentum"),
    batch_size=choice(16, 32, 64, 128),
    epsilon=fixed(1e-8),
)


@dataclass
class FakeStudy:
    """The public face of a study, filled with numbers of the right shape."""

    run: Path
    task: str
    trials: pd.DataFrame
    summary: dict[str, Any]
    metric: Any = field(default_factory=lambda: SimpleNamespace(name="accuracy", greater_is_better=True))
    space: Space = field(default_factory=lambda: SPACE)
    searched: Space = field(default_factory=lambda: SPACE)
    space_note: str = "Tiers 1 to 3 are open"
    config: dict[str, Any] = field(default_factory=dict)
    best: Any = None
    test: Any = None
    stages: list[StageRecord] = field(default_factory=list)
    rounds: list[Any] = field(default_factory=list)
    decisions: list[Any] = field(default_factory=list)
    reservations: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    predictions: dict[str, Any] | None = None
    image_samples: dict[str, Any] | None = None
    objectives: list[str] = field(default_factory=lambda: ["accuracy"])
    pareto: pd.DataFrame = field(default_factory=pd.DataFrame)
    choice: ChoiceRecord | None = None
    findings: Any = None
    checks: Any = None
    epochs: int = 60
    home: None = None
    asked: list[int] = field(default_factory=list)
    ensemble: Any = None
    against_one: Any = None
    refitted: list[int] = field(default_factory=list)
    baselines: list[Any] = field(default_factory=list)
    calibration: Any = None
    reliability: Any = None
    intervals: Any = None
    bounds: Any = None
    store: Any = field(
        default_factory=lambda: SimpleNamespace(once=lambda name, make: make(), trials=lambda **values: [])
    )

    @property
    def place(self) -> Path:
        return self.run

    @property
    def named_folder(self) -> Path:
        return self.run

    @property
    def frozen(self) -> int:
        return int((self.trials["state"] == "frozen").sum())

    @property
    def account(self) -> AccountRecord:
        return AccountRecord(None, None)

    @property
    def diverged(self) -> int:
        return int((self.trials["state"] == "diverged").sum())

    def curves(self, numbers: Sequence[int] | None = None) -> pd.DataFrame:
        """Exponential curves that end at each trial's losses; a diverged one ends in infinity."""
        rows = self.trials if numbers is None else self.trials[self.trials["number"].isin(list(numbers))]
        self.asked = list(rows["number"])
        frames = []
        for row in rows.to_dict("records"):
            bad = row["state"] == "diverged"
            epoch = np.arange(1, (5 if bad else int(row["epochs"])) + 1)
            fall = np.exp(-epoch / (4 + row["number"] % 13))
            dev = row["dev_loss"] * (1 + 0.002 * epoch) + 1.1 * fall if not bad else 2.0 ** (epoch * 3)
            train = row["train_loss"] + 1.2 * fall if not bad else 2.0 ** (epoch * 3)
            if bad:
                dev[-1] = train[-1] = np.inf
            frames.append(pd.DataFrame({"number": row["number"], "epoch": epoch, "train_loss": train, "dev_loss": dev}))
        return pd.concat(frames).assign(dev_score=np.nan) if frames else pd.DataFrame()


def configurations(count: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    points = rng.random((count, len(SPACE)))
    return [SPACE.from_unit(dict(zip(SPACE, map(float, point), strict=True))) for point in points]


def make_trials(count: int, rng: np.random.Generator, epochs: int, regression: bool) -> pd.DataFrame:
    rows = []
    coarse = max(1, count // 2)
    for number, configuration in enumerate(configurations(count, rng)):
        stage = 0 if number < coarse else 1 + int(number > 0.75 * count)
        if stage:
            low, high = ((0.003, 0.3), (0.01, 0.1))[stage - 1]
            configuration["learning_rate"] = float(np.exp(rng.uniform(np.log(low), np.log(high))))
        off = abs(np.log10(configuration["learning_rate"]) + 1.5)
        quality = 0.965 - 0.05 * off**2 - 0.08 * configuration["dropout"] ** 2 + rng.normal(0, 0.008)
        diverged = configuration["learning_rate"] > 0.4
        score = np.nan if diverged else (60 - 40 * quality if regression else float(min(quality, 1)))
        loss = np.nan if diverged else (1.05 - quality) * 0.8
        rows.append(
            {
                "number": number,
                "state": "diverged" if diverged else ("pruned" if quality < 0.7 else "complete"),
                "stage": stage,
                "purpose": "search",
                "parent": None,
                **{name: configuration.get(name) for name in SPACE},
                "dev_score": score,
                "dev_loss": loss,
                "train_score": score * (0.9 if regression else 1.01),
                "train_loss": loss * 0.5,
                "epochs": epochs if stage == 2 else max(1, epochs // 3),
                "best_epoch": max(1, epochs // 3 - 2),
                "seconds": 0.2 + 0.1 * stage,
            }
        )
    return pd.DataFrame(rows)


def with_finalists(trials: pd.DataFrame, ascending: bool) -> pd.DataFrame:
    done = trials[trials["state"] == "complete"].sort_values("dev_score", ascending=ascending).head(4)
    again = [
        {**row, "number": len(trials) + 3 * place + seed, "purpose": "finalist", "stage": 1_000_000}
        | {"parent": row["number"]}
        | {"dev_score": row["dev_score"] * (0.99 + 0.003 * seed)}
        for place, row in enumerate(done.to_dict("records"))
        for seed in range(3)
    ]
    return pd.concat([trials, pd.DataFrame(again)], ignore_index=True) if again else trials


@pytest.fixture
def make_study(tmp_path: Path) -> Callable[..., FakeStudy]:
    """Make a study; the arguments say which."""
    return lambda **settings: build(tmp_path / "run", **settings)


def build(
    run: Path, trials: int = 128, task: str = "multiclass", epochs: int = 60, classes: Sequence[Any] = (), seed: int = 0
) -> FakeStudy:
    rng = np.random.default_rng(seed)
    regression = task == "regression"
    names = list(classes) or (["Adelie", "Chinstrap", "Gentoo"] if task == "multiclass" else ["no", "yes"])
    table = with_finalists(make_trials(trials, rng, epochs, regression), regression)
    study = FakeStudy(run, task, table, make_summary(task, names), epochs=epochs)
    if regression:
        study.metric = SimpleNamespace(name="rmse", greater_is_better=False)
    done = table[(table["state"] == "complete") & (table["purpose"] == "search")]
    if len(done):
        row = done.sort_values("dev_score", ascending=regression).iloc[0].to_dict()
        given = {name: row[name] for name in SPACE if row[name] is not None and row[name] == row[name]}
        dev = float(row["dev_score"])
        spread = 1.4 if regression else 0.03
        study.best = SimpleNamespace(
            number=int(row["number"]),
            hyperparameters=given,
            dev=dev,
            interval=(dev - spread, dev + 0.6 * spread),
            dev_corrected=None,
            changed=False,
            corrected_interval=None,
            next=None,
            note=None,
        )
        study.test = SimpleNamespace(
            targets=[],
            metric=study.metric.name,
            value=dev * 0.99,
            interval=(dev * 0.99 - spread, dev * 0.99 + 0.7 * spread),
        )
        study.predictions = make_predictions(regression, names, rng)
    study.stages = [
        StageRecord(0, "coarse", trials // 2, epochs // 3),
        StageRecord(
            1,
            "fine",
            trials // 4,
            epochs // 2,
            {"learning_rate": [0.003, 0.3], "dropout": [0, 0.4], "activation": ["relu", "tanh", "elu"]},
        ),
        StageRecord(
            2,
            "finest",
            trials // 4,
            epochs,
            {"learning_rate": [0.01, 0.1], "beta2": [0.99, 0.9995], "layers": [1, 3], "batch_size": [16, 32]},
        ),
    ]
    study.seconds = {
        "read": 0.08,
        "compile": 1.9,
        "coarse": 6.1,
        "fine": 5.2,
        "finest": 7.4,
        "finalists": 2.2,
        "test": 0.04,
    }
    study.config = {
        "data": {"kind": "file", "path": "examples/penguins.csv"},
        "target": "species",
        "trials": trials,
        "epochs": epochs,
        "seed": 0,
    }
    study.config |= {"search": "coarse-to-fine", "schedule": "none", "finalists": 4, "metric": study.metric.name}
    return study


def make_predictions(regression: bool, names: Sequence[Any], rng: np.random.Generator) -> dict[str, Any]:
    if regression:
        target = rng.normal(200, 60, 300)
        return {"target": list(target), "prediction": list(target + rng.normal(0, 18, 300)), "classes": None}
    target = rng.integers(0, len(names), 140)
    wrong = rng.random(140) < 0.06
    guess = np.where(wrong, rng.integers(0, len(names), 140), target)
    return {
        "target": target.tolist(),
        "prediction": guess.tolist(),
        "classes": list(names),
    }


def make_summary(task: str, names: Sequence[Any]) -> dict[str, Any]:
    columns = [
        {"name": "island", "kind": "category", "missing": 0, "distinct": 3, "note": ""},
        {"name": "bill_length_mm", "kind": "numeric", "missing": 2, "distinct": 164, "note": ""},
        {"name": "flipper_length_mm", "kind": "numeric", "missing": 2, "distinct": 55, "note": ""},
        {"name": "sex", "kind": "category", "missing": 11, "distinct": 2, "note": ""},
        {"name": "rowid", "kind": "identifier", "missing": 0, "distinct": 344, "note": "every row has its own number"},
    ]
    counts = [152, 68, 124] + [10] * len(names)
    return {
        "source": "examples/penguins.csv",
        "target": "species",
        "task": task,
        "rows": 346,
        "rows_without_target": 2,
        "columns": columns,
        "left_out": [{"name": "rowid", "reason": "every row has its own number"}],
        "parts": {"train": 206, "dev": 69, "test": 69},
        "classes": None
        if task == "regression"
        else [{"name": name, "rows": rows} for name, rows in zip(names, counts, strict=False)],
        "imbalance": None if task == "regression" else 2.24,
        "drift": [
            {"column": "sex", "part": "test", "test": "chi-squared", "statistic": 12.1, "p_value": 0.0051},
        ],
        "notes": [
            "2 rows have no target and are left out.",
            "Column 'rowid' is left out: every row has its own number.",
            "The test set is distributed otherwise than the training set in 'sex'.",
        ],
    }
