"""The page as a whole: complete, closed in itself, safe, written all at once."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ikura.errors import StorageError
from ikura.page.chart_script import inline_script
from ikura.report import write_report
from ikura.report.view import View
from ikura.report.write import render
from ikura.space import Space, choice, log
from ikura.study.record.command import command

from .reading import Page

Make = Callable[..., Any]
HOSTILE = "<img src=x onerror=\"document.body.dataset.harm='done'\"></script>{{plotly}}%{x}&amp;"


def nothing_known(study: Any) -> None:
    study.trials = study.trials.iloc[:0]
    study.best = study.test = study.predictions = None
    study.summary = study.seconds = study.config = {}
    study.stages = []


def no_test(study: Any) -> None:
    study.test = study.predictions = None


def all_diverged(study: Any) -> None:
    study.trials["state"] = "diverged"
    study.trials[["dev_score", "dev_loss", "train_score", "train_loss"]] = np.nan
    study.best = study.test = study.predictions = None


def not_finite(study: Any) -> None:
    study.trials.loc[::2, ["dev_score", "dev_loss", "seconds"]] = [math.inf, math.nan, math.nan]
    study.best.dev, study.best.interval = math.nan, (math.nan, math.inf)
    study.test.value, study.test.interval = math.inf, None
    study.seconds = {"read": math.nan, "coarse": 1.0}
    study.predictions["target"] = study.predictions["target"][:0]


def running(study: Any) -> None:
    study.trials["state"] = "running"
    study.trials[["dev_score", "dev_loss", "epochs", "best_epoch"]] = None
    study.best = study.test = study.predictions = None
    study.curves = lambda numbers=None: pd.DataFrame()


CASES = {
    "classes": ({}, None),
    "two classes": ({"task": "binary"}, None),
    "regression": ({"task": "regression"}, None),
    "one trial": ({"trials": 1}, None),
    "no test yet": ({}, no_test),
    "all diverged": ({"trials": 20}, all_diverged),
    "not finite": ({"trials": 20}, not_finite),
    "running": ({"trials": 5}, running),
    "empty": ({"trials": 5}, nothing_known),
}


@pytest.mark.parametrize("case", CASES)
def test_page_is_whole_and_closed_in_itself(make_study: Make, case: str) -> None:
    settings, change = CASES[case]
    study = make_study(**settings)
    if change:
        change(study)
    source = render(View(study, study.checks, study.findings))
    page = Page(source)
    links = [attributes.get("href", "") or "" for tag, attributes in page.tags if "href" in attributes]
    identities = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(identities) == len(set(identities))
    assert all(link.startswith("data:") or link[1:] in identities for link in links)
    assert not any({"src", "srcset", "action", "data", "poster"} & set(attributes) for _, attributes in page.tags)
    assert "@import" not in source.replace(str(inline_script()), "")
    assert "url(" not in source.replace(str(inline_script()), "")
    assert not {"nan", "NaN", "inf", "None"} & set(re.findall(r"\w+", page.words))
    assert source.count(str(inline_script())) == ('class="plot"' in source)
    for name, attributes in page.tags:
        assert not any(attribute.startswith("on") for attribute in attributes), name


def test_policy_forbids_the_network(make_study: Make) -> None:
    policy = next(
        one["content"]
        for one in Page(render(View(make_study(trials=3)))).of("meta")
        if one.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_headline_says_what_came_out(make_study: Make) -> None:
    study = make_study()
    words = Page(render(View(study, study.checks, study.findings))).words
    low, high = study.test.interval
    assert "Predicting species" in words
    assert f"{study.test.value:.3f}95 % interval {low:.3f} to {high:.3f}" in words
    assert f"{study.best.dev:.3f}95 % interval" in words
    assert "23 s" in words
    assert "On 69 rows no trial has seen, measured once." in words


@pytest.mark.parametrize(
    ("value", "greater", "words"),
    [
        (0.9, True, "lies within the dev score's interval"),
        (0.5, True, "worse than the dev score's interval"),
        (0.99, True, "better than the dev score's interval"),
        (0.99, False, "worse than the dev score's interval"),
        (0.955, True, "better than the dev score's interval, by no more than chance explains"),
        (0.845, True, "worse than the dev score's interval, by no more than chance explains"),
        (0.845, False, "better than the dev score's interval, by no more than chance explains"),
        (0.99, True, "the test rows happen to be the easier ones"),
    ],
)
def test_verdict(make_study: Make, value: float, greater: bool, words: str) -> None:
    study = make_study(trials=20)
    study.metric = SimpleNamespace(name="score", greater_is_better=greater)
    study.best.interval = (0.85, 0.95)
    study.test = SimpleNamespace(metric="score", value=value, interval=(value - 0.01, value + 0.01), targets=[])
    assert words in Page(render(View(study, study.checks, study.findings))).words


@pytest.mark.parametrize("task", ["multiclass", "regression"])
def test_best_trials_are_the_best(make_study: Make, task: str) -> None:
    study = make_study(task=task)
    rows = Page(render(View(study, study.checks, study.findings))).tables[0][1:]
    trials = study.trials
    done = trials[(trials["state"] == "complete") & (trials["purpose"] == "search")]
    expected = done.sort_values("dev_score", ascending=task == "regression").head(10)
    assert [int(re.match(r"\d+", row[0]).group()) for row in rows] == list(expected["number"])  # type: ignore[union-attr]
    assert ["chosen" in row[0] for row in rows] == [True] + [False] * 9
    assert ["finalist" in row[0] for row in rows] == [False, True, True, True] + [False] * 6
    again = trials[trials["purpose"] == "finalist"]["dev_score"].iloc[3:6].mean()
    # four decimals, or four digits of a number about 20
    assert float(rows[1][3].split()[0]) == pytest.approx(again, abs=0.005)
    assert rows[1][3].endswith("(3)")


def test_finalist_without_a_trial_of_the_search_is_listed(make_study: Make) -> None:
    study = make_study(trials=30)
    study.trials["parent"] = None
    ranked = View(study).ranked
    assert set(study.trials.loc[study.trials["purpose"] == "finalist", "number"]) <= set(ranked["number"])


def test_what_was_read(make_study: Make) -> None:
    words = Page(render(View(make_study()))).words
    assert "346 rows were read from examples/penguins.csv; 2 rows without a target are left out." in words
    assert "rowid: every row has its own number" in words
    assert words.count("rowid") == 2  # once with its reason, once among the columns
    assert "train 206 (60 %)" in words
    assert "152 (44.2 %)" in words
    assert "2.2 times the rows of the smallest" in words
    assert "chi-squared" in words


def test_states_are_counted(make_study: Make) -> None:
    study = make_study()
    counts = study.trials.query("purpose == 'search'")["state"].value_counts()
    words = Page(render(View(study, study.checks, study.findings))).words
    assert f"{counts['diverged']} diverged" in words
    assert f"{counts['complete']} ran to the end" in words


def test_hostile_names_stay_text(make_study: Make) -> None:
    study = make_study(trials=12, classes=[HOSTILE, "b", "c"])
    plain = Page(render(View(study, study.checks, study.findings)))
    study.space = study.searched = Space(**{HOSTILE: log(1e-4, 1), "optimizer": choice(HOSTILE, "adam")})
    study.trials = study.trials.rename(columns={"learning_rate": HOSTILE})
    study.trials["optimizer"] = HOSTILE
    study.best.hyperparameters = {HOSTILE: HOSTILE}
    study.metric = SimpleNamespace(name=HOSTILE, greater_is_better=True)
    study.test = SimpleNamespace(metric=HOSTILE, value=0.9, interval=(0.8, 1.0), targets=[])
    study.summary |= {"target": HOSTILE, "source": HOSTILE, "notes": [HOSTILE]}
    study.summary["columns"] = [{"name": HOSTILE, "kind": HOSTILE, "missing": 0, "distinct": 1, "note": HOSTILE}]
    study.summary["left_out"] = [{"name": HOSTILE, "reason": HOSTILE}]
    study.summary["drift"] = [{"column": HOSTILE, "part": HOSTILE, "test": HOSTILE, "p_value": 0.0}]
    study.stages = [replace(one, name=HOSTILE, region={HOSTILE: [0.01, 0.1]}) for one in study.stages]
    study.seconds = {HOSTILE: 1.0}
    study.config = {"data": {"kind": "file", "path": HOSTILE}, "versions": {HOSTILE: HOSTILE}}
    study.space_note = HOSTILE
    study.run.mkdir()
    (study.run / "config.toml").write_text(HOSTILE)
    source = render(View(study, study.checks, study.findings))
    page = Page(source)
    assert not page.of("img")
    assert len(page.of("script")) == 2 + len(page.charts)
    assert source.count(str(inline_script())) == ('class="plot"' in source)
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in plain.tags}
    assert page.words.count(HOSTILE) > 20
    for text in strings(page.charts):
        assert "<img" not in text
        assert "%{x}&" not in text


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in strings(one)]
    if isinstance(value, list):
        return [text for one in value for text in strings(one)]
    return [value] if isinstance(value, str) else []


def test_size_is_bounded(make_study: Make) -> None:
    study = make_study(trials=3000, epochs=400)
    study.summary["columns"] = study.summary["columns"] * 1000
    study.predictions |= {name: study.predictions[name] * 1000 for name in ("target", "prediction")}
    # 305 curves of 201 points on two charts at about 12 bytes, and 9 x 800 points at about 60
    assert len(render(View(study, study.checks, study.findings))) - len(str(inline_script())) < 2.5e6


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            {"data": {"kind": "bundled", "name": "iris"}, "trials": 8, "seed": 3},
            "ikura tune iris --trials 8 --seed 3",
        ),
        (
            {"data": {"kind": "file", "path": "a b.csv"}, "target": "the y", "time_limit": 90.0}
            | {"kinds": {"year": "category"}, "metric": "f1", "group": None},
            "ikura tune 'a b.csv' --target 'the y' --kind year=category --time-limit 90s --metric f1",
        ),
        ({"data": {"kind": "frame", "path": "data.parquet"}, "trials": 8}, None),
        ({"data": {"kind": "bundled", "name": "iris"}, "network": "own"}, None),
        ({}, None),
    ],
)
def test_command(config: dict[str, Any], expected: str | None) -> None:
    assert command(config) == expected


def test_configuration_is_shown(make_study: Make) -> None:
    study = make_study(trials=3)
    study.run.mkdir()
    (study.run / "config.toml").write_text("trials = 3\n# 🐟 <&>\n")
    assert "# 🐟 <&>" in Page(render(View(study, study.checks, study.findings))).words


def test_file_is_written_and_replaced(make_study: Make, tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "report.html"
    study = make_study(trials=3)
    assert write_report(path, study) == path
    path.write_text("old")
    assert write_report(str(path), study) == path
    assert path.read_text(encoding="utf-8").endswith("</html>\n")
    assert os.listdir(path.parent) == ["report.html"]


def test_failure_leaves_the_old_file(make_study: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"cannot write .*report.html: No space left on device"):
        write_report(path, make_study(trials=3))
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.html"]


def test_folder_is_refused(make_study: Make, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"is a folder; name a file"):
        write_report(tmp_path, make_study(trials=3))


def test_path_through_a_file_is_refused(make_study: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write "):
        write_report(tmp_path / "file" / "report.html", make_study(trials=3))


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium to open the page with")
def test_browser_draws_every_chart_and_runs_nothing_else(make_study: Make, tmp_path: Path) -> None:
    study = make_study(trials=12, classes=[HOSTILE, "b", "c"])
    study.summary["target"] = HOSTILE
    path = write_report(tmp_path / "report.html", study, study.checks, study.findings)
    charts = len(Page(path.read_text(encoding="utf-8")).charts)
    assert CHROMIUM is not None
    given = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    given += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=20000", "--window-size=1280,6000"]
    done = subprocess.run(
        [CHROMIUM, *given, "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.count('class="plot js-plotly-plot"') == charts > 10
    assert "data-harm" not in done.stdout.split("<main")[0]


def test_the_corrected_score_and_what_is_to_be_said_of_the_choice(make_study: Make) -> None:
    study = make_study(trials=20)
    study.metric = SimpleNamespace(name="score", greater_is_better=True)
    study.best.dev_corrected, study.best.corrected_interval = 0.8612, (0.811, 0.911)
    study.best.note = "the time limit cut the finalists short"
    study.best.next = SimpleNamespace(sentence="Better than the next, trial 3, beyond chance (p = 0.01).")
    study.test = SimpleNamespace(metric="score", value=0.82, interval=(0.8, 0.85), targets=[])
    words = Page(render(View(study, study.checks, study.findings))).words
    assert "0.861 corrected for having been picked, 0.811 to 0.911" in words
    assert "The time limit cut the finalists short." in words
    assert "Better than the next, trial 3, beyond chance (p = 0.01)." in words
    # It lies below the plain score's interval or not: it is the corrected one's that counts.
    assert "lies within the corrected dev score's interval: as it should" in words


def test_the_score_of_one_network_is_not_called_a_mean(make_study: Make) -> None:
    study = make_study(trials=20)
    own = study.best.dev
    again = study.trials[(study.trials["purpose"] == "finalist") & (study.trials["parent"] == study.best.number)]
    for dev, words in (
        (float(again["dev_score"].mean()), f"the mean of {len(again)} runs with other seeds"),
        (own, "chosen on the dev set"),
    ):
        study.best.dev = dev
        assert f"Trial {study.best.number}, {words}." in Page(render(View(study, study.checks, study.findings))).words


def test_the_best_trials_are_listed_once_for_each_configuration(make_study: Make) -> None:
    study = make_study(trials=30)
    once = [row[0] for row in Page(render(View(study, study.checks, study.findings))).tables[0][1:]]
    names = [name for name in study.space if name in study.trials]
    best = int(re.match(r"\d+", once[4]).group())  # type: ignore[union-attr]
    other = int(re.match(r"\d+", once[5]).group())  # type: ignore[union-attr]
    rows = study.trials.set_index("number")
    for name in names:
        study.trials[name] = study.trials[name].mask(study.trials["number"] == other, rows.loc[best, name])
    page = Page(render(View(study, study.checks, study.findings)))
    assert [row[0] for row in page.tables[0][1:6]] == once[:5]
    assert once[5] not in [row[0] for row in page.tables[0][1:]]
    assert "each configuration once" in page.words
