"""How often curves are shown while a tile trains."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ikura.study import steered
from ikura.study.record.store import Store
from ikura.study.record.trial import Purpose, Trial
from ikura.study.steered import StoreListener


@pytest.mark.parametrize(("worked", "pause"), [(0.0, 0.5), (0.004, 2.0), (60.0, 10.0)])
def test_curves_are_shown_again_soon_however_long_others_hold_the_store(
    worked: float, pause: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`worked` seconds of its own; ten minutes pass meanwhile, in which others write."""
    now: dict[str, float] = {"monotonic": 1000.0, "thread_time": 5.0}
    clocks = {name: (lambda name=name: now[name]) for name in now}
    with closing(Store(tmp_path / "study.db", create=True)) as store:
        store.add_trials([Trial(0, Purpose.SEARCH, 0, 0, {})])
        monkeypatch.setattr(steered, "time", SimpleNamespace(time=time.time, **clocks))
        listener, add = StoreListener(store), store.add_live_points

        def slow(*arguments: Any) -> None:
            add(*arguments)
            now["monotonic"] += 600.0
            now["thread_time"] += worked

        monkeypatch.setattr(store, "add_live_points", slow)
        listener.show({0: np.ones((3, 3))}, {}, 0)
        assert listener.next - now["monotonic"] == pytest.approx(pause)
        assert not listener.due
        now["monotonic"] += pause
        assert listener.due
    # What was shown is there for who looks.
    with closing(Store(tmp_path / "study.db")) as store:
        assert store.live_epochs() == {0: 3}
