"""The charts: each function makes one `figure` element with its data as JSON inside."""

from ikura.report.charts.curves import curves
from ikura.report.charts.hyperparameter_charts import hyperparameters
from ikura.report.charts.importance_chart import importance
from ikura.report.charts.outcomes import outcomes
from ikura.report.charts.parallel import parallel
from ikura.report.charts.tradeoff import tradeoff

__all__ = ["curves", "hyperparameters", "importance", "outcomes", "parallel", "tradeoff"]
