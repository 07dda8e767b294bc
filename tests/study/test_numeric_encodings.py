"""Studies whose trials encode numeric columns: the search, the model, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import ikura
from ikura import choice
from ikura.api.study import Study
from ikura.errors import SpaceError
from ikura.nn.encoding import ENCODINGS

from ..sweep import swept

Tune = Callable[..., Study]
KINDS = [name for name in ENCODINGS if name != "standard"]
FIXED: dict[str, Any] = {"units": 4, "layers": 1, "learning_rate": 0.01, "encoding_size": 3}
BARE: dict[str, Any] = {"trials": 1, "epochs": 2, "finalists": 0, "checks": False}


@pytest.mark.parametrize("kind", swept(KINDS, core=["periodic"]))
def test_the_model_has_the_encoding(tune: Tune, mixed: pd.DataFrame, tmp_path: Path, kind: str) -> None:
    space = {**FIXED, "numeric_encoding": kind, "scale_rate": 3.0}
    space = {name: value for name, value in space.items() if name != "encoding_size" or kind in ("periodic", "pbld")}
    target = mixed.columns[-1]
    study = tune(mixed, target, space=space, **BARE)
    form = json.loads((study.run / "model" / "model.json").read_text())["network"]
    assert form["encoding"]["kind"] == kind
    assert form["scaled"]
    again, new = ikura.load(study.run), mixed.drop(columns=target).iloc[::-1]
    np.testing.assert_array_equal(again.predict_proba(new), study.model.predict_proba(new))
    # The file is tried beside the model before it is kept.
    assert study.model.export(tmp_path / "model.onnx").is_file()


def test_all_encodings_are_searched_in_one_study_and_replayed_alone(tune: Tune, mixed: pd.DataFrame) -> None:
    space = {**FIXED, "numeric_encoding": choice(*ENCODINGS)}
    study = tune(mixed, mixed.columns[-1], space=space, trials=6, epochs=3, finalists=0, search="grid")
    trials = study.trials
    assert sorted(trials["numeric_encoding"]) == sorted(ENCODINGS)
    assert trials["encoding_size"].notna().sum() == 2
    assert trials["dev_loss"].nunique() == len(ENCODINGS)
    for number in range(3):
        pd.testing.assert_frame_equal(study.replay(number), study.curve(number))


def test_what_tables_search_of_it(tune: Tune, mixed: pd.DataFrame) -> None:
    target = mixed.columns[-1]
    words = mixed.select_dtypes(exclude=["number", "bool"])
    words = words if target in words else words.assign(**{target: mixed[target]})
    opened, closed = (tune(frame, target, trials=48, epochs=1, finalists=0, checks=False) for frame in (mixed, words))
    assert {"numeric_encoding", "encoding_bins"} <= set(opened.trials)
    assert "numeric_encoding" not in closed.trials
    with pytest.raises(SpaceError, match=r"\[numeric_encoding\] has no effect: it needs a table with numeric columns"):
        tune(words, target, space={"numeric_encoding": "quantile"})
    few = mixed.loc[:, [name for name in mixed if mixed[name].nunique() < 9 or mixed[name].dtype.kind == "f"]]
    with pytest.raises(SpaceError, match=r"\[embedding_size\] has no effect: it needs a category of more than 16"):
        tune(few, target, space={"embedding_size": 4})
    with pytest.raises(SpaceError, match=r"\[numeric_encoding\] unknown numeric_encoding 'robus', did you mean"):
        tune(mixed, target, space={"numeric_encoding": "robus"})
