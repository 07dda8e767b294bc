from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ikura.data import MISSING, read_table
from ikura.errors import DataError


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


BROKEN = [
    pytest.param("a,b\n1,2\n3,4,5\n", ["line 3", "3 fields", "header has 2"], id="row too long"),
    pytest.param("a,b\n1,2\n\n3\n", ["line 4", "1 fields", "header has 2"], id="row too short after a blank line"),
    pytest.param('a,b\n"x\ny",2\n3\n', ["line 4", "1 fields"], id="row too short after a quoted line break"),
    pytest.param('a,b\n1,2\n3,"4\n5,6\n', ["line 3", "quotation mark"], id="quotation mark never closed"),
    pytest.param('a,b\n1,2\n"3,4\n5,6\n', ["line 3", "quotation mark"], id="quotation mark swallows fields"),
    pytest.param("a,b,a\n1,2,3\n", ["line 1", "two columns", "'a'"], id="duplicate names"),
    pytest.param("a,b\n1,2\n3,caf\u00e9\n".encode("latin-1"), ["line 3", "0xe9", "UTF-8"], id="mixed encodings"),
    pytest.param(b"a,b\n1,\xc3", ["line 2", "UTF-8"], id="ends within a character"),
    pytest.param("a,b\n1,2\n".encode("utf-16"), ["UTF-16", "UTF-8"], id="UTF-16"),
    pytest.param("", ["empty"], id="empty"),
    pytest.param("\n \n", ["empty"], id="blank lines only"),
    pytest.param("a,b\n", ["header", "no row"], id="header only"),
    pytest.param("a,b", ["header", "no row"], id="header only, without a line break"),
    pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", ["not a table", "binary"], id="binary"),
    pytest.param("5.1,3.5,setosa\n4.9,3.0,setosa\n", ["line 1", "5.1", "header"], id="no header"),
    pytest.param(gzip.compress(b"a,b\n1,2\n" * 100)[:-20], ["gzip", "damaged"], id="damaged gzip"),
]


@pytest.mark.parametrize(("content", "parts"), BROKEN)
def test_broken_file_names_file_and_line(tmp_path: Path, content: str | bytes, parts: list[str]) -> None:
    path = write(tmp_path / "broken.csv", content)
    with pytest.raises(DataError) as raised:
        read_table(path)
    message = str(raised.value)
    assert str(path) in message
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_line_of_bad_byte_far_into_the_file(tmp_path: Path) -> None:
    # The bad byte lies behind the first megabyte, so in a later piece of the file.
    path = write(tmp_path / "long.csv", b"name\n" + b"caf\xc3\xa9\n" * 300_000 + b"caf\xe9\n")
    with pytest.raises(DataError, match="line 300002: byte 0xe9"):
        read_table(path)


def test_missing_file_offers_nearest(tmp_path: Path) -> None:
    write(tmp_path / "penguins.csv", "a\n1\n")
    with pytest.raises(DataError, match=r"no such file, did you mean 'penguins\.csv'\?"):
        read_table(tmp_path / "pengiuns.csv")
    with pytest.raises(DataError, match="no such folder"):
        read_table(tmp_path / "nowhere" / "penguins.csv")


def test_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="this is a folder"):
        read_table(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    path = write(tmp_path / "secret.csv", "a\n1\n")
    path.chmod(0)
    with pytest.raises(DataError, match="may not be read"):
        read_table(path)


def test_broken_parquet(tmp_path: Path) -> None:
    path = write(tmp_path / "broken.parquet", b"PAR1 and then nothing of use")
    with pytest.raises(DataError, match="not a readable Parquet file") as raised:
        read_table(path)
    assert "\n" not in str(raised.value)


def test_frame_with_duplicate_names() -> None:
    with pytest.raises(DataError, match="two columns are named 'a'"):
        read_table(pd.DataFrame([[1, 2]], columns=["a", "a"]))


@pytest.mark.parametrize("frame", [pd.DataFrame({"a": []}), pd.DataFrame(index=[0, 1])])
def test_frame_without_rows_or_columns(frame: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="both must be positive"):
        read_table(frame)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_delimiter_is_found(tmp_path: Path, delimiter: str, ending: str) -> None:
    lines = ["name", "note", "size"], ["Ada", '"x, y; z | w"', "1.5"], ["Alan", "b", "2"]
    path = write(tmp_path / "table.csv", ending.join(delimiter.join(line) for line in lines))
    frame = read_table(path)
    assert frame.to_dict("list") == {"name": ["Ada", "Alan"], "note": ["x, y; z | w", "b"], "size": [1.5, 2.0]}


@pytest.mark.parametrize("token", MISSING)
def test_missing_tokens(tmp_path: Path, token: str) -> None:
    frame = read_table(write(tmp_path / "table.csv", f"n,s\n1,a\n{token}, {token}\n3,c\n"))
    assert frame["n"].isna().tolist() == frame["s"].isna().tolist() == [False, True, False]
    assert frame["n"].dtype == np.float64


def test_byte_order_mark_blanks_and_nameless_columns(tmp_path: Path) -> None:
    frame = read_table(write(tmp_path / "table.csv", b"\xef\xbb\xbf, name , size\n0, Ada , 1\n1, Alan, 2\n"))
    assert list(frame.columns) == ["unnamed_1", "name", "size"]
    assert frame["name"].tolist() == ["Ada", "Alan"]
    assert frame["size"].tolist() == [1, 2]


def test_decimal_commas_between_semicolons(tmp_path: Path) -> None:
    frame = read_table(write(tmp_path / "table.csv", "a;b\n1,5;x\n-2,25;y\n"))
    assert frame["a"].tolist() == [1.5, -2.25]


def test_types(tmp_path: Path) -> None:
    frame = read_table(write(tmp_path / "t.csv", "i,f,b,d,t,h\n1,0.5,true,2024-02-29,2024-02-29T12:30:00Z,12:30:00\n"))
    kinds = [pd.api.types.infer_dtype(frame[name]) for name in frame.columns]
    assert kinds == ["integer", "floating", "boolean", "datetime64", "datetime64", "string"]


def test_inch_sign_is_not_a_broken_quotation(tmp_path: Path) -> None:
    assert read_table(write(tmp_path / "t.csv", 'size,n\n5" pipe,1\n6 pipe,2\n'))["size"].tolist() == [
        '5" pipe',
        "6 pipe",
    ]


FIELDS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.none(),
)
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1, max_size=8)


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".tsv", ".parquet"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(FIELDS, WORDS), min_size=1, max_size=20))
def test_round_trip(tmp_path: Path, suffix: str, rows: list[tuple[float | None, str]]) -> None:
    # A letter before each word keeps it from reading as a number, a date or a missing value.
    frame = pd.DataFrame({"number": [row[0] for row in rows], "word": ["w" + row[1] for row in rows]})
    frame["number"] = frame["number"].astype(float)
    path = tmp_path / f"table{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    back = read_table(path)
    assert back["word"].tolist() == frame["word"].tolist()
    np.testing.assert_array_equal(back["number"].to_numpy(dtype=float, na_value=np.nan), frame["number"].to_numpy())


def test_parquet_with_a_named_index(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1, 2]}, index=pd.Index(["a", "b"], name="key")).to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet").to_dict("list") == {"key": ["a", "b"], "x": [1, 2]}


def test_reads_300_000_rows_in_reasonable_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    block = "".join(f"{row},{row / 7:.6f},{-row / 3:.6f},{row % 97},level{row % 5}\n" for row in range(1000))
    path.write_text("a,b,c,d,e\n" + block * 300)
    code = (
        "import resource, sys; from ikura.data import read_table\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "frame = read_table(sys.argv[1])\n"
        "print(len(frame), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    rows, kilobytes = map(int, done.stdout.split())
    assert rows == 300_000
    # The table takes about 15 MB; 4 numbers and a word as Python objects would take over 100 MB in the columns
    # alone. The bound leaves room for the file (10 MB), the parser's blocks of 16 MB and its threads' pools.
    assert kilobytes < 150_000


@pytest.mark.parametrize("length", [131_073, 400_000])
@pytest.mark.parametrize("quoted", [False, True])
def test_long_fields(tmp_path: Path, length: int, quoted: bool) -> None:
    text = "w" * length
    field = f'"{text}, {text}"' if quoted else text
    frame = read_table(write(tmp_path / "t.csv", f"note,n\n{field},1\nshort,2\n"))
    assert frame["note"].str.len().tolist() == [2 * length + 2 if quoted else length, 5]


def test_a_field_longer_than_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikura.data.read.BLOCK", 1 << 12)
    path = write(tmp_path / "t.csv", "n,note\n1,short\n2," + "w" * 50_000 + "\n3,x\n")
    assert read_table(path)["note"].str.len().tolist() == [5, 50_000, 1]
    monkeypatch.setattr("ikura.data.read.LARGEST_BLOCK", 1 << 12)
    with pytest.raises(DataError, match="row 2, column 'note': the field has 50,000 characters; shorten it"):
        read_table(path)


def test_codes_and_doubtful_numbers_stay_text(tmp_path: Path) -> None:
    path = write(
        tmp_path / "t.csv", 'zip,amount,account\n00501,"1,234",9007199254740993\n02134,"5,678",9007199254740995\n'
    )
    frame = read_table(path)
    assert frame["zip"].tolist() == ["00501", "02134"]
    assert frame["amount"].tolist() == ["1,234", "5,678"]
    assert frame["account"].tolist() == ["9007199254740993", "9007199254740995"]


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize("length", [10_001, 131_073])
def test_a_name_that_no_message_holds_is_refused(tmp_path: Path, length: int, quoted: bool) -> None:
    name = f'"{"n" * length}"' if quoted else "n" * length
    (tmp_path / "t.csv").write_text(f"a,{name}\n1,2\n")
    for source in (tmp_path / "t.csv", pd.DataFrame({"a": [1], "n" * length: [2]})):
        with pytest.raises(
            DataError, match=rf"the name of column 2 \(n{{20}}…\) has {length:,} characters; shorten it"
        ) as told:
            read_table(source)
        assert len(str(told.value)) < 1000
    (tmp_path / "t.csv").write_text(f"a,{'n' * 10_000}\n1,2\n")
    assert len(read_table(tmp_path / "t.csv").columns[1]) == 10_000
