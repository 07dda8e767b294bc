"""What the chosen network says about the test set: a confusion matrix, or predicted against true."""

from __future__ import annotations

from ikura.page.markup import Html
from ikura.page.predictions import predicted
from ikura.report.view import View

__all__ = ["outcomes"]


def outcomes(view: View) -> Html | None:
    """Draw the test set's predictions.

    Args:
        view: the study.

    Returns:
        A confusion matrix with a table of classes, or two charts of a regression's errors; None without predictions.
    """
    predictions = view.record.predictions
    if not predictions or not len(predictions["target"]):
        return None
    return predicted(predictions, view.record.task, "test")
