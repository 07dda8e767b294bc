"""How values are written, said to the real command: the whole way from `tune` to `predict`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from .conftest import Done

N = 90
RNG = np.random.default_rng(1)
X = RNG.uniform(1000, 9999, N).round()
DAYS = pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.integers(0, 12, N), unit="D")
KIND = np.where(RNG.random(N) < 0.5, "lost", "won")
FAST = ["--trials", "2", "--epochs", "2", "--finalists", "0", "--jobs", "1", "-q"]


def written(path: Path, rows: slice) -> Path:
    frame = pd.DataFrame(
        {"amount": X, "day": DAYS.strftime("%m/%d/%Y"), "city": np.array(["Bern", "Oslo"])[X.astype(int) % 2]}
    )
    frame["amount"] = [f"{int(value) // 1000}.{int(value) % 1000:03d}" for value in X]
    frame.loc[frame.index % 10 == 0, "amount"] = "unknown"
    frame.assign(kind=KIND)[rows].to_csv(path, index=False)
    return path


def test_what_is_said_of_values_holds_from_tune_to_predict(ikura: Callable[..., Done], tmp_path: Path) -> None:
    train, dev, test = (
        written(tmp_path / f"{name}.csv", rows)
        for name, rows in (("train", slice(0, 50)), ("dev", slice(50, 70)), ("test", slice(70, N)))
    )
    run = tmp_path / "run"
    asked = ["tune", train, "--target", "kind", "--out", run, *FAST]
    parts = ["--dev", dev, "--test", test, "--missing", "unknown", "--positive", "lost"]
    doubtful = ikura(*asked, *parts)
    assert doubtful.code == 2
    assert "--dates dayfirst or --dates monthfirst" in doubtful.err or "--decimal" in doubtful.err
    assert len(doubtful.err.splitlines()) == 1
    assert not run.exists()
    tuned = ikura(*asked, *parts, "--decimal", ",", "--dates", "monthfirst", "--json")
    assert tuned.code == 0, tuned.err
    model = json.loads((run / "model" / "model.json").read_text())
    assert model["classes"] == ["won", "lost"]
    notations = model["encoder"]["notations"]
    assert (notations["amount"]["decimal"], notations["amount"]["thousands"]) == (",", ".")
    assert notations["day"]["order"] == "month"
    assert model["encoder"]["missing"] == ["", "unknown"]
    new = tmp_path / "new.csv"
    new.write_text("amount,day,city\n1.234,02/03/2024,Bern\nunknown,12/31/2024,Rome\n")
    predicted = ikura("predict", run, new)
    assert predicted.code == 0, predicted.err
    assert len(predicted.out.splitlines()) == 3
    assert "Column 'city': 1 of 2 rows holds a level that training lacked ('Rome', first row 2)" in predicted.err
    new.write_text("amount,day,city\n1.234,31/12/2024,Bern\n")
    refused = ikura("predict", run, new)
    assert refused.code == 2
    assert "row 1, column 'day': '31/12/2024' is not a date; the form 02/29/2024 is expected" in refused.err
