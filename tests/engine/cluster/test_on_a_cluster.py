"""A study on the nodes of a Ray cluster is the same as on one machine, to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ikura
from ikura.study.record.facts import LEGS

from ...study.comparing import assert_same

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.timeout(600),
]

STUDY: dict[str, Any] = {"trials": 24, "epochs": 6, "finalists": 2, "checks": False}


def test_a_study_on_three_nodes_is_the_same_to_the_bit(cluster: Any, tmp_path: Path) -> None:
    here = ikura.tune("iris", **STUDY, out=tmp_path / "here")
    there = ikura.tune("iris", **STUDY, out=tmp_path / "there", engine="ray", address=cluster.address)
    assert_same(here, there)
    [leg] = there.store.fact(LEGS) or []
    assert leg["engine"] == "ray"
    assert [node["workers"] for node in leg["nodes"]] == [1, 1, 1]
    assert all(node["versions"]["ray"] and node["features"] for node in leg["nodes"])
