"""Metrics: how good predictions are, and how sure that number is."""

from ikura.metric._base import Metric, as_array, each_member
from ikura.metric.interval import interval
from ikura.metric.own import own_metric
from ikura.metric.registry import METRICS, default_metric, metric
from ikura.metric.resampling import TOGETHER, draws, evidence, of_mean, own_scores, scores
from ikura.metric.undefined import undefined

__all__ = [
    "METRICS",
    "TOGETHER",
    "Metric",
    "as_array",
    "default_metric",
    "draws",
    "each_member",
    "evidence",
    "interval",
    "metric",
    "of_mean",
    "own_metric",
    "own_scores",
    "scores",
    "undefined",
]
