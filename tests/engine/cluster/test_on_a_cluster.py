"""A study on the nodes of a Ray cluster is the same as on one machine, to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

import ikura
from ikura.study.record.facts import LEGS
from ikura.study.record.progress import Progress

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


class Hand(Progress):
    """Asks something of a study when its first stage begins."""

    def opened(self, run: str | Path) -> None:
        self.run = Path(run)

    def start(self, stage: str, total: int) -> None:
        if stage == "random":
            steer = ikura.open_study(self.run).steer
            steer.set(1, learning_rate=0.0001, at=2)
            steer.stop(2, at=3)
            steer.fork(3, at=2, learning_rate=0.05)


STEERED: dict[str, Any] = {
    "space": {"learning_rate": ikura.log(1e-3, 1e-1), "units": 8, "batch_size": 16},
    "trials": 4,
    "epochs": 6,
    "search": "random",
    "schedule": "none",
    "finalists": 0,
    "ensemble": "none",
    "checks": False,
}


def test_a_hand_changes_what_trains_on_a_node_as_it_does_here(cluster: Any, tmp_path: Path) -> None:
    here = ikura.tune("iris", **STEERED, out=tmp_path / "here", progress=Hand())
    there = ikura.tune(
        "iris", **STEERED, out=tmp_path / "there", progress=Hand(), engine="ray", address=cluster.address
    )
    assert [(one.action, one.state, one.epoch) for one in there.interventions] == [
        (one.action, one.state, one.epoch) for one in here.interventions
    ]
    assert_same(here, there)


def factory(hp: Any) -> nn.Module:
    """A network that PyTorch trains."""

    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(hp.inputs, hp.units), nn.BatchNorm1d(hp.units), nn.Tanh())
            self.last = nn.Linear(hp.units, hp.outputs)

        def forward(self, x: Tensor) -> Tensor:
            """Raw outputs."""
            return self.last(self.layers(x).cumsum(1))

    return Own()


def test_a_network_of_ones_own_travels_to_the_nodes(cluster: Any, tmp_path: Path) -> None:
    own = {"network": factory, "space": {"learning_rate": ikura.log(1e-3, 1e-1), "units": 8, "batch_size": 16}}
    options = STUDY | own | {"trials": 6, "dtype": "float64"}
    here = ikura.tune("iris", **options, out=tmp_path / "here")
    there = ikura.tune("iris", **options, out=tmp_path / "there", engine="ray", address=cluster.address)
    assert_same(here, there)


def test_a_run_goes_on_here_or_there(cluster: Any, tmp_path: Path) -> None:
    class LeftError(Exception):
        """The study is left in the middle."""

    class Leaving(Progress):
        def start(self, stage: str, total: int) -> None:
            if stage != "coarse":
                raise LeftError

    here = ikura.tune("iris", **STUDY, out=tmp_path / "here")
    there = {"engine": "ray", "address": cluster.address}
    with pytest.raises(LeftError):
        ikura.tune("iris", **STUDY, out=tmp_path / "first here", progress=Leaving())
    assert_same(here, ikura.resume(tmp_path / "first here", **there))
    with pytest.raises(LeftError):
        ikura.tune("iris", **STUDY, out=tmp_path / "first there", progress=Leaving(), **there)
    assert_same(here, ikura.resume(tmp_path / "first there"))
