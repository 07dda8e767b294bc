"""Hundreds of malformed inputs over all commands: exit code 2, one line, no traceback, nothing left behind, soon.

They run in a few processes, each command in turn, because importing costs more than all of them; a sample runs in
processes of their own.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

Command = tuple[str, ...]
MEGABYTES = 1000
LONG, LOST = "x" * 300, "no/run"
TUNE = ("tune", "table.csv", "--target", "kind", "--out", "new")
RUN = ("tune", "table.csv", "--target", "kind", "--trials", "2", "--epochs", "2", "--finalists", "0", "-q")
HUGE = ("99999999999999999999", "9" * 5000)
NO_COUNT = ("-1", "1.5", "ten", "", " ", "nan", "1e3", "0x10", *HUGE)
NO_NUMBER = ("-1", "x", "nan", "inf", "1e999", "")


def _table() -> str:
    rows = (f"{i * 0.37:.2f},{'red' if i % 3 else 'blue'},{'ab'[i % 2]}\n" for i in range(40))
    return "size,colour,kind\n" + "".join(rows)


def _options() -> list[Command]:
    cases: list[Command] = []
    for name in ("--trials", "--epochs", "--jobs", "--max-parameters", "--image-size"):
        cases += [(*TUNE, name, value) for value in ("0", *NO_COUNT)]
    for name in ("--finalists", "--seed"):
        cases += [(*TUNE, name, value) for value in NO_COUNT]
    cases += [(*TUNE, "--prefer", "parameters", "--within", value) for value in NO_NUMBER]
    cases += [(*TUNE, "--time-limit", value) for value in ("0", *NO_NUMBER, "5 parsecs")]
    cases += [(*TUNE, "--auto", "--bayes-error", value) for value in (*NO_NUMBER, "100%", "1.01")]
    named = ("--task", "--device", "--dtype", "--search", "--schedule", "--metric", "--network", "--objective")
    for name in (*named, "--prefer", "--broken", "--kind", "--freeze"):
        cases += [(*TUNE, name, value) for value in ("", "wrong", "\x1b[31mred", LONG)]
    for name in ("--target", "--group", "--time"):
        cases += [("tune", "table.csv", "--out", "new", name, value) for value in ("wrong", "\x1b[31mred", LONG * 1000)]
    cases += [("tune",), ("tun",), ("tune", "table.csv", "--trial", "3"), ("",), ("--wrong",), (*TUNE, "more"), (LONG,)]
    return cases


def _commands_on_a_run() -> list[Command]:
    cases: list[Command] = [("scale", "run", "--batch-size", value) for value in ("0", "1", "many", *NO_COUNT)]
    for name in ("--seeds", "--ghost", "--jobs"):
        cases += [("scale", "run", "--batch-size", "8", name, value) for value in ("0", *NO_COUNT)]
    cases += [("scale", "run", "--batch-size", "8", "--within", value) for value in NO_NUMBER]
    cases += [("scale", "run", name, "wrong") for name in ("--rule", "--regime", "--device")]
    for name in ("--points", "--jobs", "--trial"):
        cases += [("measure", "run", name, value) for value in NO_COUNT]
    cases += [("measure", "run", "--trial", "7"), ("measure", "run", "--network", "no_module:factory")]
    for name in ("--examples", "--jobs"):
        cases += [("diagnose", "run", name, value) for value in NO_COUNT]
    cases += [("diagnose", "run", "--worth", value) for value in ("0", *NO_NUMBER)]
    cases += [("diagnose", "run", "--bayes-error", value) for value in NO_NUMBER]
    cases += [("diagnose", "run", "--human-error", "0.1", "--bayes-error", "0.1")]
    cases += [("importance", "run", "--method", "wrong"), ("importance", "run", "--among", "")]
    cases += [("check", "table.csv", "--target", "kind", "--seed", value) for value in NO_COUNT]
    for more in (("--only", "wrong"), ("--set", "x"), ("--network", "wrong"), ("--network", "no_module:factory")):
        cases += [("check", "table.csv", "--target", "kind", *more)]
    cases += [("reproduce",), ("reproduce", "wrong"), ("reproduce", "log-scale", "--network", "f1")]
    for name in ("--repetitions", "--seed"):
        cases += [("reproduce", "log-scale", "--quick", "--out", "new", name, value) for value in NO_COUNT]
    places = ("", LOST, "table.csv", "empty", LONG, "a\0b", "/dev/null", "pipe", "loop", "caf\udce9", "/", "\x1b[2J")
    for command in ("resume", "report", "importance", "diagnose", "scale", "measure"):
        cases += [(command, place) for place in places]
    cases += [("predict", place, "table.csv") for place in places]
    cases += [("export", place, "--trials", "trials.csv") for place in places]
    return cases


def _outputs() -> list[Command]:
    files = ("", "empty", LONG, "a\0b", "table.csv/below", "loop", "/", "caf\udce9", "/proc/nothing/here")
    cases: list[Command] = [("report", "run", "-o", place) for place in (*files, "run/study.db", "table.csv")]
    cases += [("check", "table.csv", "--target", "kind", "--html", place) for place in files]
    for place in (*files, "table.csv", "table.txt", "no/folder/out.csv", f"{LONG}.csv", "a\0b.csv", "folder.csv"):
        cases += [("predict", "run", "table.csv", "-o", place), ("export", "run", "--trials", place)]
        cases += [("export", "run", "--curves", place)]
    cases += [("export", "run"), ("export", "run", "--trials", "a.csv", "--curves", "./a.csv")]
    folders = (
        "",
        "/",
        "table.csv",
        "table.csv/below",
        "loop",
        "a\0b",
        LONG,
        "/dev/null",
        "pipe",
        "/proc/nothing",
        "run",
    )
    cases += [(*TUNE[:-1], place, "-q") for place in (*folders, "theirs", "mine")]
    cases += [("measure", "run", "-o", place) for place in folders if place not in ("run", "/")]
    cases += [("reproduce", "log-scale", "--quick", "-o", place) for place in folders]
    cases += [("tune", "images", "--out", "images"), ("tune", "images", "--out", "images/new")]
    return cases


def _spaces() -> dict[str, str | bytes]:
    rate = "[learning_rate]\n"
    many = ",".join(map(str, range(1, 100_001)))
    rules = ",".join(f'"units < {i}"' for i in range(5000))
    units = '[units]\nscale = "integer"\nlow = 1\nhigh = 64\n'
    found: dict[str, str | bytes] = {
        "nothing": "",
        "no tables": "# none",
        "no toml": "a = = 3",
        "bytes": b"\xff\xfe\0",
        "zeros": bytes(5000),
        "json": '{"learning_rate": 0.1}',
        "deep": "a = " + "[" * 5000 + "]" * 5000,
        "many choices": f"[units]\nchoices = [{many}]",
        "many rules": f"constraints = [{rules}]\n{units}",
        "rules as a number": f"constraints = 3\n{units}",
        "a rule of nothing": f'constraints = ["wrong < 3"]\n{units}',
        "a rule that calls": f'constraints = ["exit()"]\n{units}',
        "a rule too deep": f'constraints = ["{"(" * 500}units{")" * 500} < 3"]\n{units}',
        "a rule too hard": f'constraints = ["units ** units ** 99999 < 3"]\n{units}',
        "a rule that none meets": f'constraints = ["units > 999"]\n{units}',
        "many": "".join(f"[h{i}]\nvalue = 1\n" for i in range(5000)),
        "twice": "[l2]\nvalue = 1\n[l2]\nvalue = 2\n",
        "a list": "[[l2]]\nvalue = 1\n",
        "a value for a table": "l2 = []\n",
        "no form": "[l2]\n",
        "two forms": "[l2]\nvalue = 1\nchoices = [1, 2]\n",
        "no choices": "[units]\nchoices = []\n",
        "a choice twice": "[units]\nchoices = [8, 8]\n",
        "choices of all": '[units]\nchoices = [8, "x"]\n',
        "a date": "[l2]\nvalue = 2024-01-01\n",
        "no high": f'{rate}scale = "log"\nlow = 1\n',
        "a scale of nothing": f'{rate}scale = ""\nlow = 1\nhigh = 2\n',
        "a step": f'{rate}scale = "log"\nlow = 1\nhigh = 2\nstep = 3\n',
        "text": f'{rate}scale = "log"\nlow = "a"\nhigh = "b"\n',
        "escapes": '["\\u001b[31m"]\nvalue = 1\n',
        "a long name": f"[{LONG * 100}]\nvalue = 1\n",
        "a condition on itself": "[l2]\nvalue = 1\nwhen = {l2 = 1}\n",
        "a condition on a list": "[l2]\nvalue = 1\nwhen = []\n",
    }
    for value in ("nan", "inf", "1e400", "-1", "9" * 30, "9" * 5000, '"x"', "true", "[]", "{}"):
        found |= {
            f"rate {value[:9]}": f"{rate}value = {value}\n",
            f"batch {value[:9]}": f"[batch_size]\nvalue = {value}\n",
        }
    for low, high in (("1", "1e400"), ("nan", "1"), ("2", "1"), ("0", "1"), ("-1", "1")):
        found[f"from {low} to {high[:5]}"] = f'{rate}scale = "log"\nlow = {low}\nhigh = {high}\n'
    return found


@cache
def _tables() -> dict[str, bytes]:
    good = _table()
    lines = good.splitlines(keepends=True)
    packed = gzip.compress(good.encode())
    arrays, empty = io.BytesIO(), io.BytesIO()
    np.savez(arrays, x=np.array([{"a": 1}] * 20, dtype=object), y=np.arange(20))
    np.savez(empty)
    objects = zipfile.ZipFile(io.BytesIO(), "w")
    objects.close()
    head = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999, 9), }"
    vast = io.BytesIO()
    with zipfile.ZipFile(vast, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", head.ljust(127) + b"\n" + bytes(100))
        archive.writestr("y.npy", head.ljust(127) + b"\n" + bytes(100))
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", bytes(300 << 20))
    wide = "size,kind," + ",".join(["c"] * 3) + "\n"
    parquet = io.BytesIO()
    pd.DataFrame({"size": range(20), "kind": ["a", "b"] * 10}).to_parquet(parquet)
    return {
        "empty.csv": b"",
        "blank.csv": b"\n\n",
        "header.csv": b"size,colour,kind\n",
        "bytes.csv": bytes(range(256)) * 40,
        "zeros.csv": bytes(10_000),
        "utf16.csv": good.encode("utf-16"),
        "latin.csv": good.replace("red", "gr\xfcn").encode("latin-1"),
        "short.csv": "".join([*lines[:9], "1.0\n", *lines[10:]]).encode(),
        "long.csv": (good + "1,2,3,4\n").encode(),
        "open.csv": (good + '"1,2,3\n').encode(),
        "twice.csv": wide.encode() + b"1,a,1,2,3\n" * 20,
        "escape.csv": good.replace("kind", "\x1b[31mkind\x1b[0m").encode(),
        "few.csv": "".join(lines[:5]).encode(),
        "constant.csv": good.replace(",b\n", ",a\n").encode(),
        "infinite.csv": good.replace("0.37", "inf").encode(),
        "numbers.csv": b"".join(b"%d.5,%d.5\n" % (i, i) for i in range(30)),
        "cut.csv.gz": packed[: len(packed) // 2],
        "damaged.csv.gz": packed[:20] + b"xxxx" + packed[24:],
        "none.csv.gz": b"\x1f\x8b",
        "bomb.csv.gz": gzip.compress(bytes(300 << 20)),
        "text.parquet": good.encode(),
        "cut.parquet": parquet.getvalue()[:-40],
        "head.parquet": b"PAR1",
        "image.csv": b"\x89PNG\r\n\x1a\n" + bytes(999),
        "objects.npz": arrays.getvalue(),
        "none.npz": empty.getvalue(),
        "text.npz": b"no arrays",
        "vast.npz": vast.getvalue(),
        "bomb.npz": bomb.getvalue(),
        "picture.png": b"\x89PNG\r\n\x1a\n",
        "packed.zip": b"PK\5\6" + bytes(18),
    }


def _data() -> list[Command]:
    places = [
        *_tables(),
        "",
        LOST,
        "pipe",
        "/dev/zero",
        "/dev/null",
        "loop",
        "a\0b",
        LONG,
        "caf\udce9",
        "empty",
        "tabel.csv",
    ]
    cases: list[Command] = []
    for place in places:
        cases += [("tune", place, "--target", "kind", "--out", "new"), ("check", place, "--target", "kind")]
        if place not in ("constant.csv", "infinite.csv", "few.csv", "escape.csv"):
            cases += [("predict", "run", place, "-o", "out.csv")]
    # `check` tells what it finds of data that can be read, with exit code 3.
    told = {"constant.csv", "few.csv", "infinite.csv", "zeros.csv"}
    cases = [case for case in cases if not (case[0] == "check" and case[1] in told)]
    for name in _spaces():
        cases += [(*TUNE, "--space", f"spaces/{name}.toml")]
    cases += [
        (*TUNE, "--space", place) for place in ("", "pipe", "/dev/zero", "loop", "empty", LONG, "a\0b", "no.toml")
    ]
    cases += [(*TUNE, "--prior", place) for place in ("", LOST, "table.csv", LONG, "sqlite:///no.db", "a\0b")]
    cases += [(*TUNE, "--pretrained", place) for place in ("", LOST, "table.csv", "empty", LONG, "a\0b")]
    return cases


CASES = {"options": _options, "commands on a run": _commands_on_a_run, "outputs": _outputs, "data and spaces": _data}


def _prepared(folder: Path) -> None:
    (folder / "table.csv").write_text(_table())
    for name in ("empty", "theirs", "mine", "folder.csv", "spaces", "images/a", "temporary"):
        (folder / name).mkdir(parents=True)
    (folder / "theirs" / "study.db").write_text("a study of somebody else's")
    (folder / "mine" / "report.html").write_text("a page of mine")
    (folder / "images" / "a" / "one.png").write_bytes(b"no image")
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("pool")
    (folder / "pool").symlink_to("loop")
    for name, content in _tables().items():
        (folder / name).write_bytes(content)
    for name, text in _spaces().items():
        (folder / "spaces" / f"{name}.toml").write_bytes(text if isinstance(text, bytes) else text.encode())


def _faults(case: Command, done: dict[str, Any]) -> list[str]:
    """What is wrong with how a malformed input was met."""
    lines = [line for line in done["err"].splitlines() if not line.startswith(("ikura 0", "ikura: checking"))]
    faults = []
    if done["code"] != 2:
        faults.append(f"exit code {done['code']}")
    if len(lines) != 1 or not lines[0].startswith("ikura: error: ") or len(lines[0]) > 1100:
        faults.append("no line" if not lines else f"{len(lines)} lines")
    if "Traceback" in done["err"] or "\x1b" in done["err"] or done["out"]:
        faults.append("more than a clean line")
    # SQLite's own, beside a database that is open for reading until the process ends.
    changed = [name for name in done["changed"] if not name.endswith(("-shm", "-wal"))]
    if changed:
        faults.append(f"changed {changed[:3]}")
    if done["seconds"] > 20 or done["megabytes"] > MEGABYTES:
        faults.append(f"{done['seconds']:.0f} s, {done['megabytes']} MB")
    shown = " ".join(argument[:30] for argument in case)
    return [f"{shown!r}: {', '.join(faults)}: {done['err'][-300:]!r}"] if faults else []


def test_there_are_hundreds_of_them() -> None:
    assert sum(len({*make()}) for make in CASES.values()) >= 500


@pytest.mark.parametrize(
    ("kinds", "one_in"),
    [
        pytest.param(list(CASES), 30, id="some of all"),
        *(pytest.param([kind], 1, id=kind, marks=pytest.mark.sweep) for kind in CASES),
    ],
)
def test_malformed_inputs(kinds: list[str], one_in: int, tmp_path: Path) -> None:
    _prepared(tmp_path)
    commands = [command for kind in kinds for command in CASES[kind]()[::one_in]]
    (tmp_path / "asked.json").write_text(json.dumps({"setup": [[*RUN, "--out", "run"]], "commands": commands}))
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("batch.py")), str(tmp_path / "asked.json")],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"TMPDIR": str(tmp_path / "temporary"), "OMP_NUM_THREADS": "1", "COLUMNS": "120"},
        check=False,
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    faults = [fault for case, one in zip(commands, told, strict=False) for fault in _faults(case, one)]
    assert not faults, "\n".join([f"{len(faults)} faults", *faults])
    assert len(told) == len(commands), done.stderr[-2000:]


@pytest.mark.sweep
@pytest.mark.parametrize(
    "case",
    [
        ("tune", "pipe", "--out", "new"),
        ("tune", "table.csv", "--target", "kind", "--out", "theirs"),
        ("predict", LOST, "table.csv"),
        ("report", "empty", "-o", "empty"),
        (*TUNE, "--space", "spaces/many choices.toml"),
    ],
)
def test_a_sample_in_processes_of_their_own(case: Command, tmp_path: Path) -> None:
    _prepared(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "ikura", *case, "-q"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ikura: error: ")
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "theirs" / "study.db").read_text() == "a study of somebody else's"
