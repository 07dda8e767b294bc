"""Finding metrics by name."""

from __future__ import annotations

import pytest

from ikura.errors import UsageError
from ikura.metric import METRICS, default_metric, metric


@pytest.mark.parametrize(("task", "name"), [("binary", "accuracy"), ("multiclass", "accuracy"), ("regression", "r2")])
def test_default(task: str, name: str) -> None:
    assert default_metric(task) is METRICS[name]
    assert metric(name, task) is METRICS[name]


@pytest.mark.parametrize(
    ("name", "task", "words"),
    [
        ("acuracy", "binary", ["no metric 'acuracy'", "did you mean 'accuracy'?", "log_loss"]),
        ("zzz", "regression", ["no metric 'zzz'", "r2, rmse, mae, quantile"]),
        ("r2", "multiclass", ["'r2' is not for multiclass", "balanced_accuracy"]),
        ("accuracy", "regresion", ["no task 'regresion'", "did you mean 'regression'?"]),
    ],
)
def test_mistakes_are_named_in_one_line(name: str, task: str, words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        metric(name, task)
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)


def test_names_are_keys() -> None:
    assert all(name == one.name for name, one in METRICS.items())
