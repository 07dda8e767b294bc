"""The benchmark of searches: the same work for all, times that are only partly known, and going on where it stopped."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, r2_score
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks.contenders._base import Log
from benchmarks.contenders.pytorch import Examples, Trial
from benchmarks.contenders.sklearn_halving import candidate
from benchmarks.contest import CONTENDERS, contender, end, trace_of
from benchmarks.plain import network, optimiser
from benchmarks.runs import Book, Run, best_known, pending, target
from benchmarks.search import main
from benchmarks.standing import quartiles, ratio, standings, text
from benchmarks.tasks import SPLIT_SEED, TASKS, Parts, kinds, load, write
from ikura.data.options import DataOptions

ROOT = Path(__file__).resolve().parents[2]


def run(
    contender: str, seed: int, *trace: tuple[float, float], seconds: float = 10.0, purpose: str = "timed", **more: Any
) -> Run:
    return Run("digits", contender, seed, purpose, 10.0, seconds, list(trace), {"imported": 0.5}, **more)


def test_one_percent() -> None:
    assert target(0.9) == pytest.approx(0.891)
    assert target(-2.0) == pytest.approx(-2.02)


def test_a_run_that_was_ended_too_early_runs_again() -> None:
    runs = [run("a", 0, (1.0, 0.80), (2.0, 0.90), seconds=2.0), run("b", 0, (3.0, 0.5))]
    assert best_known(runs, "digits") == 0.90
    assert pending(runs, ["digits"], 1, ["a", "b"], 10.0) == []
    # A reference run finds 0.92, so that 0.9108 is the target: a, ended at 0.90, is not known to miss it.
    runs.append(run("c", 7, (9.0, 0.92), purpose="reference"))
    assert pending(runs, ["digits"], 1, ["a", "b"], 10.0) == [("digits", 0, "a")]
    # A longer limit asks for all that did not reach it; seeds come one after another, contenders in turns.
    assert pending(runs, ["digits"], 2, ["a", "b"], 20.0) == [
        ("digits", 0, "a"), ("digits", 0, "b"), ("digits", 1, "b"), ("digits", 1, "a")
    ]  # fmt: skip
    runs[0] = run("a", 0, failure="no memory", seconds=1.0)
    assert pending(runs, ["digits"], 1, ["a", "b"], 10.0) == []


def test_book_goes_on_after_a_line_that_was_cut_off(tmp_path: Path) -> None:
    book = Book(tmp_path)
    book.add(run("a", 0, (1.0, 0.5)))
    book.add(run("a", 1))
    book.add(run("a", 0, (1.0, 0.5), (2.0, 0.75)))
    with book.path.open("a") as stream:
        stream.write('{"task": "dig')
    again = Book(tmp_path)
    assert sorted((one.seed, one.best) for one in again.runs if one.trace) == [(0, 0.75)]
    assert len(again.runs) == 2
    again.add(run("a", 2))
    assert {one.seed for one in Book(tmp_path).runs} == {0, 1, 2}


def test_trace_is_the_best_of_all_processes(tmp_path: Path) -> None:
    begun = time.monotonic()
    one, other = Log(tmp_path / "log"), Log(tmp_path / "log")
    one.note("imported")
    for log, score in ((one, 0.5), (other, 0.4), (other, 0.6), (one, 0.55), (one, 0.7), (one, math.nan), (one, None)):
        log.score(score)
    lines = (tmp_path / "log").read_text().splitlines(keepends=True)
    assert len(lines) == 6
    trace, events = trace_of([*lines, '{"at": 1'], begun)
    assert [score for _, score in trace] == [0.5, 0.6, 0.7]
    assert list(events) == ["imported"]
    assert all(0 <= at <= time.monotonic() - begun for at, _ in trace)


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=12), st.integers(0, 12))
def test_quartiles_with_times_beyond_the_limit(times: list[float], beyond: int) -> None:
    beyond = min(beyond, len(times))
    known = [*times[beyond:], *[math.inf] * beyond]
    first, middle, last = quartiles(known)
    assert first <= middle <= last
    # However long the unknown times are, the median is known exactly when it is the same for two guesses of them.
    guesses = [float(np.median([*times[beyond:], *[guess] * beyond])) for guess in (1e3, 1e6)]
    if guesses[0] == guesses[1]:
        assert middle == guesses[0]
    else:
        assert middle == math.inf
    assert {first, last} <= set(known)


def test_standings_by_hand() -> None:
    runs = [
        *(run("ikura", seed, (at, 0.9), seconds=at) for seed, at in enumerate((1.0, 2.0, 3.0))),
        *(run("optuna", seed, (at, 0.9), seconds=at) for seed, at in enumerate((4.0, 6.0, 9.0))),
        *(run("sklearn", seed, (1.0, 0.5)) for seed in range(2)),
        run("sklearn", 2, (5.0, 0.9), seconds=5.0),
        run("optuna", 99, (5.0, 0.9), purpose="reference"),
    ]
    who = [CONTENDERS[name] for name in ("ikura", "optuna", "sklearn")]
    figures = standings(runs, ["digits"], who, 3, 10.0)
    row = figures["tasks"]["digits"]
    assert row["contenders"]["ikura"]["quartiles"] == (1.0, 2.0, 3.0)
    assert row["contenders"]["ikura"]["quartiles_after_imports"] == (0.5, 1.5, 2.5)
    assert row["contenders"]["sklearn"]["reached"] == 1
    assert row["contenders"]["sklearn"]["quartiles"] == (5.0, math.inf, math.inf)
    assert row["best_peer"] == "optuna"
    assert (row["against_best_peer"]["value"], row["against_best_peer"]["bound"]) == (3.0, "")
    assert (row["ratios"]["sklearn"]["value"], row["ratios"]["sklearn"]["bound"]) == (5.0, "≥")
    low, high = row["ratios"]["optuna"]["interval"]
    assert 4 / 3 <= low < 3.0 < high <= 9.0
    assert figures["median_ratio"] == 3.0
    assert figures["lost"] == []
    shown = text(figures)
    assert "> 10 (5.00 to > 10), 1/3" in shown
    assert "≥ 5.00" in shown
    assert ratio(math.inf, math.inf, 10.0) is None
    slow = standings(runs, ["digits"], [CONTENDERS["ikura"], CONTENDERS["optuna"]], 1, 0.5)
    assert slow["median_ratio"] is None


def test_names_of_contenders() -> None:
    assert contender("ikura:halton").options == ("--search", "halton")
    for wrong in ("ikura:", "optunna", "optuna:tpe", "ikura:a:b:c"):
        with pytest.raises(ValueError, match="choose from"):
            contender(wrong)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_end_reaches_sessions_of_their_own(tmp_path: Path) -> None:
    child = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], start_new_session=True)"
    process = subprocess.Popen([sys.executable, "-c", parent])
    deadline = time.monotonic() + 20
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    pid = int((tmp_path / "pid").read_text())
    end(process)
    assert process.poll() is not None
    stat = Path(f"/proc/{pid}/stat")
    assert not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"


def small(task: str, seed: int = 0) -> Parts:
    random = np.random.default_rng(seed)
    x = random.standard_normal((60, 5)).astype(np.float32)
    classes = (x[:, 0] > 0).astype(np.int64) + (2 * (x[:, 1] > 0.5) if task == "multiclass" else 0)
    y = classes if task == "multiclass" else classes.astype(np.float32) if task == "binary" else x[:, 0] - x[:, 1]
    return Parts(task, 4 if task == "multiclass" else 1, x[:40], y[:40], x[40:], y[40:])


HP: dict[str, Any] = {
    "learning_rate": 0.05, "optimizer": "momentum", "momentum": 0.0, "activation": "tanh", "layers": 2, "units": 6,
    "batch_size": 40, "dropout": 0.0, "l2": 0.3,
}  # fmt: skip


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_scikit_learn_takes_the_same_step(task: str) -> None:
    parts, regression = small(task), task == "regression"
    kind = MLPRegressor if regression else MLPClassifier
    # Its squared error is halved: twice the learning rate makes the same step.
    rate = HP["learning_rate"] * (2 if regression else 1)
    arguments = candidate(HP | {"learning_rate": rate}, regression)
    theirs = kind(**arguments, shuffle=False, random_state=0)
    x, y = parts.train_x.astype(np.float64), parts.train_y.astype(np.float64 if regression else np.int64)
    classes = {} if regression else {"classes": np.unique(y)}
    theirs.partial_fit(x, y, **classes)
    net = network(5, parts.outputs, HP).double()
    layers = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    with torch.no_grad():
        for layer, weight, bias in zip(layers, theirs.coefs_, theirs.intercepts_, strict=True):
            layer.weight.copy_(torch.from_numpy(weight.T.copy()))
            layer.bias.copy_(torch.from_numpy(bias.copy()))
    theirs.partial_fit(x, y, **classes)
    examples = Examples(parts)
    update = optimiser(net, HP)
    goal = examples.train_y.double() if task != "multiclass" else examples.train_y
    examples.loss(net(torch.from_numpy(x)), goal).backward()
    update.step()
    for layer, weight, bias in zip(layers, theirs.coefs_, theirs.intercepts_, strict=True):
        # One step in double precision of sums of 40 terms: within 1e-12.
        np.testing.assert_allclose(layer.weight.detach().numpy().T, weight, rtol=0, atol=1e-12)
        np.testing.assert_allclose(layer.bias.detach().numpy(), bias, rtol=0, atol=1e-12)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_peers_learn_and_are_scored_like_everybody(task: str) -> None:
    parts = small(task)
    examples = Examples(parts)
    trial = Trial(examples, HP | {"l2": 0.0, "momentum": 0.9, "batch_size": 8}, 0)
    for _ in range(40):
        trial.epoch()
    assert not trial.diverged
    assert trial.best > 0.7
    with torch.inference_mode():
        z = trial.net(examples.dev_x)
    if task == "regression":
        # Sums of 20 terms in single precision.
        assert examples.score(z) == pytest.approx(r2_score(parts.dev_y, z[:, 0]), abs=1e-5)
    else:
        answer = z.argmax(1) if task == "multiclass" else z[:, 0] > 0
        assert examples.score(z) == pytest.approx(accuracy_score(parts.dev_y, answer), abs=1e-6)
    exploding = Trial(examples, HP | {"learning_rate": 1e9, "momentum": 0.9}, 0)
    while not exploding.diverged and exploding.epochs < 30:
        exploding.epoch()
    assert exploding.diverged


def test_ikura_splits_the_table_as_it_was_split(tmp_path: Path) -> None:
    from ikura.data import prepare

    sizes = write(TASKS["penguins"], tmp_path)
    parts = load("penguins", tmp_path)
    for seed in (0, 1):
        again = prepare(
            tmp_path / "penguins.parquet",
            DataOptions("target", time="part", kinds=kinds("penguins", tmp_path)),
            seed=seed,
        )
        assert (len(again.train), len(again.dev), len(again.test)) == (sizes["train"], sizes["dev"], sizes["test"])
        for ours, theirs in ((again.train, (parts.train_x, parts.train_y)), (again.dev, (parts.dev_x, parts.dev_y))):
            assert np.array_equal(ours.x, theirs[0])
            assert np.array_equal(ours.y, theirs[1])
    data, target_name = TASKS["penguins"].data()
    first = prepare(data, DataOptions(target_name), seed=SPLIT_SEED)
    assert np.array_equal(first.dev.y, parts.dev_y)


def search(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.search", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False, env=os.environ | {"PYTHONWARNINGS": ""},
    )  # fmt: skip


@pytest.mark.sweep
def test_command_goes_on_and_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path / "results")]
    options = ["--tasks", "penguins", "--limit", "4", "--reference", "0", "--contenders", "ikura-random", "sklearn"]
    done = search(*options, "--seeds", "1", "--json", *out)
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)["tasks"]["penguins"]
    assert set(row["contenders"]) == {"ikura-random", "sklearn"}
    assert all(one["seeds"] == [0] and not one["failed"] for one in row["contenders"].values())
    runs = (tmp_path / "results" / "runs.jsonl").read_text()
    assert {path.name for path in (tmp_path / "results").iterdir()} >= {"results.md", "results.json", "results.html"}
    for wrong, words in (
        ((*options, "--seeds", "1", *out), "--resume"),
        (("--contenders", "optunna", *out), "no contender 'optunna'"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main(list(wrong))
        assert words in capsys.readouterr().err.splitlines()[-1]
    main([*options, "--seeds", "1", "--table", *out])
    assert "| penguins |" in capsys.readouterr().out
    assert (tmp_path / "results" / "runs.jsonl").read_text() == runs
