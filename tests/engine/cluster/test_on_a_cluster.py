"""A study on the nodes of a Ray cluster is the same as on one machine, to the bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

import ikura
from ikura.errors import UsageError
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


@pytest.mark.sweep
def test_a_study_of_512_trials_is_the_same_to_the_bit(cluster: Any, tmp_path: Path) -> None:
    many = STUDY | {"trials": 512, "epochs": 4}
    here = ikura.tune("iris", **many, out=tmp_path / "here")
    there = ikura.tune("iris", **many, out=tmp_path / "there", engine="ray", address=cluster.address)
    assert (here.trials["purpose"] == "search").sum() == 512
    assert_same(here, there)


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


@pytest.mark.sweep
def test_a_hand_changes_what_trains_on_a_node_as_it_does_here(cluster: Any, tmp_path: Path) -> None:
    here = ikura.tune("iris", **STEERED, out=tmp_path / "here", progress=Hand())
    there = ikura.tune(
        "iris", **STEERED, out=tmp_path / "there", progress=Hand(), engine="ray", address=cluster.address
    )
    assert [(one.action, one.state, one.epoch) for one in there.interventions] == [
        (one.action, one.state, one.epoch) for one in here.interventions
    ]
    assert_same(here, there)


OWN: dict[str, Any] = STUDY | {
    "space": {"learning_rate": ikura.log(1e-3, 1e-1), "units": 8, "batch_size": 16},
    "trials": 6,
    "dtype": "float64",
}


@pytest.mark.sweep
def test_a_network_of_ones_own_travels_to_the_nodes(cluster: Any, tmp_path: Path) -> None:
    class Own(nn.Module):
        """A network that PyTorch trains, of no module that a node could import."""

        def __init__(self, hp: Any) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(hp.inputs, hp.units), nn.Linear(hp.units, hp.outputs)

        def forward(self, x: Tensor) -> Tensor:
            """Raw outputs."""
            out: Tensor = self.last(self.first(x).tanh().cumprod(1))
            return out

    here = ikura.tune("iris", network=Own, **OWN, out=tmp_path / "here")
    there = ikura.tune("iris", network=Own, **OWN, out=tmp_path / "there", engine="ray", address=cluster.address)
    assert_same(here, there)


def test_a_factory_that_a_node_cannot_import_is_named(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nets_of_mine.py").write_text(
        "from torch import nn\n\ndef make(hp):\n    return nn.Linear(hp.inputs, hp.outputs)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from nets_of_mine import make  # type: ignore[import-not-found]

    with pytest.raises(UsageError, match=r"^node .*: the module nets_of_mine .* cannot be imported there; install it"):
        ikura.tune("iris", network=make, **OWN, out=tmp_path / "run", engine="ray", address=cluster.address)


def test_a_version_that_differs_is_named(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ikura.node_facts.__version__", "0.0.1")
    there: dict[str, Any] = {"engine": "ray", "address": cluster.address}
    line = rf"nodes of the cluster cannot train this study: \S+ has ikura {ikura.__version__} \(\S+, which leads"
    with pytest.raises(UsageError, match=line):
        ikura.tune("iris", **STUDY, out=tmp_path / "run", **there)


@pytest.mark.sweep
def test_two_studies_share_a_cluster(cluster: Any, tmp_path: Path) -> None:
    there = ["--engine", "ray", "--address", cluster.address, "--workers", "1", "--quiet", "--json"]
    given = ["wine", "--trials", "12", "--epochs", "4", "--finalists", "0", "--no-checks"]
    command = [sys.executable, "-m", "ikura", "tune", *given, *there, "--out"]
    both = [
        subprocess.Popen([*command, str(tmp_path / name)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for name in ("one", "other")
    ]
    ended = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], ended
    assert_same(ikura.open_study(tmp_path / "one"), ikura.open_study(tmp_path / "other"))


@pytest.mark.sweep
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
