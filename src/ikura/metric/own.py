"""Metrics of the caller's own: functions, scorers of scikit-learn, metrics of torchmetrics."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from ikura.errors import UsageError
from ikura.lazy_torch import Tensor, torch
from ikura.metric._base import TASKS, Metric
from ikura.process_state import ignored_warnings
from ikura.wording import one_line

__all__ = ["as_metric", "own_metric", "scorer_named"]

TRUTH_FIRST = ("y_true", "target", "targets", "truth", "true", "y", "label", "labels")
"""Names of a first argument that is the truth and not the prediction."""


def own_metric(thing: Any, name: str | None = None, greater_is_better: bool | None = None) -> Metric:
    """Take a metric of the caller's own.

    Args:
        thing: a `Metric`; a function of (prediction, target), as for `Metric`; a scorer, as
            `sklearn.metrics.make_scorer` returns; a metric of torchmetrics.
        name: what it is called; by default the function's name.
        greater_is_better: its direction, where the thing itself does not say it.

    Raises:
        UsageError: it is none of these, or its direction is not known.

    Example:
        >>> off = own_metric(lambda prediction, target: (prediction - target).abs().max(), "off", False)
        >>> off.name, float(off(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 5.0])))
        ('off', 3.0)
    """
    if isinstance(thing, Metric):
        return thing
    if hasattr(thing, "_score_func") and hasattr(thing, "_sign"):
        called = name or _name(thing._score_func)
        return _made(called, True, lambda task: _scored(thing, task), thing)
    if all(callable(getattr(thing, part, None)) for part in ("update", "compute", "reset")):
        direction = getattr(thing, "higher_is_better", None) if greater_is_better is None else greater_is_better
        return _made(name or type(thing).__name__, direction, lambda task: _accumulated(thing, task), thing)
    if not _is_one(thing):
        raise UsageError(
            f"a metric is a name, a function of (prediction, target), a scorer of scikit-learn or a metric of "
            f"torchmetrics, not {one_line(repr(thing), 60)}"
        )
    if str(getattr(thing, "__module__", "")).startswith("sklearn.metrics"):
        return own_metric(_scorer_of(thing), name)
    if greater_is_better is None:
        greater_is_better = getattr(thing, "greater_is_better", None)
    return _made(name or _name(thing), greater_is_better, lambda task: _ordered(thing), thing)


def scorer_named(name: str) -> Any:
    """Find a scorer of scikit-learn by its name; None if there is none.

    Example:
        >>> scorer_named("neg_median_absolute_error") is not None, scorer_named("accuracies")
        (True, None)
    """
    from sklearn.metrics import get_scorer, get_scorer_names

    return get_scorer(name) if name in get_scorer_names() else None


def _is_one(thing: Any) -> bool:
    """Whether it may be a metric of the caller's: a scorer, a metric of torchmetrics, or a function."""
    return callable(thing) and not isinstance(thing, type)


def _made(
    name: str, greater_is_better: bool | None, by_task: Callable[[str], Callable[..., Any]], made_by: Any
) -> Metric:
    if not isinstance(greater_is_better, bool):
        raise UsageError(
            f"the metric {name!r} does not say whether a greater value is better: give "
            f"ikura.metric.own_metric({name}, greater_is_better=False), True for a score"
        )

    def function_for(task: str) -> Callable[[Tensor, Tensor], Tensor]:
        function = by_task(task)

        def measured(prediction: Tensor, target: Tensor) -> Tensor:
            if prediction.is_floating_point() and bool(prediction.isnan().any()):
                return torch.tensor(torch.nan, dtype=torch.float64)
            try:
                value = torch.as_tensor(function(prediction, target), dtype=torch.float64)
            except Exception as error:
                reason = " ".join(f"{type(error).__name__}: {error}".split())
                raise UsageError(
                    f"the metric {name!r} fails on predictions of shape {tuple(prediction.shape)} and targets of shape "
                    f"{tuple(target.shape)}: {reason}"
                ) from error
            if value.numel() != 1:
                raise UsageError(
                    f"the metric {name!r} gives values of shape {tuple(value.shape)}, but a metric is one number: "
                    "return their mean"
                )
            return value.reshape(())

        return measured

    kinds = frozenset(TASKS)
    return Metric(
        name, greater_is_better, kinds, function_for("own"), one_by_one=True, made_by=made_by, by_task=function_for
    )


def _name(function: Any) -> str:
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    return str(name).rpartition("<locals>.")[2].strip("<>")


def _scored(scorer: Any, task: str) -> Callable[[Tensor, Tensor], Any]:
    labels = getattr(scorer, "_response_method", "predict") == "predict"

    def function(prediction: Tensor, target: Tensor) -> Any:
        if task in ("binary", "multiclass", "multilabel"):
            target = target.long()
            if labels:
                prediction = (
                    prediction.argmax(1) if task != "multilabel" and prediction.ndim > 1 else (prediction > 0.5).long()
                )
        with ignored_warnings:
            return scorer._sign * scorer._score_func(target.numpy(), prediction.numpy(), **scorer._kwargs)

    return function


def _scorer_of(function: Callable[..., Any]) -> Any:
    """The scorer that scikit-learn itself makes of one of its functions."""
    from sklearn.metrics import get_scorer, get_scorer_names

    for name in get_scorer_names():
        scorer = get_scorer(name)
        if scorer._score_func is function and not scorer._kwargs:
            return scorer
    called = _name(function)
    raise UsageError(
        f"{called} of scikit-learn takes the truth first, and classes or probabilities; give "
        f"sklearn.metrics.make_scorer({called}, …), which says what"
    )


def _accumulated(metric: Any, task: str) -> Callable[[Tensor, Tensor], Any]:
    def function(prediction: Tensor, target: Tensor) -> Any:
        own = deepcopy(metric)
        own.reset()
        own.update(prediction, target.long() if task in ("binary", "multiclass", "multilabel") else target)
        return own.compute()

    return function


def _ordered(function: Callable[..., Any]) -> Callable[[Tensor, Tensor], Any]:
    """The function as one of (prediction, target), where its arguments are called so that the truth comes first."""
    try:
        names = [one.name for one in inspect.signature(function).parameters.values()]
    except (TypeError, ValueError):
        names = []
    if len(names) >= 2 and names[0].lower() in TRUTH_FIRST and names[1].lower() not in TRUTH_FIRST:
        return lambda prediction, target: function(target, prediction)
    return function


def as_metric(name: str, thing: Any) -> Metric:
    """Take a metric that was found under a name.

    Raises:
        UsageError: it is no metric of that name, or for no task.
    """
    if not isinstance(thing, Metric) and not isinstance(thing, str) and _is_one(thing):
        return own_metric(thing, name)
    if not isinstance(thing, Metric):
        said = "(name, greater_is_better, tasks, function)"
        raise UsageError(
            f"the metric {name!r} must be an ikura.metric.Metric{said}, but is {one_line(repr(thing), 60)}"
        )
    if thing.name != name:
        raise UsageError(f"the metric {name!r} does not call itself so; write name={name!r}")
    if not isinstance(thing.greater_is_better, bool):
        raise UsageError(f"the metric {name!r} must say greater_is_better=True for a score, False for an error")
    if not thing.tasks or not set(thing.tasks) <= set(TASKS):
        raise UsageError(f"the tasks of the metric {name!r} must be some of {', '.join(TASKS)}, not {thing.tasks}")
    return thing
