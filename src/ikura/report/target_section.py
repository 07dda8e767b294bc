"""The score of each of several targets."""

from __future__ import annotations

from ikura.page.formatting import interval, score
from ikura.page.html_tables import table
from ikura.page.markup import Html, element, join
from ikura.report.view import View

__all__ = ["each_target"]


def each_target(view: View) -> Html | None:
    """The test and dev score of each target; None where there is one."""
    test = view.record.test
    if test is None or not test.targets:
        return None
    rows = [[one.name, score(one.value, 4), interval(one.interval), score(one.dev, 4)] for one in test.targets]
    headings = ("target", f"test {view.metric}", "95 % interval", f"dev {view.metric}")
    return join(
        element("h3", "Target by target"),
        table(headings, rows, words=("target",)),
        element("p", "The score of the study is the mean over them.", class_="after"),
    )
