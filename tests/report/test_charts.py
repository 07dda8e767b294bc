"""What the charts show, against the study's own tables."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from ikura.page.predictions import confusion
from ikura.report.charts.curves import MOST_CURVES, MOST_EPOCHS, curves
from ikura.report.charts.hyperparameter_charts import MOST_POINTS, hyperparameters, score_range
from ikura.report.charts.outcomes import outcomes
from ikura.report.charts.value_axis import scale_of
from ikura.report.view import View
from ikura.space import choice, integer, linear, log, log_complement
from ikura.study.record.facts import StageRecord

from .reading import Page

Make = Callable[..., Any]


def charts(html: Any) -> list[dict[str, Any]]:
    return Page(str(html)).charts


def names_of(view: View) -> list[str]:
    assert set(view.by_importance) == {name for name in view.record.space if name != "epsilon"}
    return view.by_importance


def points_of(chart: dict[str, Any]) -> list[dict[str, Any]]:
    return [trace for trace in chart["data"] if trace["mode"] == "markers"]


@pytest.mark.parametrize("task", ["multiclass", "regression"])
@pytest.mark.parametrize("trials", [9, 128, 1500])
def test_every_point_lies_within_its_axes(make_study: Make, task: str, trials: int) -> None:
    view = View(make_study(task=task, trials=trials))
    for chart in charts(hyperparameters(view)):
        x_axis, (low, high) = chart["layout"]["xaxis"], chart["layout"]["yaxis"]["range"]
        left, right = sorted(x_axis["range"])
        for trace in points_of(chart):
            x = [math.log10(x) for x in trace["x"]] if x_axis.get("type") == "log" else trace["x"]
            assert all(left <= one <= right for one in x)
            assert all(low <= one <= high for one in trace["y"])


def test_every_trial_is_a_point_at_its_value(make_study: Make) -> None:
    view = View(make_study(trials=60))
    trials = view.record.trials.set_index("number")
    low, high = score_range(view)
    for name, chart in zip(names_of(view), charts(hyperparameters(view)), strict=True):
        stages = [trace for trace in points_of(chart) if trace["marker"].get("symbol") is None]
        seen = {
            told[0]: (x, y)
            for trace in stages
            for x, y, told in zip(trace["x"], trace["y"], trace["customdata"], strict=True)
        }
        used = trials[(trials["purpose"] == "search") & (trials["state"] != "diverged") & trials[name].notna()]
        assert set(seen) == set(used.index)
        for number, row in used.iterrows():
            x, y = seen[number]
            # points carry seven digits
            assert y == pytest.approx(min(max(row["dev_score"], low), high), rel=1e-6)
            if view.record.space[name].scale in ("log", "linear", "integer-log"):
                assert x == pytest.approx(row[name], rel=1e-6)
            elif view.record.space[name].scale == "log-complement":
                assert x == pytest.approx(1 - row[name], rel=1e-6)
            elif view.record.space[name].scale == "choice":
                assert view.record.space[name].options[round(x)] == row[name]
            else:
                assert round(x) == row[name]


def test_diverged_trials_stand_at_the_bad_edge(make_study: Make) -> None:
    for task, end in (("multiclass", 0), ("regression", 1)):
        view = View(make_study(task=task))
        diverged = set(view.record.trials.query("state == 'diverged'")["number"])
        chart = charts(hyperparameters(view))[0]
        crosses = next(trace for trace in points_of(chart) if trace["marker"].get("symbol") == "x-thin")
        assert {told[0] for told in crosses["customdata"]} == diverged
        assert set(crosses["y"]) == {chart["layout"]["yaxis"]["range"][end]}


def test_zoomed_regions_are_shaded(make_study: Make) -> None:
    view = View(make_study())
    shapes = {
        name: [(shape["x0"], shape["x1"]) for shape in chart["layout"]["shapes"]]
        for name, chart in zip(names_of(view), charts(hyperparameters(view)), strict=True)
    }
    assert shapes["learning_rate"] == [(0.003, 0.3), (0.01, 0.1)]
    assert shapes["beta2"] == [(pytest.approx(0.0005), pytest.approx(0.01))]
    assert [round((low + high) / 2) for low, high in shapes["batch_size"]] == [0, 1]
    assert shapes["activation"] == []  # all options are left open
    assert shapes["units"] == []


@pytest.mark.parametrize(
    ("parameter", "values", "places"),
    [
        (linear(0, 1), [0.25], [0.25]),
        (log(1e-4, 1), [0.01, 0.0, -1.0], [0.01, None, None]),
        (log_complement(0.9, 0.999), [0.99, 1.0], [pytest.approx(0.01), None]),
        (integer(1, 4), [3.0, math.nan], [3, None]),
        (choice(16, 32), [32.0, 99], [1, None]),
        (choice(True, 1, "1"), [1, True, "1"], [1, 0, 2]),
    ],
)
def test_places_on_scales(parameter: Any, values: list[Any], places: list[Any]) -> None:
    scale = scale_of(parameter, [])
    assert [scale.place(value) for value in values] == places


def test_log_complement_is_labelled_with_its_values() -> None:
    scale = scale_of(log_complement(0.9, 0.9999), [])
    assert scale.axis["type"] == "log"
    assert scale.axis["range"][0] > scale.axis["range"][1]  # values grow to the right
    labels = dict(zip(scale.axis["ticktext"], scale.axis["tickvals"], strict=True))
    assert set(labels) == {"0.9", "0.99", "0.999", "0.9999"}
    assert all(float(text) == pytest.approx(1 - place) for text, place in labels.items())
    assert (scale.write(0.99953), scale.write(0.9)) == ("0.99953", "0.9")


def test_jitter_is_the_same_for_the_same_trial_and_small() -> None:
    scale = scale_of(choice("a", "b"), [])
    spread = [scale.spread(number) for number in range(100)]
    assert spread == [scale.spread(number) for number in range(100)]
    assert max(map(abs, spread)) < 0.5
    assert len(set(spread)) == 100


def test_score_axis_ignores_far_outliers(make_study: Make) -> None:
    study = make_study(trials=40)
    study.trials.loc[study.trials.index[:2], ["dev_score", "state"]] = [-1e6, "complete"]
    low, high = score_range(View(study))
    assert low > -1
    assert high < 2


def test_curves_repeat_the_table(make_study: Make) -> None:
    study = make_study(trials=20)
    train, dev = charts(curves(View(study)))
    table = study.curves().replace([np.inf, -np.inf], np.nan)
    for chart, column in ((train, "train_loss"), (dev, "dev_loss")):
        crowd, *marked = chart["data"]
        assert crowd["type"] == "scattergl"
        assert crowd["connectgaps"] is False
        assert len(marked) == 5
        assert crowd["x"].count(None) == study.trials["number"].nunique() - 5
        drawn = [y for trace in chart["data"] for x, y in zip(trace["x"], trace["y"], strict=True) if x is not None]
        assert len(drawn) == len(table)
        # losses carry four digits
        known = sorted(y for y in drawn if y is not None)
        assert known == pytest.approx(sorted(table[column].dropna()), rel=1e-3)


def test_many_long_curves_are_sampled_and_it_says_so(make_study: Make) -> None:
    study = make_study(trials=900, epochs=700)
    view = View(study)
    html = curves(view)
    assert len(study.asked) <= MOST_CURVES + 5
    assert set(view.ranked["number"].head(5)) <= set(study.asked)
    crowd = charts(html)[0]["data"][0]["x"]
    assert len(crowd) <= (MOST_CURVES + 5) * (MOST_EPOCHS + 1)
    assert 700 in crowd  # the last epoch is kept
    assert f"Of 912 curves, {len(study.asked)} are drawn" in str(html)
    assert f"at most {MOST_EPOCHS} epochs" in str(html)


def test_many_points_are_sampled_and_it_says_so(make_study: Make) -> None:
    view = View(make_study(trials=2000))
    html = hyperparameters(view)
    points = sum(len(trace["x"]) for trace in points_of(charts(html)[0]))
    assert points <= MOST_POINTS + 5
    assert "Of 2,000 trials, " in str(html)
    best = set(view.ranked["number"].head(20))
    assert best <= {told[0] for trace in points_of(charts(html)[0]) for told in trace["customdata"]}


@pytest.mark.parametrize("classes", [["a", "b", "c"], [1, 2, 3], [0.5, True, None]])
def test_confusion_counts_places(classes: list[Any]) -> None:
    predictions = {"target": [0.0, 1.0, 1.0, 2.0], "prediction": [0, 1, 0, 2], "classes": classes}
    names, counts = confusion(predictions)
    assert names == [str(one) for one in classes]
    assert counts.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 1]]


def test_rare_classes_are_taken_together() -> None:
    rng = np.random.default_rng(0)
    target, prediction = rng.zipf(1.3, (2, 5000)) % 100
    classes = [f"class {place}" for place in range(100)]
    names, counts = confusion({"target": target, "prediction": prediction, "classes": classes}, most=12)
    often = sorted(np.argsort(-np.bincount(target, minlength=100), kind="stable")[:11])
    assert names == [classes[place] for place in often] + ["all others"]
    assert (
        counts.tolist()
        == confusion_matrix(
            [classes[place] if place in often else "all others" for place in target],
            [classes[place] if place in often else "all others" for place in prediction],
            labels=names,
        ).tolist()
    )


def test_regression_says_how_far_off(make_study: Make) -> None:
    study = make_study(task="regression")
    study.predictions = {"target": [1.0, 2.0, 3.0, math.nan], "prediction": [2.0, 3.0, 4.0, 5.0], "classes": None}
    page = Page(str(outcomes(View(study))))
    assert "lie within 1.000 of the truth" in page.words
    assert "on average they are 1 too high" in page.words
    assert "1 prediction without a finite value is left out" in page.words
    assert page.charts[0]["data"][1]["x"] == [1.0, 2.0, 3.0]


def test_many_stages_share_the_legend(make_study: Make) -> None:
    study = make_study(trials=40)
    searched = study.trials["purpose"] == "search"
    study.trials.loc[searched, "stage"] = study.trials.loc[searched, "number"] % 8
    study.stages = [StageRecord(i, f"generation {i}", 5, 10) for i in range(8)]
    words = str(hyperparameters(View(study)))
    found = re.findall(r"generation (\d) to generation (\d): (\d+) trials of 10 epochs", words)
    assert [(int(first), int(last)) for first, last, _ in found] == [(0, 1), (2, 3), (4, 5), (6, 7)]
    assert sum(int(trials) for *_, trials in found) == searched.sum()
