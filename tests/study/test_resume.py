"""A study that was killed, at whatever moment, is resumed to the result it would have had."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import nn

import ikura
from ikura.api.study import Study
from ikura.errors import RunError
from ikura.population.job import Job
from ikura.study.record.setting import Setting

from ..sweep import swept
from .comparing import assert_same
from .dying import KilledError, Life
from .unreported import short_report

Tune = Callable[..., Study]


def noisy(hp: Any) -> nn.Module:
    return nn.Sequential(
        nn.Linear(hp.inputs, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.2), nn.Linear(6, hp.outputs)
    )


PICTURES = (np.random.default_rng(0).integers(0, 256, (40, 1, 6, 6)).astype(np.uint8), np.arange(40) % 2)
CHANNELS = {"learning_rate": ikura.log(1e-3, 0.1), "channels": 4, "units": 8}
BASE: dict[str, Any] = {"data": "iris", "trials": 8, "epochs": 4, "finalists": 1, "jobs": 1}
HALVING = {"schedule": "successive-halving", "search": "random", "trials": 8, "epochs": 9}
SPREAD = {"learning_rate": ikura.log(1e-2, 1e4), "optimizer": "sgd"}
AVERAGED = {"learning_rate": ikura.log(1e-3, 1), "ema_decay": ikura.choice(0.0, 0.5, 0.95)}
KINDS: dict[str, dict[str, Any]] = {
    "coarse to fine": BASE,
    "without finalists": BASE | {"finalists": 0, "trials": 4},
    "successive halving, some diverge": BASE | HALVING | {"space": SPREAD},
    "hyperband": BASE | {"schedule": "hyperband", "search": "random", "trials": 12, "epochs": 9},
    "asha, some diverge": BASE | HALVING | {"schedule": "asha", "space": SPREAD},
    "racing, some diverge": BASE | HALVING | {"schedule": "racing", "space": SPREAD, "trials": 12},
    "pbt": BASE | HALVING | {"schedule": "pbt", "space": {"learning_rate": ikura.log(1e-3, 1), "dropout": 0.1}},
    "own networks": BASE | {"network": noisy},
    "own networks, successive halving, some diverge": BASE | HALVING | {"network": noisy, "space": SPREAD},
    "images, two jobs": BASE | {"data": PICTURES, "epochs": 2, "space": CHANNELS, "jobs": 2},
    "own networks, two jobs": BASE | {"network": noisy, "jobs": 2},
    "images, hyperband, two jobs": BASE
    | HALVING
    | {"data": PICTURES, "schedule": "hyperband", "space": CHANNELS, "jobs": 2, "epochs": 3},
    "autopilot, two jobs": BASE | {"jobs": 2, "auto": True},
    "averaged weights, asha": BASE | HALVING | {"schedule": "asha", "space": AVERAGED},
    "averaged weights, own networks, pbt": BASE
    | HALVING
    | {"schedule": "pbt", "network": noisy, "space": AVERAGED | {"ema_decay": ikura.log_complement(0.5, 0.99)}},
    "own networks, pbt, some diverge": BASE | HALVING | {"schedule": "pbt", "network": noisy, "space": SPREAD},
}
CORE = ["coarse to fine", "asha, some diverge", "own networks, pbt, some diverge", "autopilot, two jobs",
        "averaged weights, asha"]  # fmt: skip


@pytest.fixture(autouse=True)
def _eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots after every epoch, states after every round, and tiles of four."""
    monkeypatch.setattr("ikura.study.training_states.SECONDS", 0.0)
    monkeypatch.setattr("ikura.study.tile_queue.Job", partial(Job, snapshot_seconds=0.0))
    monkeypatch.setattr("ikura.api.run.measure_tile_size", lambda *_: 4)


def begin(run: Path, kind: str) -> Study:
    return ikura.tune(out=run, **KINDS[kind])


def go_on(run: Path, kind: str) -> Study:
    """What the user would do: resume, or begin anew when the run had not been opened yet."""
    if (run / "config.toml").exists():
        return ikura.resume(run, KINDS[kind].get("network"))
    return begin(run, kind)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Study, int]]:
    """Studies that nothing disturbed, and how many durable steps they took."""
    made: dict[str, tuple[Study, int]] = {}

    def make(kind: str) -> tuple[Study, int]:
        if kind not in made:
            with pytest.MonkeyPatch.context() as patch, short_report():
                patch.setattr("ikura.study.tile_queue.Job", partial(Job, snapshot_seconds=0.0))
                patch.setattr("ikura.study.training_states.SECONDS", 0.0)
                patch.setattr("ikura.api.run.measure_tile_size", lambda *_: 4)
                life = Life(patch)
                made[kind] = begin(tmp_path_factory.mktemp("whole") / "run", kind), life.done
        return made[kind]

    return make


def kill_after(steps: int, run: Path, kind: str, step: Callable[[Path, str], Study]) -> bool:
    """Whether the study was killed, rather than finished, within these steps."""
    with pytest.MonkeyPatch.context() as patch:
        Life(patch, steps)
        try:
            step(run, kind)
        except KilledError:
            return True
    return False


@pytest.mark.parametrize("kind", swept(list(KINDS), core=CORE))
@pytest.mark.parametrize("moments", swept([2, 4], core=["2"]))
def test_killed_at_any_step_and_resumed(moments: int, kind: str, whole: Any, tmp_path: Path) -> None:
    reference, total = whole(kind)
    if "diverge" in kind:
        assert reference.diverged
    # Spread over the whole run; the last steps, where the study is chosen, tested and closed, are all taken.
    last = moments + 1
    points = sorted({*np.linspace(0, total - last, moments + 1).astype(int).tolist(), *range(total - last, total)})
    for point in points:
        run = tmp_path / str(point)
        killed = kill_after(point, run, kind, begin)
        # With two jobs the order of outcomes decides how often the best weights are written anew.
        assert killed or "two jobs" in kind, f"not killed after {point} of {total} steps"
        assert_same(go_on(run, kind), reference)
        assert not list(run.rglob(".*.partial"))
        shutil.rmtree(run)


@pytest.mark.parametrize(
    "kind", swept(["asha, some diverge", "own networks, pbt, some diverge"], core=["asha, some diverge"])
)
def test_what_was_in_memory_only_is_trained_again(
    kind: str, whole: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No states are written, or what was written is damaged."""
    reference, total = whole(kind)
    for point in range(total // 3, total, max(1, total // 7)):
        written = point % 2
        monkeypatch.setattr("ikura.study.training_states.SECONDS", 0.0 if written else 1e9)
        run = tmp_path / str(point)
        # Steps are counted with the files; without them the same number leads further.
        kill_after(point, run, kind, begin)
        for states in run.glob("snapshots/stage-*.safetensors"):
            states.write_bytes(states.read_bytes()[:100])
        assert_same(go_on(run, kind), reference)


@pytest.mark.parametrize(
    "kind", swept(["coarse to fine", "own networks, successive halving, some diverge"], core=["coarse to fine"])
)
@pytest.mark.parametrize("steps", swept([16, 20], core=["16"]))
def test_killed_again_and_again(steps: int, kind: str, whole: Any, tmp_path: Path) -> None:
    reference, total = whole(kind)
    kills = 0
    step = begin
    while kill_after(steps, tmp_path / "run", kind, step):
        kills += 1
        step = go_on
        # Each life must get further than the one before; opening and closing cost some of its steps.
        assert kills < 4 * total
    assert kills > 2
    assert_same(ikura.open_study(tmp_path / "run", KINDS[kind].get("network")), reference)


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads take turns every microsecond."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    "kind",
    swept(["images, two jobs", "images, hyperband, two jobs", "own networks, two jobs"], core=["images, two jobs"]),
)
def test_killed_while_threads_take_turns_all_the_time(kind: str, whole: Any, tmp_path: Path) -> None:
    """Twice each, and the last life goes on to the result that one without hurry has."""
    reference, total = whole(kind)
    for point in (total // 4, total // 2):
        run = tmp_path / str(point)
        assert kill_after(point, run, kind, begin)
        kill_after(total // 4, run, kind, go_on)
        assert_same(go_on(run, kind), reference)


def test_an_opening_that_was_killed_leaves_nothing(whole: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half-written files of it are removed by the next one; those of another program stay."""
    reference, _ = whole("without finalists")
    assert kill_after(1, tmp_path / "run", "without finalists", begin)
    assert not (tmp_path / "run" / "config.toml").exists()
    monkeypatch.setattr("ikura.files._lives", lambda process: process == 77)
    for name in (".config.toml.4194304.partial", ".data.npz.4194304.partial", ".mine.77.partial", ".partial"):
        (tmp_path / "run" / name).touch()
    assert_same(begin(tmp_path / "run", "without finalists"), reference)
    assert {path.name for path in (tmp_path / "run").glob(".*partial")} == {".mine.77.partial", ".partial"}


def test_resuming_another_number_of_jobs_s_run_in_the_same_way(whole: Any, tmp_path: Path) -> None:
    reference, total = whole("coarse to fine")
    assert kill_after(total // 2, tmp_path / "run", "coarse to fine", begin)
    config = tmp_path / "run" / "config.toml"
    config.write_text(config.read_text().replace("jobs = 1", "jobs = 3"))
    assert_same(go_on(tmp_path / "run", "coarse to fine"), reference)


def test_an_error_leaves_a_run_that_can_be_resumed(whole: Any, tmp_path: Path, monkeypatch: Any) -> None:
    """Where an exception passes through, rather than the process ending."""
    reference, _ = whole("coarse to fine")
    for place in ("ikura.api.final_test.choose", "ikura.api.final_test.interval", "ikura.api.study.Study.report"):
        run = tmp_path / place
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(place, lambda *_, **__: (_ for _ in ()).throw(MemoryError))
            with pytest.raises(MemoryError):
                begin(run, "coarse to fine")
        assert_same(ikura.resume(run), reference)


def test_a_damaged_snapshot_counts_as_none(whole: Any, tmp_path: Path) -> None:
    reference, total = whole("coarse to fine")
    found = 0
    for point in range(4, total, 7):
        run = tmp_path / str(point)
        assert kill_after(point, run, "coarse to fine", begin)
        for snapshot in run.glob("snapshots/tile-*.safetensors"):
            snapshot.write_bytes(snapshot.read_bytes()[:-100] if found % 2 else b"")
            found += 1
        assert_same(ikura.resume(run), reference)
    assert found > 1


def test_a_finished_run_is_not_trained_again(whole: Any, tmp_path: Path, monkeypatch: Any) -> None:
    reference, _ = whole("coarse to fine")
    run = shutil.copytree(reference.run, tmp_path / "run")
    files = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file() and "study.db" not in path.name}
    monkeypatch.setattr("ikura.api.run.search", lambda *_: pytest.fail("searched again"), raising=False)
    monkeypatch.setattr("ikura.population.job.train", lambda *_: pytest.fail("trained again"))
    monkeypatch.setattr("ikura.study.record.setting.prepare", lambda *_, **__: pytest.fail("read the data again"))
    said: list[str] = []
    progress = ikura.Progress()
    monkeypatch.setattr(progress, "say", said.append)
    assert_same(ikura.resume(run, progress=progress), reference)
    assert said == [f"{run} is finished already; nothing is trained again"]
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_progress_of_a_resumed_run(whole: Any, tmp_path: Path) -> None:
    reference, total = whole("coarse to fine")
    run = tmp_path / "run"
    assert kill_after(total - 14, run, "coarse to fine", begin)
    opened, bests = [], []

    class Listener(ikura.Progress):
        def opened(self, run: str | Path) -> None:
            opened.append(Path(run))

        def update(self, done: int, trials: int, best: float | None) -> None:
            bests.append(best)

    ikura.resume(run, progress=Listener())
    assert opened == [run]
    assert set(bests) <= {None, *reference.trials["dev_score"].cummax()}


# What a resumed run depends on.


@pytest.fixture
def table(tmp_path: Path, flowers: pd.DataFrame) -> Path:
    path = tmp_path / "flowers.csv"
    flowers.to_csv(path, index=False)
    return path


def killed(data: Any, run: Path, **options: Any) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        Life(patch, 12)
        with pytest.raises(KilledError):
            ikura.tune(data, out=run, **{"trials": 4, "epochs": 4, "jobs": 1, **options})
    return run


def one_line(error: Any) -> str:
    line = str(error.value)
    assert "\n" not in line
    return line


def test_data_that_changed_are_refused(table: Path, tmp_path: Path) -> None:
    run = killed(table, tmp_path / "run")
    old = table.read_text()
    table.write_text(old.replace("5.1", "5.2", 1))
    with pytest.raises(RunError) as caught:
        ikura.resume(run)
    assert one_line(caught).startswith(f"{table}: the data have changed since {run} began")
    table.write_text(old)
    assert ikura.resume(run).test is not None


def test_data_that_are_gone_are_named(table: Path, tmp_path: Path) -> None:
    run = killed(table, tmp_path / "run")
    table.unlink()
    with pytest.raises(RunError) as caught:
        ikura.resume(run)
    assert one_line(caught) == f"{table}: the data of {run} are no longer there"


@pytest.mark.parametrize("damage", ["gone", "cut", "empty"])
@pytest.mark.parametrize("form", ["frame", "arrays"])
def test_a_copy_of_the_data_that_is_damaged_is_named(
    form: str, damage: str, tmp_path: Path, flowers: pd.DataFrame
) -> None:
    data = flowers if form == "frame" else (flowers.iloc[:, :4].to_numpy(), flowers["target"].to_numpy())
    run = killed(data, tmp_path / "run")
    [copy] = run.glob("data*")
    if damage == "gone":
        copy.unlink()
    else:
        copy.write_bytes(copy.read_bytes()[:200] if damage == "cut" else b"")
    with pytest.raises(RunError) as caught:
        ikura.resume(run)
    assert copy.name in one_line(caught)


def test_a_relative_path_is_found_from_elsewhere(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = killed("flowers.csv", tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert ikura.resume(run).test is not None


def test_a_run_can_be_moved(table: Path, tmp_path: Path, flowers: pd.DataFrame) -> None:
    for number, data in enumerate((table, flowers, "iris")):
        run = killed(data, tmp_path / f"run-{number}")
        moved = run.rename(tmp_path / f"moved-{number}")
        assert ikura.resume(moved).run == moved


@pytest.mark.parametrize("ask", [ikura.resume, ikura.open_study])
def test_a_folder_that_holds_no_run(ask: Any, tmp_path: Path) -> None:
    (tmp_path / "houses").mkdir()
    for folder in (tmp_path / "houses", tmp_path / "hauses", tmp_path / "no" / "such"):
        with pytest.raises(RunError) as caught:
            ask(folder)
        assert one_line(caught).startswith(f"{folder}: not a run folder of ikura")
    assert list(tmp_path.iterdir()) == [tmp_path / "houses"]


def test_the_nearest_run_is_offered(whole: Any) -> None:
    run = whole("coarse to fine")[0].run
    with pytest.raises(RunError, match="did you mean 'run'"):
        ikura.resume(run.parent / "runn")


DAMAGES: dict[str, Callable[[str], str | bytes]] = {
    "empty": lambda text: "",
    "cut": lambda text: text[: len(text) // 2],
    "no TOML": lambda text: "trials = = 3",
    "binary": lambda text: b"\xff\xfe\x00junk",
    "a name too many": lambda text: "colour = 'red'\n" + text,
    "a name missing": lambda text: text.replace("seed = 0\n", ""),
    "text for a number": lambda text: text.replace("trials = 4", "trials = 'four'"),
    "a number for a name": lambda text: text.replace('search = "coarse-to-fine"', "search = 3"),
    "an unknown search": lambda text: text.replace("coarse-to-fine", "coarse-to-fin"),
    "an unknown metric": lambda text: text.replace('metric = "accuracy"', 'metric = "acuracy"'),
    "no data": lambda text: text.replace("[data]", "[dota]"),
    "data of no kind": lambda text: text.replace('kind = "bundled"', 'kind = "burdled"'),
    "a space turned round": lambda text: text.replace("high = 1.0", "high = -1.0"),
}


def test_a_setting_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    run = killed("iris", tmp_path / "run")
    config = run / "config.toml"
    lines = config.read_text().splitlines(keepends=True)
    for count in range(len(lines)):
        config.write_text("".join(lines[:count]))
        with pytest.raises(RunError, match=r"config\.toml"):
            Setting.load(run)
    config.write_text("".join(lines))
    Setting.load(run)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_setting_is_one_line(damage: str, tmp_path: Path) -> None:
    run = killed("iris", tmp_path / "run")
    config = run / "config.toml"
    content = DAMAGES[damage](config.read_text())
    assert content != config.read_text()
    config.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(RunError) as caught:
        ikura.resume(run)
    assert "config.toml" in one_line(caught)


@pytest.mark.parametrize("damage", ["gone", "empty", "junk", "cut", "another's"])
def test_a_damaged_store_is_one_line(damage: str, tmp_path: Path) -> None:
    run = killed("iris", tmp_path / "run")
    path = run / "study.db"
    settle(path)
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    elif damage == "another's":
        path.unlink()
        connection = sqlite3.connect(path)
        connection.execute("create table trials (name text)")
        connection.commit()
        connection.close()
    else:
        path.write_bytes({"empty": b"", "junk": b"junk" * 2000, "cut": content[:5000]}[damage])
    with pytest.raises(RunError) as caught:
        ikura.resume(run)
    assert "study.db" in one_line(caught)


def settle(path: Path) -> None:
    """Bring what was written ahead into the file itself."""
    connection = sqlite3.connect(path)
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()
    for name in ("study.db-wal", "study.db-shm"):
        path.with_name(name).unlink(missing_ok=True)


def test_a_run_in_work_is_left_alone(tmp_path: Path) -> None:
    """Two at once: the second is told so in one line, and the first does not notice."""
    refused = []

    class Listener(ikura.Progress):
        def update(self, done: int, trials: int, best: float | None) -> None:
            if len(refused) < 3 and done:
                for step in (ikura.resume, lambda run: ikura.tune("iris", trials=4, out=run)):
                    with pytest.raises(RunError) as caught:
                        step(tmp_path / "run")
                    refused.append(one_line(caught))

    options = {"trials": 8, "epochs": 4, "jobs": 2, "finalists": 1}
    study = ikura.tune("iris", out=tmp_path / "run", progress=Listener(), **options)
    assert {"another process is at work on this run" in line for line in refused[::2]} == {True}
    assert {"holds another run" in line for line in refused[1::2]} == {True}
    assert_same(study, ikura.tune("iris", out=tmp_path / "other", **options))


def test_a_refused_resume_removes_nothing_of_the_run_in_work(tmp_path: Path) -> None:
    seen = []

    class Listener(ikura.Progress):
        def update(self, done: int, trials: int, best: float | None) -> None:
            if not seen:
                halfway = tmp_path / "run" / "snapshots" / ".tile-0.safetensors.1.partial"
                halfway.write_bytes(b"half a snapshot of the process at work")
                with pytest.raises(RunError):
                    ikura.resume(tmp_path / "run")
                seen.append(halfway.exists())

    ikura.tune("iris", trials=4, epochs=3, finalists=0, jobs=1, out=tmp_path / "run", progress=Listener())
    assert seen == [True]
