"""What newcomers run into: a folder that is taken, a test score that is to be read, a metric of a wrong shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn

import ikura
from ikura.cli import main
from ikura.errors import RunError, UsageError
from ikura.metric import own_metric
from ikura.plugins import KINDS

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(80, 4)).astype(np.float32)
Y = (X.sum(1) > 0).astype(int)


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in KINDS.values():
        monkeypatch.setattr(registry, "registered", {})


@pytest.fixture
def tune(tmp_path: Path) -> Callable[..., ikura.Study]:
    def call(**more: Any) -> ikura.Study:
        usual: dict[str, Any] = {"space": {"learning_rate": ikura.log(0.01, 0.1)}, "trials": 2, "epochs": 2}
        usual |= {"finalists": 0, "search": "random", "jobs": 1, "checks": False, "out": tmp_path / "run"}
        return ikura.tune((X, Y), **{**usual, **more})

    return call


def test_a_run_is_replaced_where_that_is_asked_for(tune: Callable[..., ikura.Study], tmp_path: Path) -> None:
    run = tune().run
    (run / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match=r"another run; go on with it .*, replace it \(--overwrite, overwrite=True"):
        tune()
    with pytest.raises(UsageError, match="there is no metric"):
        tune(overwrite=True, metric="accuracies")
    assert len(ikura.open_study(run).trials) == 2
    study = tune(overwrite=True, trials=3)
    assert len(study.trials) == 3
    assert (run / "notes.txt").read_text() == "mine"
    study = tune(overwrite=True, network=lambda hp: nn.Linear(hp.inputs, hp.outputs))
    assert not list((run / "snapshots").glob("stage*"))
    assert study.ways


def test_only_runs_are_replaced(tune: Callable[..., ikura.Study], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "model").mkdir()
    (folder / "model" / "weights").write_text("precious")
    with pytest.raises(RunError, match="holds model of another origin"):
        tune(overwrite=True)
    (folder / "config.toml").write_text("title = 'another program'\n")
    with pytest.raises(RunError, match="not a setting of ikura"):
        tune(overwrite=True)
    assert (folder / "model" / "weights").read_text() == "precious"


def test_data_of_the_run_itself_are_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = "--trials 2 --epochs 2 --finalists 0 --jobs 1 --no-checks -q --out run"
    assert main(f"tune iris {options}".split()) == 0
    (tmp_path / "run" / "more.csv").write_text("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(60)))
    assert main(f"tune run/more.csv {options} --overwrite".split()) == 2
    assert main(f"tune wine {options}".split()) == 2
    assert main(f"tune wine {options} --overwrite".split()) == 0
    assert ikura.open_study("run").summary["source"].startswith("wine")


def test_the_test_score_is_a_sentence(tune: Callable[..., ikura.Study]) -> None:
    test = tune().test
    assert test is not None
    low, high = test.interval
    assert str(test) == f"test accuracy {test.value:.4g} (95 % interval {low:.4g} to {high:.4g})"


def each_row(prediction: Tensor, target: Tensor) -> Tensor:
    return (prediction - target).abs()


def misfit(prediction: Tensor, target: Tensor) -> Tensor:
    return (prediction @ target[:3]).sum()


@pytest.mark.parametrize("own", [None, lambda hp: nn.Linear(hp.inputs, hp.outputs)])
def test_a_metric_of_a_wrong_shape_is_refused_before_training(
    own: Any, tune: Callable[..., ikura.Study], tmp_path: Path
) -> None:
    one_number = r"values of shape \(16,\), but a metric is one number"
    for function, message in ((each_row, one_number), (misfit, "fails on predictions of shape")):
        metric = own_metric(function, greater_is_better=False)
        for where in ({"metric": metric}, {"metrics": [metric]}):
            with pytest.raises(UsageError, match=message):
                tune(network=own, **where)
    assert not (tmp_path / "run").exists()


def test_what_one_call_brought_is_not_offered_to_the_next(tune: Callable[..., ikura.Study]) -> None:
    tune(metrics=[own_metric(lambda p, y: (p - y).abs().mean(), "mine", greater_is_better=False)])
    with pytest.raises(UsageError) as told:
        tune(metric="accuracies", out=None)
    assert "roc_auc" in str(told.value)
    assert "mine" not in str(told.value)
    ikura.register("metric", "registered", own_metric(each_row, "registered", greater_is_better=True))
    with pytest.raises(UsageError, match="registered"):
        tune(metric="accuracies", out=None)
