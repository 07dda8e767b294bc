"""The Pareto front and infeasible trials on the page, against the study's own tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ikura.report.charts.hyperparameter_charts import hyperparameters
from ikura.report.charts.tradeoff import MOST_ROWS, tradeoff
from ikura.report.sections import states
from ikura.report.view import View
from ikura.report.write import render
from ikura.study.record.command import command
from ikura.study.record.facts import ChoiceRecord
from ikura.study.record.pareto import on_front

from .reading import Page

Make = Callable[..., Any]


def several(study: Any, names: tuple[str, ...] = ("parameters",)) -> Any:
    """Give a study further objectives and the front of them."""
    random = np.random.default_rng(0)
    trials = study.trials
    for name in names:
        trials[name] = np.round(10 ** random.uniform(2, 4, len(trials)))
    study.objectives = [study.metric.name, *names]
    sign = 1 if study.metric.greater_is_better else -1
    ended = trials[(trials["purpose"] == "search") & (trials["state"] == "complete")]
    found = ended[on_front(np.column_stack([-sign * ended["dev_score"], ended[list(names)]]))]
    found = found.sort_values("dev_score", ascending=sign < 0).reset_index(drop=True)
    study.pareto = found[["number", "dev_score", *names, *(n for n in study.space)]].assign(
        chosen=found["number"] == study.best.number
    )
    return study


@pytest.mark.parametrize("task", ["multiclass", "regression"])
@pytest.mark.parametrize("names", [("parameters",), ("parameters", "inference_seconds")])
def test_front_is_drawn_and_listed(make_study: Make, task: str, names: tuple[str, ...]) -> None:
    study = several(make_study(task=task), names)
    view = View(study)
    page = Page(str(tradeoff(view)))
    assert len(page.charts) == len(names)
    for name, chart in zip(names, page.charts, strict=True):
        crowd, line = chart["data"][0], chart["data"][1]
        seen = dict(
            zip((told[0] for told in crowd["customdata"]), zip(crowd["x"], crowd["y"], strict=True), strict=True)
        )
        ended = study.trials[(study.trials["purpose"] == "search") & (study.trials["state"] == "complete")]
        assert set(seen) == set(ended["number"])
        for row in ended.to_dict("records"):
            assert seen[row["number"]] == (
                pytest.approx(row[name], rel=1e-6),
                pytest.approx(row["dev_score"], rel=1e-6),
            )
        assert {told[0] for told in line["customdata"]} == set(study.pareto["number"])
        assert line["x"] == sorted(line["x"])
        assert ("lines" in line["mode"]) == (len(names) == 1)
    text = str(tradeoff(view))
    for number in study.pareto["number"].head(MOST_ROWS):
        assert f">{number}<" in text


def test_how_the_preference_chose_is_told(make_study: Make) -> None:
    study = several(make_study())
    best = study.best.number
    study.choice = ChoiceRecord("parameters", 0.02, best, 0.9, 80.0, 80.0)
    assert "No configuration within 0.0200 of the best dev accuracy has fewer parameters" in str(tradeoff(View(study)))
    study.choice = replace(study.choice, best=best + 1, cost=30.0)
    text = str(tradeoff(View(study)))
    assert f"it has 30, where the best one, trial {best + 1}, has 80 and a dev accuracy of 0.9000" in text


def test_one_objective_needs_no_section(make_study: Make) -> None:
    assert tradeoff(View(make_study())) is None
    assert "Dev score against the other objectives" not in render(View(make_study()))
    assert "Dev score against the other objectives" in render(View(several(make_study())))


def test_infeasible_trials_are_crosses(make_study: Make) -> None:
    study = make_study(trials=60)
    places = study.trials.index[:5]
    study.trials.loc[places, "state"] = "infeasible"
    study.trials.loc[places, ["dev_score", "dev_loss", "train_score", "train_loss"]] = np.nan
    study.config["max_parameters"] = 1234
    view = View(study)
    for name, chart in zip(view.by_importance, Page(str(hyperparameters(view))).charts, strict=True):
        crosses = [trace for trace in chart["data"] if trace.get("marker", {}).get("symbol") == "x-thin"]
        told = {one[0] for trace in crosses for one in trace["customdata"] if one[2] == "infeasible"}
        used = study.trials.loc[places]
        assert told == set(used.loc[used[name].notna(), "number"])
    text = str(states(view))
    assert "5 infeasible" in text
    assert "would have more than 1,234 weights, or none could be made; they were never trained" in text


def test_many_failures_put_the_space_in_question(make_study: Make) -> None:
    study = make_study(trials=60)
    assert "narrow the ranges" not in str(states(View(study.__class__(**vars(study) | {"trials": _all(study, 0.1)}))))
    assert "narrow the ranges" in str(states(View(study.__class__(**vars(study) | {"trials": _all(study, 0.5)}))))


def _all(study: Any, share: float) -> Any:
    trials = study.trials[study.trials["purpose"] == "search"].copy()
    trials["state"] = ["diverged" if place < share * len(trials) else "complete" for place in range(len(trials))]
    return trials


def test_command_repeats_the_objectives() -> None:
    config = {"data": {"kind": "bundled", "name": "wine"}, "objectives": ["parameters"], "prefer": "parameters"}
    words = command(config | {"within": 0.01, "max_parameters": 500})
    assert words == ("ikura tune wine --objective parameters --prefer parameters --within 0.01 --max-parameters 500")
