from __future__ import annotations

import datetime

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikura.data.column_schema import read_schema
from ikura.data.notation import DurationNotation, Hints, find_duration, notation_of
from ikura.data.target_values import read_target
from ikura.data.type_inference import find_notation
from ikura.errors import DataError

SPANS = st.lists(
    st.timedeltas(datetime.timedelta(days=-400), datetime.timedelta(days=400)), min_size=2, max_size=10, unique=True
)
WRITTEN = {
    "days and a clock": (["1 days 05:00:00", "2 day, 0:00:01.5", "3d 00:30"], [104400, 172801.5, 261000]),
    "more hours than a day has": (["05:12:33", "31:00:07"], [18753, 111607]),
    "signs": (["-00:01:00", "-1 days +23:59:00", "+0:00:30"], [-60, -60, 30]),
    "ISO 8601": (["PT1H30M", "P1DT0.5S", "P2W", "-PT5S"], [5400, 86400.5, 1209600, -5]),
    "units": (["1h 30min", "2 hours, 5 mins 3 secs", "1d 2h", "90 m 5 s"], [5400, 7503, 93600, 5405]),
    "minutes and seconds": (["59:01", "75:30"], [3541, 4530]),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_durations_as_people_write_them(name: str) -> None:
    texts, expected = WRITTEN[name]
    found = find_duration(pa.array(texts, pa.large_string()))
    assert found is not None
    assert found.read(pd.Series([*texts, None])).tolist()[:-1] == expected
    assert notation_of(found.to_dict()) == found


@pytest.mark.parametrize("text", ["1:75:00", "12:60", "P", "PT", "-", "1x", "12", "5 kg", "1:2", "T1H", "9" * 65])
def test_what_is_no_duration(text: str) -> None:
    assert find_duration(pa.array(["00:12:33", text], pa.large_string())) is None


@given(SPANS, st.sampled_from(["frame", "pandas", "Python"]))
def test_a_duration_is_the_same_from_file_and_frame(spans: list[datetime.timedelta], way: str) -> None:
    texts = {"pandas": [str(pd.Timedelta(span)) for span in spans], "Python": [str(span) for span in spans]}
    values = pd.Series(pd.to_timedelta(spans) if way == "frame" else texts[way])
    notation = find_notation(values, Hints()).notation
    if way == "Python" and not isinstance(notation, DurationNotation):
        notation = DurationNotation()
    assert notation.read(values).tolist() == pytest.approx([span.total_seconds() for span in spans], abs=1e-6)


def test_bare_numbers_are_seconds_in_frames_alone() -> None:
    with pytest.raises(DataError, match="row 2, column 'v': '90' is no duration; the form 1 days 05:00:00 is expected"):
        DurationNotation().read(pd.Series(["1:00:00", "90"], name="v"))
    assert DurationNotation().read(pd.Series([90.0, None])).tolist()[0] == 90


def test_durations_of_a_table_are_noted() -> None:
    schema = read_schema(pd.DataFrame({"t": ["05:12:33", "31:00:07"]}))
    assert schema.columns[0].kind == "numeric"
    assert "read as durations in seconds (05:12:33 is 18753); --kind t=category" in schema.notes[0]


@pytest.mark.parametrize("values", [["31:00:07", "05:12:33"] * 9, pd.to_timedelta(range(20), unit="h")])
def test_durations_are_a_target_in_seconds(values: object) -> None:
    outcome = read_target(pd.Series(values, name="t"))
    assert pd.api.types.is_float_dtype(outcome.values)
    assert outcome.notes == ["The target 't' is read as durations in seconds."]
