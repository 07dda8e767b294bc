"""A space that holds fewer configurations than there are trials says how many are enough."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ikura


@pytest.mark.parametrize(
    ("space", "trials", "told"),
    [
        ({"optimizer": ikura.choice("adam", "momentum")}, 3, "at most 2 configurations, so 2 trials are enough"),
        ({"optimizer": ikura.choice("adam", "momentum"), "units": ikura.integer(4, 5)}, 5, "at most 4 configurations"),
        ({"optimizer": ikura.choice("adam", "momentum")}, 2, None),
        ({"units": ikura.integer(4, 40)}, 3, None),
        ({"optimizer": ikura.choice("adam", "momentum"), "learning_rate": ikura.log(0.01, 0.1)}, 3, None),
        ({"units": 4}, 2, "one configuration, so one trial is enough"),
    ],
)
def test_how_many_are_enough(space: dict[str, Any], trials: int, told: str | None, tmp_path: Path) -> None:
    given = {"epochs": 1, "finalists": 0, "ensemble": "none", "checks": False}
    study = ikura.tune("iris", space=space, trials=trials, out=tmp_path / "run", **given)
    assert ("enough" in study.space_note) == (told is not None)
    assert (told or "") in study.space_note
