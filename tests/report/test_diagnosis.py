"""The diagnosis on the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ikura.diagnose import Estimate, Prescription, judge_errors
from ikura.diagnose.cost_curve import CostCurve
from ikura.diagnose.diagnosis_page import write_diagnosis
from ikura.diagnose.diagnosis_sections import diagnosis
from ikura.diagnose.error_rates import rates
from ikura.diagnose.findings import Findings
from ikura.diagnose.learning_curve import LearningCurve, Point
from ikura.diagnose.mistakes import Example, Mistakes
from ikura.report.view import View
from ikura.report.write import render
from ikura.trial_state import State

from .reading import Page

Make = Callable[..., Any]
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def findings(**given: Any) -> Findings:
    between = Estimate(0.1, 0.08, 0.12)
    curve = LearningCurve(
        "error rate",
        (Point(100, between, Estimate(0.3, 0.2, 0.4)), Point(200, between, Estimate(0.2, 0.1, 0.3))),
        (0.05, 1.0, 0.5),
        {400: Estimate(0.15, 0.1, 0.2), 800: between, 2000: between},
        Estimate(0.05, 0.02, 0.08),
        1234,
        5,
    )
    costs = [
        CostCurve(name, name == "as chosen", {}, [10, 20], [2.0, 1.0], [1.9, 0.8], State.COMPLETE)
        for name in ("as chosen", "without dropout")
    ]
    hardest = (
        Example(17, 3.2, "<b>a", "b", 0.04, {"x<": "1 & 2"}),
        Example(3, 1.2, "a", "a", 0.6, {"x<": "2"}),
    )
    mistakes = Mistakes(hardest, 1, 3, {"target": [0, 0, 1], "prediction": [1, 0, 1], "classes": ["<b>a", "b"]})
    todo = Prescription("more-data", "variance", "Wide gap.", "less", "ikura tune 'a b.csv'", "Ng")
    made = Findings(0, judge_errors(rates(0.01, 0.08, 9000, 40)), [todo], curve, costs, mistakes, ["a note"])
    return replace(made, **given)


def test_everything_that_was_found_is_shown() -> None:
    found = findings()
    page = Page(diagnosis(found, "binary"))
    text = " ".join(page.words.split())
    for words in (
        found.diagnosis.sentence,
        "cannot tell",
        f"about {found.diagnosis.variance.examples_needed:,} more dev examples",
        "More data",
        "ikura tune 'a b.csv'",
        "Expected: less.",
        "Source: Ng.",
        "1,234",
        "J falls in all of them",
        "17",
        "<b>a",
        "1 & 2",
        "a note",
    ):
        assert words in text, words
    # Errors, learning curve, two of the cost, the confusion matrix.
    assert len(page.charts) == 5


@pytest.mark.parametrize("missing", ["curve", "costs", "mistakes"])
def test_what_was_not_looked_at_is_not_mentioned(missing: str) -> None:
    whole = Page(diagnosis(findings(), "binary"))
    page = Page(diagnosis(findings(**{missing: [] if missing == "costs" else None}), "binary"))
    assert len(page.charts) < len(whole.charts)
    assert len(page.words) < len(whole.words)


def test_images_are_shown_with_their_rows() -> None:
    hardest = (Example(5, 2.0, "cat", "dog", 0.1, picture=PIXEL),)
    mistakes = Mistakes(hardest, 1, 1, {"target": [0], "prediction": [1], "classes": ["cat", "dog"]})
    html = str(diagnosis(findings(mistakes=mistakes), "binary"))
    assert PIXEL in html
    assert "cat" in html
    assert "taken for dog" in html
    assert "row 5" in html


def test_a_cost_that_rises_is_named() -> None:
    rising = CostCurve("as chosen", True, {}, [1, 2, 3], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0], State.COMPLETE)
    assert not rising.falls
    assert "does not fall as it should" in Page(diagnosis(findings(costs=[rising]), "binary")).words


def test_the_report_has_the_section_only_if_something_was_found(make_study: Make) -> None:
    study = make_study()
    assert "What to do next" not in render(View(study, study.checks, study.findings))
    study.findings = findings()
    page = render(View(study, study.checks, study.findings))
    assert "Bias, variance, and what next" in page
    assert "What to do next" in page


def test_a_page_of_its_own(make_study: Make, tmp_path: Path) -> None:
    study = make_study()
    path = write_diagnosis(study, findings(), tmp_path / "diagnosis.html")
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "<script>b" not in text
    assert "What to do next" in text
    assert write_diagnosis(SimpleNamespace(**vars(study)), findings(), path) == path
