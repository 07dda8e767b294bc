"""`kill -9` at any moment, Ctrl-C, and a second process: `ikura resume` finishes with the undisturbed result."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..sweep import swept
from .conftest import Command, Done, rounds_decided, trials_done
from .folders import content

Run = Callable[..., Done]
Begin = Callable[..., Command]
OPTIONS = ("--target", "species", "--trials", 24, "--epochs", 60, "--schedule", "none", "--finalists", 2, "-q")
# In the coarse stage, the fine one, the finalists, and the ending.
THRICE, SIX_TIMES = (4, 16, 24), (0, 4, 12, 16, 24, 26)


@pytest.fixture(scope="module")
def whole(shell: Any, tmp_path_factory: pytest.TempPathFactory, penguins: Path) -> dict[str, Any]:
    """What a run holds that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    assert shell.begin("tune", penguins, *OPTIONS, "--out", "run", folder=folder).wait().code == 0
    return content(folder / "run")


@pytest.mark.parametrize("counts", swept({"thrice": THRICE, "six times": SIX_TIMES}, core=["thrice"]))
def test_killed_again_and_again(
    counts: tuple[int, ...],
    whole: dict[str, Any],
    begin: Begin,
    ikura: Run,
    penguins: Path,
    tmp_path: Path,
    wait_for: Any,
) -> None:
    """At each of these numbers of finished trials."""
    run, kills = tmp_path / "run", 0
    at_work = begin("tune", penguins, *OPTIONS, "--out", "run")
    for count in counts:
        wait_for(lambda count=count: (run / "config.toml").exists() and trials_done(run) >= count)
        if at_work.kill().code == -signal.SIGKILL:
            kills += 1
        at_work = begin("resume", "run", "-q", "--json")
    done = at_work.wait()
    # The last moments are short; on a busy machine the run may end before it is seen to have come there.
    assert kills >= 2 * len(counts) / 3
    assert done.code == 0, done.err
    assert content(run) == whole
    assert json.loads(done.out)["test"]["value"] == whole["test"]["value"]
    assert not list(run.rglob(".*.partial"))
    again = ikura("resume", "run", "-q", "--json")
    assert again.code == 0
    first, last = json.loads(done.out), json.loads(again.out)
    # The first result is printed before its report is written.
    for one in (first, last):
        one["seconds"].pop("report", None)
    assert last == first


def test_killed_before_the_run_was_opened(
    whole: dict[str, Any], begin: Begin, ikura: Run, penguins: Path, tmp_path: Path, wait_for: Any
) -> None:
    """What an opening leaves behind does not stand in the way of the same command again."""
    at_work = begin("tune", penguins, *OPTIONS, "--out", "run")
    wait_for((tmp_path / "run").exists)
    at_work.kill()
    command = ("resume", "run", "-q") if (tmp_path / "run" / "config.toml").exists() else ("tune", penguins, *OPTIONS)
    done = ikura(*command, *(() if command[0] == "resume" else ("--out", "run")))
    assert done.code == 0, done.err
    assert content(tmp_path / "run") == whole


def test_interrupted(
    whole: dict[str, Any], begin: Begin, ikura: Run, penguins: Path, tmp_path: Path, wait_for: Any
) -> None:
    for attempt in range(3):
        name = f"run-{attempt}"
        at_work = begin("tune", penguins, *OPTIONS, "--out", name)
        wait_for(lambda name=name: trials_done(tmp_path / name) >= 4)
        os.kill(at_work.number, signal.SIGINT)
        done = at_work.wait()
        if done.code != 0:
            break
    assert done.code == 130
    assert done.complaint == f"ikura: interrupted; `ikura resume {name}` continues where it stopped"
    assert ikura("resume", name, "-q").code == 0
    assert content(tmp_path / name) == whole


@pytest.mark.parametrize(
    ("signals", "pause"),
    [pytest.param(2, 0.0, marks=pytest.mark.sweep), (3, 0.02), pytest.param(2, 0.2, marks=pytest.mark.sweep)],
)
def test_interrupted_impatiently(
    signals: int, pause: float, whole: dict[str, Any], begin: Begin, ikura: Run, penguins: Path, tmp_path: Path,
    wait_for: Any,
) -> None:  # fmt: skip
    at_work = begin("tune", penguins, *OPTIONS, "--out", "run")
    wait_for(lambda: (tmp_path / "run" / "config.toml").exists())
    for _ in range(signals):
        os.kill(at_work.number, signal.SIGINT)
        time.sleep(pause)
    done = at_work.wait()
    assert (done.code, done.complaint) == (130, "ikura: interrupted; `ikura resume run` continues where it stopped")
    assert ikura("resume", "run", "-q").code == 0
    assert content(tmp_path / "run") == whole


@pytest.mark.sweep
@pytest.mark.parametrize("schedule", ["successive-halving", "asha", "pbt"])
def test_rounds(schedule: str, begin: Begin, ikura: Run, penguins: Path, tmp_path: Path, wait_for: Any) -> None:
    (tmp_path / "space.toml").write_text('[learning_rate]\nscale = "log"\nlow = 1e-4\nhigh = 1e-2\n')
    options = [*OPTIONS[:6], "--schedule", schedule, "--finalists", 1, "-q", "--space", "space.toml"]
    assert ikura("tune", penguins, *options, "--out", "whole").code == 0
    run = tmp_path / "run"
    at_work = begin("tune", penguins, *options, "--out", "run")
    for count in (1, 3, 5):
        wait_for(lambda count=count: rounds_decided(run) >= count)
        at_work.kill()
        at_work = begin("resume", "run", "-q")
    done = at_work.wait()
    assert done.code == 0, done.err
    assert content(run) == content(tmp_path / "whole")


def test_a_second_process_is_sent_away(
    whole: dict[str, Any], begin: Begin, ikura: Run, penguins: Path, tmp_path: Path, wait_for: Any
) -> None:
    at_work = begin("tune", penguins, *OPTIONS, "--out", "run")
    wait_for((tmp_path / "run" / "config.toml").exists)
    os.kill(at_work.number, signal.SIGSTOP)
    second = ikura("resume", "run")
    assert second.code == 2
    assert "another process is at work on this run" in second.complaint
    third = ikura("tune", penguins, *OPTIONS, "--out", "run")
    assert third.code == 2
    assert "run" in third.complaint
    os.kill(at_work.number, signal.SIGCONT)
    done = at_work.wait()
    assert done.code == 0, done.err
    assert content(tmp_path / "run") == whole


@pytest.mark.sweep
def test_two_that_begin_at_once(begin: Begin, penguins: Path, tmp_path: Path, whole: dict[str, Any]) -> None:
    both = [begin("tune", penguins, *OPTIONS, "--out", "run") for _ in range(2)]
    ended = sorted((one.wait() for one in both), key=lambda done: done.code)
    assert [done.code for done in ended] == [0, 2], [done.err for done in ended]
    assert "run" in ended[1].complaint
    assert content(tmp_path / "run") == whole


def test_two_that_begin_at_once_without_a_name(begin: Begin, penguins: Path, tmp_path: Path) -> None:
    """They may choose the same folder; then the second takes another."""
    options = ("--target", "species", "--trials", 2, "--epochs", 2, "--finalists", 0, "--no-checks", "--json", "-q")
    ended = [one.wait() for one in [begin("tune", penguins, *options) for _ in range(3)]]
    assert [done.code for done in ended] == [0] * 3, [done.err for done in ended]
    runs = [Path(json.loads(done.out)["run"]) for done in ended]
    assert len(set(runs)) == 3
    found = [content(tmp_path / run) for run in runs]
    assert found[0]["done"]
    assert found == [found[0]] * 3


def test_the_data_changed_meanwhile(begin: Begin, ikura: Run, penguins: Path, tmp_path: Path, wait_for: Any) -> None:
    copy = tmp_path / "penguins.csv"
    text = penguins.read_text()
    copy.write_text(text)
    at_work = begin("tune", copy, "--target", "species", "--epochs", 5000, "--out", "run")
    wait_for((tmp_path / "run" / "config.toml").exists)
    at_work.kill()
    copy.write_text(text.replace("Adelie", "Adele", 1))
    changed = ikura("resume", "run")
    assert changed.code == 2
    assert "the data have changed since run began" in changed.complaint
    copy.unlink()
    gone = ikura("resume", "run")
    assert gone.code == 2
    assert "the data of run are no longer there" in gone.complaint


@pytest.mark.sweep
def test_a_time_limit_still_gives_a_result(ikura: Run, tmp_path: Path) -> None:
    done = ikura(
        "tune", "digits", "--trials", 512, "--epochs", 500, "--schedule", "none", "--finalists", 1,
        "--time-limit", "2s", "--json", "-q", "--out", "run",
    )  # fmt: skip
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["test"]["value"] > 0.5
    assert (tmp_path / "run" / "model" / "model.json").exists()


def test_everything_diverges(ikura: Run, tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text(
        '[learning_rate]\nscale = "log"\nlow = 1e20\nhigh = 1e30\n[optimizer]\nvalue = "sgd"\n'
    )
    options = ("--space", "space.toml", "--trials", 8, "--epochs", 5)
    done = ikura("tune", "iris", *options, "--out", "run", "--json")
    assert done.code == 3
    assert json.loads(done.out)["best"] is None
    assert json.loads(done.out)["diverged"] == 8
    assert "no trial could be trained to its end" in done.err
    assert not (tmp_path / "run" / "model").exists()
    assert (tmp_path / "run" / "report.html").exists()
    told = ikura("resume", "run", "-q")
    assert told.code == 3
    assert "no trial could be trained to its end (8 diverged)" in told.out
    assert "model/" not in told.out
    assert "ikura predict" not in told.out
    predicted = ikura("predict", "run", "space.toml")
    assert predicted.code == 2
    assert ikura("report", "run").code == 0
