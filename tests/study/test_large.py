"""A study of many trials: the report stays small, keeps the best, and says what it left out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from ikura.api.study import Study
from ikura.page.chart_script import inline_script
from ikura.population.outcome import Outcome
from ikura.report.view import View
from ikura.report.write import render
from ikura.space import Space, choice, integer, log, log_complement, when
from ikura.study.record.facts import SECONDS, STAGES, SUMMARY, StageRecord
from ikura.study.record.setting import Setting
from ikura.study.record.store import Store
from ikura.study.record.trial import Purpose, Trial
from ikura.trial_state import State

TRIALS, TILE, EPOCHS = 20_000, 500, 2
SPACE = Space(
    when(optimizer="momentum", momentum=log_complement(0.5, 0.99)),
    learning_rate=log(1e-4, 1),
    units=integer(4, 16),
    batch_size=choice(32, 64),
    optimizer=choice("adam", "momentum"),
)


def large_study(run: Path) -> Study:
    """Write a study straight to its store; only the learning rate decides, and a hundredth diverged."""
    setting = Setting(
        data={"kind": "bundled", "name": "iris"},
        target="target",
        task="multiclass",
        trials=TRIALS,
        epochs=EPOCHS,
        search="random",
        schedule="none",
        finalists=0,
        replicates=3,
        metric="accuracy",
        seed=0,
        jobs=1,
        device="cpu",
        dtype="float32",
        network="mlp",
        space_note="",
        space=SPACE.as_dict(),
    )
    run.mkdir()
    setting.save(run)
    store = Store(run / "study.db", create=True)
    random = np.random.default_rng(0)
    points = random.random((TRIALS, len(SPACE.dimensions)))
    rows = [
        Trial(i, Purpose.SEARCH, 0, 0, SPACE.from_unit(dict(zip(SPACE.dimensions, map(float, point), strict=True))))
        for i, point in enumerate(points)
    ]
    store.add_trials(rows)
    for first in range(0, TRIALS, TILE):
        store.record([_outcome(row, random) for row in rows[first : first + TILE]])
    store.set_facts({SUMMARY: setting.prepare(run).summary.as_dict(), SECONDS: {"read": 0.1}})
    store.set_fact(STAGES, [StageRecord(0, "random", TRIALS, EPOCHS)])
    store.close()
    return Study(run)


def _outcome(row: Trial, random: np.random.Generator) -> Outcome:
    score = 0.95 - 0.1 * abs(np.log10(row.hyperparameters["learning_rate"]) + 2) + 0.01 * random.normal()
    if row.number % 100 == 7:
        return Outcome(
            row.number, *divmod(row.number, TILE), State.DIVERGED, np.full((1, 3), np.nan), 0, *[np.nan] * 4, 0.1
        )
    curve = np.array([[1.0, 1.1, score - 0.1], [0.5, 1 - score, score]])
    return Outcome(row.number, *divmod(row.number, TILE), State.COMPLETE, curve, 2, 1 - score, score, 0.5, score, 0.1)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return large_study(tmp_path_factory.mktemp("large") / "run")


@pytest.fixture(scope="module")
def page(study: Study) -> str:
    return render(View(study))


def test_the_report_of_many_trials_is_small(page: str) -> None:
    # 800 points for each of 5 hyperparameters, 300 curves, 400 lines, each some 50 bytes: about half a megabyte.
    assert len(page) - len(str(inline_script())) < 1_000_000


def test_samples_keep_the_best_and_say_so(page: str, study: Study) -> None:
    trials = study.trials
    best = set(trials.nlargest(50, "dev_score")["number"])
    charts = [json.loads(text) for text in re.findall(r'<script type="application/json">(.*?)</script>', page)]
    scatters = [chart for chart in charts if any("customdata" in trace for trace in chart["data"])]
    assert len(scatters) == len(SPACE)
    for chart in scatters[:1]:
        drawn = {told[0] for trace in chart["data"] for told in trace.get("customdata", [])}
        assert best <= drawn
        assert len(drawn) <= 900
    [lines] = [chart["data"][0] for chart in charts if chart["data"][0]["type"] == "parcoords"]
    scores = lines["dimensions"][-1]["values"]
    assert len(scores) <= 400
    top = np.sort(trials["dev_score"].dropna())[::-1][:50]
    # values carry five digits
    assert np.sort(scores)[::-1][:50] == pytest.approx(top, rel=1e-4)
    words = " ".join(page.replace(str(inline_script()), "").split())
    assert "Of 20,000 trials, " in words
    assert "are drawn: the best 60 and an even sample" in words
    assert re.search(r"\d+ of 19,800 are drawn: the best 80 and an even sample from the best to the worst", words)
    assert re.search(r"Of 20,000 curves, \d+ are drawn: the best", words)
    assert "From 19,800 trials with a score, 2,000 of them looked at; 200 without a score are left out." in words


def test_what_decided_is_found(study: Study) -> None:
    found = study.importance()
    assert found["hyperparameter"][0] == "learning_rate"
    assert found["importance"][0] > 0.9


def test_one_trial_is_read_without_the_others(study: Study) -> None:
    assert study.diverged == TRIALS // 100
    assert len(study.curve(TRIALS - 1)) == EPOCHS
    assert study.to_json()["trials"] == TRIALS


def test_the_table_is_what_the_rows_say(study: Study) -> None:
    rows = study.store.trials()[::997]
    frame = study.trials.set_index("number")
    for row in rows:
        found = frame.loc[row.number]
        for name in SPACE:
            value = row.hyperparameters.get(name)
            assert found[name] == value if value is not None else found[name] != found[name] or found[name] is None
        assert found["state"] == row.state
        assert found["dev_score"] == row.dev_score or row.dev_score is None
