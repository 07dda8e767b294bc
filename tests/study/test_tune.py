"""What `ikura.tune` takes, and what the study says about itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

import ikura
from ikura.api.study import Study
from ikura.data import load_bundled
from ikura.errors import RunError, UsageError
from ikura.metric import METRICS

from ..sweep import swept
from .comparing import assert_replays, assert_same

Tune = Callable[..., Study]
COLUMNS = ["epoch", "train_loss", "dev_loss", "dev_score"]
TAIL = ["dev_score", "dev_loss", "train_score", "train_loss", "epochs", "best_epoch", "seconds"]


def table(folder: Path, frame: pd.DataFrame) -> Path:
    path = folder / "flowers.csv"
    frame.to_csv(path, index=False)
    return path


DATA: dict[str, Callable[[Path, pd.DataFrame], Any]] = {
    "a path": table,
    "a path as text": lambda folder, frame: str(table(folder, frame)),
    "a frame": lambda folder, frame: frame,
    "a frame with an index of its own": lambda folder, frame: frame.set_index(frame.index[::-1] * 7),
    "a frame with numbers for names": lambda folder, frame: frame.rename(columns={frame.columns[0]: 0}),
    "a frame and an array": lambda folder, frame: (frame.drop(columns="target"), frame["target"].to_numpy()),
    "a frame and a series": lambda folder, frame: (frame.drop(columns="target"), frame["target"]),
    "a frame and a list": lambda folder, frame: (frame.drop(columns="target"), frame["target"].tolist()),
    "arrays": lambda folder, frame: load_iris(return_X_y=True),
    "arrays with text classes": lambda folder, frame: (
        load_iris().data,
        load_iris().target_names[load_iris().target],
    ),
}


@pytest.mark.parametrize("form", DATA)
def test_data_of_every_form_give_the_same_study(
    form: str, tune: Tune, tmp_path: Path, flowers: pd.DataFrame, iris: Study
) -> None:
    study = tune(DATA[form](tmp_path, flowers))
    # Row order, split and features are those of the bundled set, so every number of the study is.
    assert study.best == iris.best
    assert study.test == iris.test
    pd.testing.assert_frame_equal(study.curves(), iris.curves(), check_exact=True)
    assert_replays(study, 0)


@pytest.mark.parametrize("kind", [str, object])
def test_text_classes_of_any_array_type_can_be_read_again(kind: type, tune: Tune) -> None:
    names = load_iris().target_names[load_iris().target].astype(kind)
    study = tune((load_iris().data, names), trials=4)
    assert study.model.classes == ["setosa", "versicolor", "virginica"]
    assert_replays(study, 0)


def test_a_frame_with_a_column_of_texts_and_numbers_can_be_read_again(tune: Tune, flowers: pd.DataFrame) -> None:
    study = tune(flowers.assign(mark=["a", 1] * 75), trials=4)
    assert_replays(study, 0)


def test_a_target_whose_name_is_a_number(tune: Tune) -> None:
    study = tune(
        pd.DataFrame(load_iris().data).assign(**{"4": load_iris().target}).rename(columns={"4": 4}), 4, trials=4
    )
    assert study.config["target"] == "4"
    assert_replays(study, 0)


COLUMNS_OF_EVERY_TYPE: dict[str, Any] = {
    "moment": pd.date_range("2020-01-01", periods=120, freq="D"),
    "group": np.arange(120) // 10,
    "category": pd.Categorical(["x", "y", "y"] * 40),
    "truth": np.arange(120) % 7 > 2,
    "text": pd.array(["u", "v", None, "w"] * 30, dtype="string"),
    "whole": pd.array([1, 2, None, 4, 5] * 24, dtype="Int64"),
    "a\nname, of ü kinds": np.linspace(0, 1, 120) ** 2,
    "target": np.where(np.arange(120) % 11 == 0, None, np.arange(120) % 2 > 0),
}


@pytest.mark.parametrize(
    "options", [{}, {"time": "moment"}, {"group": "group"}, {"kinds": {"whole": "category", "truth": "ignore"}}]
)
def test_columns_of_every_type_can_be_read_again(options: dict[str, Any], tune: Tune) -> None:
    frame = pd.DataFrame(COLUMNS_OF_EVERY_TYPE)
    study = tune(frame, trials=4, finalists=1, **options)
    assert study.model.predict(frame).shape == (120,)
    assert_replays(study, 0, 4)


def test_the_target_of_a_frame_and_an_array_may_be_named(tune: Tune, flowers: pd.DataFrame) -> None:
    study = tune((flowers.drop(columns="target"), flowers["target"]), "species", trials=4)
    assert study.config["target"] == "species"
    assert_replays(study, 0)


@pytest.mark.parametrize(
    ("data", "task", "metric"),
    [
        ("iris", "multiclass", "accuracy"),
        ("breast_cancer", "binary", "accuracy"),
        ("diabetes", "regression", "r2"),
    ],
)
def test_a_study_of_each_task_beats_guessing(data: str, task: str, metric: str, tune: Tune) -> None:
    study = tune(data, trials=16, epochs=10)
    assert (study.task, study.metric.name, study.test.metric) == (task, metric, metric)
    assert study.test.interval[0] <= study.test.value <= study.test.interval[1]
    assert study.best.interval[0] <= study.best.dev <= study.best.interval[1]
    # Guessing the commonest class or the mean scores 0.33, 0.63 and 0; each set is easy to do far better on.
    assert study.test.value > {"iris": 0.8, "breast_cancer": 0.85, "diabetes": 0.2}[data]
    frame, _ = load_bundled(data)
    assert study.model.predict(frame).shape == (len(frame),)


@pytest.mark.parametrize("task", swept(["breast_cancer", "iris", "diabetes"], core=["breast_cancer"]))
def test_any_metric_of_the_task_can_choose(task: str, tune: Tune) -> None:
    kind = {"breast_cancer": "binary", "iris": "multiclass", "diabetes": "regression"}[task]
    for name, metric in METRICS.items():
        if kind not in metric.tasks:
            continue
        study = tune(task, metric=name, trials=5, finalists=0, epochs=3, search="random", checks=False)
        done = study.trials.query("state == 'complete'")
        best = done["dev_score"].max() if metric.greater_is_better else done["dev_score"].min()
        assert study.best.dev == best, name
        assert study.test.metric == name


def test_float64_is_another_study_of_the_same_trials(tune: Tune, iris: Study) -> None:
    study = tune(dtype="float64", trials=4)
    single = tune(trials=4)
    assert study.trials["learning_rate"].equals(single.trials["learning_rate"])
    assert not study.curve(0)["dev_loss"].equals(single.curve(0)["dev_loss"])
    assert study.model.network.layers[0].weight.dtype.itemsize == 8
    assert_replays(study, 0, 5)


def test_the_table_of_trials(iris: Study) -> None:
    trials = iris.trials
    names = [name for name in iris.space if name in trials.columns]
    assert list(trials.columns) == ["number", "state", "purpose", "parent", "stage", *names, *TAIL]
    assert trials["number"].tolist() == list(range(len(trials)))
    assert trials["purpose"].tolist() == ["search"] * 8 + ["finalist"] * 6
    assert set(trials["state"]) <= {"complete", "diverged"}
    assert all(trials[name].dtype == np.float64 for name in ("dev_score", "dev_loss", "train_score", "train_loss"))
    assert trials["seconds"].dtype == np.float64
    assert (trials["seconds"] > 0).all()
    assert trials["number"].dtype == trials["stage"].dtype == trials["epochs"].dtype == np.int64
    assert trials["parent"].dtype == trials["best_epoch"].dtype == pd.Int64Dtype()
    assert trials["parent"].isna().tolist() == [True] * 8 + [False] * 6
    assert trials["learning_rate"].dtype == np.float64
    assert iris.diverged == (trials["state"] == "diverged").sum()


def test_scores_are_those_of_the_epoch_with_the_lowest_dev_loss(iris: Study) -> None:
    for row in iris.trials.to_dict("records"):
        curve = iris.curve(row["number"])
        assert len(curve) == row["epochs"]
        best = int(np.nanargmin(curve["dev_loss"]))
        assert row["best_epoch"] == best + 1 == curve["epoch"][best]
        assert row["dev_loss"] == curve["dev_loss"][best]
        assert row["dev_score"] == curve["dev_score"][best]


def test_curves_hold_the_curve_of_each_trial(iris: Study) -> None:
    curves = iris.curves()
    assert list(curves.columns) == ["number", *COLUMNS]
    for number in iris.trials["number"]:
        curve = iris.curve(number)
        assert list(curve.columns) == COLUMNS
        assert curve["epoch"].tolist() == list(range(1, len(curve) + 1))
        pd.testing.assert_frame_equal(
            curves[curves["number"] == number].drop(columns="number").reset_index(drop=True), curve, check_exact=True
        )
    pd.testing.assert_frame_equal(
        iris.curves([3, 1]), curves[curves["number"].isin([1, 3])].reset_index(drop=True), check_exact=True
    )


@pytest.mark.parametrize("number", [-1, 14])
def test_a_trial_that_is_not_there_is_refused(number: int, iris: Study) -> None:
    for ask in (iris.curve, iris.replay):
        with pytest.raises(UsageError, match=rf"no trial {number}: the study has trials 0 to 13"):
            ask(number)


def test_the_best_is_the_finalist_with_the_best_mean(iris: Study) -> None:
    finalists = iris.trials[iris.trials["purpose"] == "finalist"]
    means = finalists.groupby("parent")["dev_score"].mean()
    losses = finalists.groupby("parent")["dev_loss"].mean()
    top = means[means == means.max()].index
    assert iris.best.number == losses[top].idxmin()
    # Three scores added in another order differ in the last bits of a number below 1.
    assert math.isclose(iris.best.dev, means.max(), abs_tol=1e-15)
    row = iris.trials.loc[iris.best.number]
    assert row["purpose"] == "search"
    assert all(row[name] == value for name, value in iris.best.hyperparameters.items())


def test_finalists_are_the_best_trials_of_the_search(iris: Study) -> None:
    search = iris.trials[iris.trials["purpose"] == "search"]
    order = search.sort_values(["dev_score", "dev_loss", "number"], ascending=[False, True, True])["number"].tolist()
    assert set(iris.trials["parent"].dropna()) == set(order[:2])
    assert iris.trials["parent"].value_counts().tolist() == [3, 3]


def test_the_stages_and_where_they_searched(iris: Study) -> None:
    assert [(s.name, s.trials, s.epochs) for s in iris.stages] == [("coarse", 4, 5), ("fine", 4, 5)]
    low, high = iris.space["learning_rate"].low, iris.space["learning_rate"].high
    assert iris.stages[0].region == {}
    inside = iris.stages[1].region["learning_rate"]
    assert low <= inside[0] < inside[1] <= high
    assert iris.trials["stage"].tolist()[:8] == [0] * 4 + [1] * 4


def test_seconds_are_told_by_stage(iris: Study) -> None:
    assert {"read", "coarse", "fine", "finalists", "test", "report"} <= set(iris.seconds)
    assert all(seconds >= 0 for seconds in iris.seconds.values())


def test_what_was_read_and_decided_is_kept(iris: Study) -> None:
    assert iris.summary["rows"] == 150
    assert iris.summary["parts"] == {"train": 90, "dev": 30, "test": 30}
    assert iris.config["trials"] == 8
    assert iris.config["seed"] == 0
    assert iris.config["target"] == "target"
    assert iris.space.dimensions == ["learning_rate"]
    assert "learning_rate" in iris.space_note
    assert (iris.run / "report.html").is_file()


def test_the_json_object(iris: Study) -> None:
    found = iris.to_json()
    assert set(found) == {
        "run", "task", "positive", "rows", "trials", "best", "test", "seconds", "diverged", "frozen", "stopping",
        "sparsity", "checks", "infeasible", "objectives", "pareto", "choice", "rounds", "widened", "diagnosis",
        "prescriptions", "decisions", "measures",
        "ensemble", "baselines", "calibration", "reliability", "intervals", "bounds",
    }  # fmt: skip
    assert set(found["best"]) == {"number", "hyperparameters", "dev", "dev_corrected", "next", "note", "changed"}
    assert set(found["best"]["dev"]) == {"metric", "value", "interval"}
    assert set(found["test"]) == {"metric", "value", "interval", "note"}
    assert (found["rows"], found["trials"], found["task"]) == (150, 8, "multiclass")
    assert found["diverged"] == iris.diverged
    assert found["best"]["dev"]["value"] == iris.best.dev
    assert found["test"]["value"] == iris.test.value
    assert found["run"] == str(iris.run)


def test_predictions_are_those_of_the_test_score(iris: Study) -> None:
    found = iris.predictions
    assert found["classes"] == ["setosa", "versicolor", "virginica"]
    hits = np.mean(np.array(found["target"]) == np.array(found["prediction"]))
    # A score in single precision has 24 bits.
    assert math.isclose(hits, iris.test.value, abs_tol=2**-24)


def test_plain_random_search_trains_every_trial_to_the_end_and_nothing_else(tune: Tune) -> None:
    told: list[tuple[str, int]] = []

    class Listener(ikura.Progress):
        def start(self, stage: str, total: int) -> None:
            told.append((stage, total))

    options = {"schedule": "none", "finalists": 0, "search": "random", "space": {"learning_rate": ikura.log(1e-3, 0.1)}}
    study = tune(**options, trials=12, epochs=7, progress=Listener())
    assert told == [("random", 84)]
    assert study.trials["purpose"].tolist() == ["search"] * 12
    assert study.trials["epochs"].tolist() == [7] * 12
    assert study.trials["state"].tolist() == ["complete"] * 12
    assert len(study.curves()) == 84
    top = study.trials.sort_values(["dev_score", "dev_loss", "number"], ascending=[False, True, True]).iloc[0]
    assert study.best.number == top["number"]
    assert study.best.dev == top["dev_score"]


def test_the_same_seed_gives_the_same_study(tune: Tune, iris: Study) -> None:
    assert_same(tune(), iris)


def test_another_seed_gives_another_study(tune: Tune, iris: Study) -> None:
    other = tune(seed=1)
    assert not set(other.trials["learning_rate"]) & set(iris.trials["learning_rate"])
    assert other.summary["parts"] == iris.summary["parts"]


@pytest.mark.parametrize("schedule", ["early-stopping", "none", "successive-halving"])
def test_the_number_of_jobs_changes_nothing(schedule: str, tune: Tune) -> None:
    options = {"trials": 24, "epochs": 6, "schedule": schedule}
    alone = tune(jobs=1, **options)
    for jobs in (2, 3):
        assert_same(tune(jobs=jobs, **options), alone)


def test_the_caller_s_random_numbers_and_threads_are_left_alone(tune: Tune) -> None:
    import torch

    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    np.random.seed(3)
    first = np.random.get_state()[1].tolist()
    threads = torch.get_num_threads()
    tune(trials=4, network=lambda hp: torch.nn.Linear(hp.inputs, hp.outputs))
    assert torch.equal(torch.rand(2), expected)
    assert np.random.get_state()[1].tolist() == first
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"trials": 0}, "trials must be a whole number of at least 1, but is 0"),
        ({"trials": 2.5}, "trials must be a whole number of at least 1, but is 2.5"),
        ({"trials": True}, "trials must be a whole number of at least 1, but is True"),
        ({"epochs": -1}, "epochs must be a whole number of at least 1, but is -1"),
        ({"finalists": -1}, "finalists must be a whole number of at least 0, but is -1"),
        ({"seed": -1}, "seed must be a whole number of at least 0, but is -1"),
        ({"jobs": 0}, "jobs must be a whole number of at least 1, but is 0"),
        ({"time_limit": 0}, "time_limit must be above 0 seconds, but is 0"),
        ({"time_limit": math.nan}, "time_limit must be above 0 seconds, but is nan"),
        ({"dtype": "float16"}, "dtype must be float32 or float64, but is 'float16'"),
        ({"search": "randm"}, "did you mean 'random'?"),
        ({"schedule": "nonne"}, "did you mean 'none'?"),
        ({"metric": "acuracy"}, "did you mean 'accuracy'?"),
        ({"metric": "rmse"}, "rmse"),
        ({"task": "regresion"}, "did you mean 'regression'?"),
        ({"device": "no such device"}, "device 'no such device' cannot be used here"),
        ({"device": "meta"}, "device 'meta' cannot be used here: 'meta' computes nothing"),
        ({"space": {"lerning_rate": 0.1}}, "did you mean 'learning_rate'?"),
        ({"space": {"learning_rate": "fast"}}, "learning_rate"),
        ({"space": {"learning_rate": ikura.linear(-1, 1)}}, "learning_rate"),
        ({"space": {"learning_rate": 0.1, "dropout": 1.0}}, "dropout"),
        ({"space": {"learning_rate": 0.1, "optimizer": ikura.choice("adam", "adamm")}}, "did you mean 'adam'?"),
        ({"space": {"learning_rate": 0.1, "activation": ikura.choice("relu", "rel")}}, "did you mean 'relu'?"),
        ({"space": {"learning_rate": 0.1, "initialisation": "hee"}}, "did you mean 'he'?"),
        ({"group": "no column"}, "no group column 'no column'"),
        ({"kinds": {"sepal_lenth": "category"}}, "did you mean 'sepal_length'?"),
    ],
)
def test_a_wrong_argument_is_one_line_and_leaves_nothing(
    options: dict[str, Any], line: str, tune: Tune, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        tune(**options)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_a_run_is_not_overwritten(tune: Tune, tmp_path: Path) -> None:
    study = tune(trials=4)
    with pytest.raises(RunError, match="holds another run"):
        tune(trials=5, out=study.run)
    assert len(ikura.open_study(study.run).trials.query("purpose == 'search'")) == 4


def test_a_folder_that_is_a_file_is_refused(tune: Tune, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(RunError, match="the output folder is a file"):
        tune(out=tmp_path / "taken")
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_folder_that_would_hide_its_bundled_data_is_refused(
    tune: Tune, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RunError, match="wine: a folder of that name would hide the data set wine"):
        tune("wine", out="wine")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_and_one_with_other_files_can_be_used(tune: Tune, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    assert tune(trials=4, out=tmp_path / "mine").best is not None
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"


def test_without_out_each_run_gets_a_folder_of_its_own(tune: Tune, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [tune(trials=4, finalists=0, out=None).run for _ in range(3)]
    assert len(set(runs)) == 3
    assert all(run.parent == tmp_path / "runs" and run.name.startswith("iris-") for run in runs)


def test_progress_hears_of_every_stage(tune: Tune) -> None:
    heard: list[tuple[Any, ...]] = []

    class Listener(ikura.Progress):
        def opened(self, run: str | Path) -> None:
            heard.append(("opened", (Path(run) / "config.toml").is_file()))

        def say(self, line: str) -> None:
            heard.append(("say", line))

        def start(self, stage: str, total: int) -> None:
            heard.append(("start", stage, total))

        def update(self, done: int, trials: int, best: float | None) -> None:
            heard.append(("update", done, trials, best))

        def finish(self) -> None:
            heard.append(("finish",))

    study = tune(progress=Listener())
    assert ("opened", True) in heard
    said = [entry[1] for entry in heard if entry[0] == "say"]
    assert said[0].startswith("150 rows, 4 features (4 numeric); multiclass target 'target'")
    assert [entry for entry in heard if entry[0] in ("start", "finish")] == [
        ("start", "coarse", 20),
        ("finish",),
        ("start", "fine", 20),
        ("finish",),
        ("start", "finalists", 30),
        ("finish",),
    ]
    for stage, total, trials in (("coarse", 20, 4), ("fine", 20, 4), ("finalists", 30, 6)):
        begin = heard.index(("start", stage, total))
        updates = [entry for entry in heard[begin : heard.index(("finish",), begin)] if entry[0] == "update"]
        assert [entry[1] for entry in updates] == sorted(entry[1] for entry in updates)
        assert updates[-1][1:3] == (total, trials)
    bests = [entry[3] for entry in heard if entry[0] == "update" and entry[3] is not None]
    assert bests == sorted(bests)
    assert bests[-1] == study.trials["dev_score"].max()


def test_a_configuration_comes_twice_only_if_it_trained_longer(tune: Tune) -> None:
    study = tune("digits", trials=24, epochs=30, seed=3)
    rows = study.trials[study.trials["purpose"] == "search"]
    names = list(study.searched)
    again = 0
    for _, alike in rows.groupby(names, dropna=False):
        again += len(alike) - 1
        assert alike["epochs"].is_unique
    assert again > 0
