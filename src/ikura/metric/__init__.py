"""Metrics: how good predictions are, and how sure that number is."""

from ikura.metric._base import Metric
from ikura.metric.interval import interval
from ikura.metric.registry import METRICS, default_metric, metric
from ikura.metric.resampling import draws, evidence, scores
from ikura.metric.undefined import undefined

__all__ = ["METRICS", "Metric", "default_metric", "draws", "evidence", "interval", "metric", "scores", "undefined"]
