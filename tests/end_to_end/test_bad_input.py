"""Every mistake in the data, the space and the options: one line, exit code 2, nothing left behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ..sweep import one_in, swept
from .conftest import Done

Run = Callable[..., Done]
ROWS = 40
GOOD = "size,colour,kind\n" + "".join(
    f"{i * 0.37:.2f},{'red' if i % 3 else 'blue'},{'ab'[i % 2]}\n" for i in range(ROWS)
)


def with_line(number: int, text: str) -> str:
    """The good table with one line, counted from 1, replaced."""
    lines = GOOD.splitlines()
    lines[number - 1] = text
    return "\n".join(lines) + "\n"


TABLES: dict[str, tuple[str | bytes, tuple[str, ...]]] = {
    "an empty file": ("", ("the file is empty",)),
    "blank lines": ("\n\n\n", ("the file is empty",)),
    "a header and no row": ("size,colour,kind\n", ("there is a header but no row",)),
    "not a table": (bytes(range(256)) * 40, ("table.csv",)),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(2000), ("table.csv",)),
    "a constant target": (GOOD.replace(",b\n", ",a\n"), ("'kind'", "'a' in every row", "nothing to learn")),
    "a target that names the rows": (
        "size,kind\n" + "".join(f"{i},name {i}\n" for i in range(ROWS)),
        ("'kind'", "40 values", "it names the rows and cannot be predicted"),
    ),
    "a class with a single row": (with_line(8, "1.5,red,c"), ("row 7", "'kind'", "class 'c' has a single row")),
    "a target without values": ("size,kind\n" + "1,\n2,\n" * 20, ("'kind'", "no value in any row")),
    "too few rows": ("\n".join(GOOD.splitlines()[:6]) + "\n", ("5 rows", "at least 10 are needed")),
    "an infinite value": (with_line(5, "inf,red,a"), ("row 4", "'size'", "inf")),
    "two columns of one name": (GOOD.replace("size,colour", "size,size"), ("two columns are named 'size'",)),
    "mixed encodings": (with_line(9, "1.5,gr\udcfcn,a").encode("utf-8", "surrogateescape"), ("line 9", "UTF-8")),
    "a row too long": (with_line(12, "1.5,red,a,more"), ("line 12", "4 fields", "3")),
    "a row too short": (with_line(30, "1.5,red"), ("line 30", "2 fields", "3")),
    "no column to learn from": (
        "code,kind\n" + "".join(f"id-{i:04},{'ab'[i % 2]}\n" for i in range(ROWS)),
        ("no column is left to learn from", "code"),
    ),
}


def refused(done: Done, folder: Path, *parts: str) -> None:
    """It was one line with all these parts, exit code 2, and no run folder was made."""
    line = done.complaint
    assert done.code == 2, line
    assert line.startswith("ikura: error: ")
    for part in parts:
        assert part in line
    assert not (folder / "run").exists()
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("case", swept(list(TABLES), core=["an image", "an infinite value", "a row too long"]))
def test_a_table_that_cannot_be_used(case: str, ikura: Run, tmp_path: Path) -> None:
    content, parts = TABLES[case]
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(ikura("tune", "table.csv", "--target", "kind", "--out", "run"), tmp_path, "table.csv", *parts)


def test_an_infinite_target(ikura: Run, tmp_path: Path) -> None:
    frame = pd.DataFrame({"size": range(30), "price": [i * 1.5 for i in range(29)] + [float("inf")]})
    frame.to_csv(tmp_path / "table.csv", index=False)
    refused(ikura("tune", "table.csv", "--target", "price", "--out", "run"), tmp_path, "row 30", "'price'", "inf")


def test_a_column_without_values_is_only_left_out_and_named(ikura: Run, tmp_path: Path) -> None:
    frame = pd.read_csv(__import__("io").StringIO(GOOD)).assign(blank=None)
    frame.to_csv(tmp_path / "table.csv", index=False)
    done = ikura("tune", "table.csv", "--target", "kind", "--out", "run", "--trials", 4, "--epochs", 2, "--json")
    assert done.code == 0
    [line] = [line for line in done.err.splitlines() if "'blank'" in line or "blank" in line]
    assert "left out" in line


@pytest.mark.parametrize(
    ("arguments", "parts"),
    one_in(
        4,
        [
            (("tune", "tabel.csv", "--target", "kind"), ("no such file", "did you mean 'table.csv'?")),
            (("tune", "nowhere/table.csv", "--target", "kind"), ("no such folder nowhere",)),
            (("tune", ".", "--target", "kind"), ("this is a folder",)),
            (("tune", "irs"), ("did you mean 'iris'?",)),
            (("tune", "table.csv", "--target", "kin"), ("no column 'kin'", "did you mean 'kind'?")),
            (("tune", "table.csv"), ("say which column is to be predicted", "size, colour, kind")),
            (("tune", "table.csv", "--target", "kind", "--trials", "0"), ("--trials must be at least 1, but got 0",)),
            (("tune", "table.csv", "--target", "kind", "--trials", "-3"), ("--trials must be at least 1, but got -3",)),
            (("tune", "table.csv", "--target", "kind", "--epochs", "0"), ("--epochs must be at least 1, but got 0",)),
            (("tune", "table.csv", "--target", "kind", "--epochs", "-1"), ("--epochs must be at least 1, but got -1",)),
            (("tune", "table.csv", "--target", "kind", "--search", "randm"), ("'randm'", "did you mean 'random'?")),
            (("tune", "table.csv", "--target", "kind", "--schedule", "non"), ("'non'", "did you mean 'none'?")),
            (("tune", "table.csv", "--target", "kind", "--metric", "acuracy"), ("did you mean 'accuracy'?",)),
            (("tune", "table.csv", "--target", "kind", "--metric", "rmse"), ("rmse", "binary")),
            (("tune", "table.csv", "--target", "kind", "--task", "regression"), ("'kind'",)),
            (("tune", "table.csv", "--target", "size", "--task", "binary"), ("'size'",)),
            (("tune", "table.csv", "--target", "kind", "--group", "color"), ("did you mean 'colour'?",)),
            (("tune", "table.csv", "--target", "kind", "--time", "colour"), ("'colour'",)),
            (("tune", "table.csv", "--target", "kind", "--kind", "siz=numeric"), ("did you mean 'size'?",)),
            (("tune", "table.csv", "--target", "kind", "--kind", "colour=numeric"), ("'colour'",)),
            (("tune", "table.csv", "--target", "kind", "--device", "cuda"), ("cuda",)),
        ],
    ),
)
def test_an_option_that_does_not_fit(
    arguments: tuple[str, ...], parts: tuple[str, ...], ikura: Run, tmp_path: Path
) -> None:
    if "cuda" in arguments and __import__("torch").cuda.is_available():
        pytest.skip("there is a GPU here")
    (tmp_path / "table.csv").write_text(GOOD)
    refused(ikura(*arguments, "--out", "run"), tmp_path, *parts)


SPACES: dict[str, tuple[str, tuple[str, ...]]] = {
    "low above high": (
        '[learning_rate]\nscale = "log"\nlow = 1\nhigh = 0.1\n',
        ("[learning_rate]", "`low < high` must hold", "low=1", "high=0.1"),
    ),
    "a log scale through zero": ('[l2]\nscale = "log"\nlow = 0\nhigh = 1\n', ("[l2]", "low", "0")),
    "an unknown name": ("[learning_rat]\nvalue = 0.1\n", ("[learning_rat]", "did you mean 'learning_rate'?")),
    "an unknown scale": ('[learning_rate]\nscale = "lg"\nlow = 1\nhigh = 2\n', ("'lg'", "did you mean 'log'?")),
    "an unknown key": ('[learning_rate]\nscale = "log"\nlo = 1\nhigh = 2\n', ("'lo'", "did you mean 'low'?")),
    "a value out of bounds": ("[dropout]\nvalue = 1.5\n", ("dropout", "1.5")),
    "text for a number": ('[learning_rate]\nvalue = "fast"\n', ("learning_rate", "fast")),
    "an unknown option": ('[optimizer]\nchoices = ["adam", "sdg"]\n', ("'sdg'", "did you mean 'sgd'?")),
    "a condition on nothing": (
        '[momentum]\nvalue = 0.9\nwhen = { optimiser = "sgd" }\n',
        ("[momentum]", "'optimiser'"),
    ),
    "no TOML": ("learning_rate = = 3", ("not TOML",)),
    "nothing": ("", ("there is no table",)),
    "another encoding": ("# gr\udcfcn", ("not UTF-8",)),
}


@pytest.mark.parametrize("case", swept(list(SPACES), core=["an unknown name", "another encoding"]))
def test_a_space_that_cannot_be_searched(case: str, ikura: Run, tmp_path: Path) -> None:
    content, parts = SPACES[case]
    (tmp_path / "space.toml").write_bytes(content.encode("utf-8", "surrogateescape"))
    (tmp_path / "table.csv").write_text(GOOD)
    done = ikura("tune", "table.csv", "--target", "kind", "--space", "space.toml", "--out", "run")
    refused(done, tmp_path, "space.toml", *parts)


def test_a_space_that_is_not_there(ikura: Run, tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text("")
    refused(ikura("tune", "iris", "--space", "spaces.toml", "--out", "run"), tmp_path, "did you mean 'space.toml'?")


def test_an_output_folder_that_is_a_file(ikura: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    done = ikura("tune", "iris", "--out", "taken")
    assert done.code == 2
    assert done.complaint == "ikura: error: taken: the output folder is a file; name a folder"
    assert (tmp_path / "taken").read_text() == "mine"


def test_an_output_folder_below_a_file(ikura: Run, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    done = ikura("tune", "iris", "--out", "taken/run", "-q")
    assert done.code == 2
    assert "taken/run" in done.complaint


def test_an_output_folder_that_holds_another_run(ikura: Run, tmp_path: Path) -> None:
    tune = ("tune", "iris", "--out", "run", "--trials", 4, "--epochs", 2, "--finalists", 0)
    assert ikura(*tune).code == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")}
    done = ikura(*tune)
    assert done.code == 2
    assert "run: holds another run; go on with it (ikura resume run), replace it (--overwrite, " in done.complaint
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")} == before


def test_rows_that_the_model_cannot_take(ikura: Run, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(GOOD)
    tune = ("tune", "table.csv", "--target", "kind", "--out", "run", "--trials", 2, "--epochs", 2, "--finalists", 0)
    assert ikura(*tune).code == 0
    for content, complaint in {
        GOOD.replace("colour", "color"): "the table has no column 'colour', did you mean 'color'?",
        "size\n1\n": "the table has no column 'colour' (columns: size)",
        GOOD.replace("2.22", "about 2"): "row 7, column 'size': 'about 2' is not a number",
    }.items():
        (tmp_path / "new.csv").write_text(content)
        done = ikura("predict", "run", "new.csv", "-o", "predictions.csv")
        assert (done.code, done.complaint) == (2, f"ikura: error: new.csv: {complaint}")
        assert not (tmp_path / "predictions.csv").exists()


def test_rows_in_arrays(ikura: Run, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for name, shape in {"rows": (60, 3), "series": (60, 4, 3)}.items():
        x = random.standard_normal(shape)
        np.savez(tmp_path / f"{name}.npz", x=x, y=(x.reshape(60, -1)[:, 0] > 0).astype(int))
        tune = ("tune", f"{name}.npz", "--out", name, "--trials", 2, "--epochs", 2, "--finalists", 0)
        done = ikura(*tune)
        assert done.code == 0
        assert f"ikura predict {name} new.npz" in done.out
        np.savez(tmp_path / "new.npz", x=x[:5])
        done = ikura("predict", name, "new.npz")
        assert (done.code, len(done.out.splitlines())) == (0, 6)
        np.savez(tmp_path / "new.npz", x=x[:5, :2])
        done = ikura("predict", name, "new.npz")
        assert (done.code, done.complaint.startswith("ikura: error: new.npz: an array of shape (n, ")) == (2, True)


def test_a_run_has_its_own_data_and_network(ikura: Run, tmp_path: Path) -> None:
    tune = ("tune", "iris", "--out", "run", "--trials", 2, "--epochs", 2, "--finalists", 0)
    assert ikura(*tune).code == 0
    done = ikura("check", "run", "--network", "cnn", "-q")
    assert (done.code, "network='cnn' goes with data" in done.complaint) == (2, True)
    done = ikura("check", "run", "--target", "species", "--as-given", "-q")
    assert (done.code, "leave target, as_given out" in done.complaint) == (2, True)
    assert ikura("check", "run", "--only", "labels").code == 0
    done = ikura("tune", "iris", "--freeze", "all")
    assert (done.code, "--freeze goes with --pretrained" in done.complaint) == (2, True)


def test_a_run_that_is_none(ikura: Run, tmp_path: Path) -> None:
    (tmp_path / "houses").mkdir()
    (tmp_path / "new.csv").write_text(GOOD)
    for command in ("resume", "report", "predict"):
        done = ikura(command, "houses", *(["new.csv"] if command == "predict" else []))
        assert done.code == 2
        assert "houses" in done.complaint
        done = ikura(command, "house", *(["new.csv"] if command == "predict" else []))
        assert done.code == 2
        assert "did you mean 'houses'?" in done.complaint
    assert not list((tmp_path / "houses").iterdir())


def test_in_a_fresh_interpreter_too(tmp_path: Path) -> None:
    """The others share what was imported; here nothing is, and the interpreter is taken down at the end."""
    (tmp_path / "table.csv").write_text(GOOD)
    done = subprocess.run(
        [sys.executable, "-m", "ikura", "tune", "table.csv", "--target", "kin", "--out", "run", "-q"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    refused(Done(done.returncode, done.stdout, done.stderr), tmp_path, "did you mean 'kind'?")
