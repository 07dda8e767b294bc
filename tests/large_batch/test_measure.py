"""`study.measure` against its measures taken by hand, and what it must leave alone."""

from __future__ import annotations

import hashlib
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import ikura
from ikura.api.study import Study
from ikura.cli import main
from ikura.large_batch.distance import compare_laws, growth_alpha
from ikura.large_batch.measure_result import Measures
from ikura.large_batch.noise_scale import measure_noise_scale
from ikura.large_batch.potential import random_potential
from ikura.population.job import Job, train
from ikura.study.training_setup import setup_again

UPDATES = 12
"""In an epoch of 90 examples, 8 at a time."""


def run_bytes(run: Path) -> dict[str, str]:
    """Digest of every file of a run outside its folders of measures."""
    left_out = {"measure", "scale"}
    return {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in run.rglob("*")
        if path.is_file() and path.relative_to(run).parts[0] not in left_out
    }


@pytest.fixture(scope="module")
def network_after(study: Study) -> Any:
    """Train the run's only trial to an epoch, without `measure`, and return its network."""
    _, setup = setup_again(study.setting, study.run, study.network)
    member = study.records()[0].member

    def after(epoch: int) -> nn.Module:
        if not epoch:
            return setup.module(member).float()
        [outcome] = train(setup, Job(0, (member,), epoch, budget=6, keep_states=True))
        assert outcome.going_on is not None
        return setup.trained(member, outcome.going_on["tile.weights"], {})

    return after


def test_moments_are_spread_geometrically(found: Measures) -> None:
    assert found.noise_scale["epoch"].tolist() == [0, 1, 2, 6]
    assert found.noise_scale["updates"].tolist() == [0, UPDATES, 2 * UPDATES, 6 * UPDATES]
    assert found.distances["updates"].tolist() == [UPDATES * epoch for epoch in range(1, 7)]
    assert (found.trial, found.winner, found.state, found.epochs, found.rows) == (0, True, "complete", 6, 90)


def test_the_noise_scale_is_that_of_the_weights_by_hand(found: Measures, study: Study, network_after: Any) -> None:
    _, setup = setup_again(study.setting, study.run, study.network)
    train_set, seed = setup.train, study.setting.seed
    for one in found.moments:
        by_hand = measure_noise_scale(network_after(one.epoch), train_set.x, train_set.y, "multiclass", seed=seed)
        assert one.scale == by_hand


def test_the_potential_is_that_of_the_initial_weights(found: Measures, study: Study, network_after: Any) -> None:
    _, setup = setup_again(study.setting, study.run, study.network)
    x, y, seed = setup.train.x, setup.train.y, study.setting.seed
    assert found.potential == random_potential(network_after(0), x, y, "multiclass", directions=100, seed=seed)


def test_distances_are_those_of_the_study(found: Measures, study: Study, network_after: Any) -> None:
    known = study.distances(0)
    # Sums of the same squares in another order.
    np.testing.assert_allclose(found.distances["distance"], known["distance"], rtol=1e-14)
    layers = found.distances.drop(columns=["epoch", "updates", "distance"])
    assert list(layers) == ["layers.0.0", "layers.0.1", "layers.1"]
    parts = known[["layers.1.weight", "layers.1.bias"]]
    np.testing.assert_allclose(layers["layers.1"], np.sqrt(np.square(parts).sum(axis=1)))
    first, last = ([p.detach() for p in network_after(epoch).parameters()] for epoch in (0, 6))
    squares = [float((a - b).double().square().sum()) for a, b in zip(first, last, strict=True)]
    # Both are sums of float64 squares of float32 differences, in another order.
    assert found.growth.distance == pytest.approx(sum(squares) ** 0.5, rel=1e-6)


def test_the_laws_are_those_of_the_distances(found: Measures, study: Study) -> None:
    t, d = found.distances["updates"], found.distances["distance"]
    assert found.growth.fits == compare_laws(t, d)
    assert found.growth.alpha == growth_alpha(t, d)


@pytest.mark.usefixtures("few_directions")
def test_the_trial_trains_as_it_did(found: Measures, study: Study, tmp_path: Path, again: Path) -> None:
    assert found.deviation == 0.0
    assert not found.notes
    connection = sqlite3.connect(again / "study.db")
    connection.execute("update curves set dev_loss = dev_loss * 1.001 where epoch = 4")
    connection.commit()
    connection.close()
    other = ikura.open_study(again).measure(points=2, jobs=1, out=tmp_path / "out")
    assert other.deviation == pytest.approx(0.001, rel=0.01)
    assert "differs from the recorded one" in other.notes[0]


@pytest.fixture
def random_states() -> Iterator[None]:
    """Check that a test leaves all random numbers and the number of threads as they were."""

    def states() -> tuple[Any, ...]:
        numbers = np.random.get_state(legacy=True)
        return (
            torch.get_rng_state().tolist(),
            numbers[1].tolist(),
            numbers[2],
            random.getstate(),
            torch.get_num_threads(),
        )

    before = states()
    yield
    assert states() == before


@pytest.mark.usefixtures("random_states")
def test_nothing_is_changed_and_jobs_make_no_difference(found: Measures, again: Path) -> None:
    other = ikura.open_study(again)
    trials = other.trials
    # Closing settles what SQLite had put beside the file.
    other.close()
    before = run_bytes(again)
    once_more = other.measure(0, points=4, jobs=2)
    other.close()
    assert run_bytes(again) == before
    pd.testing.assert_frame_equal(other.trials, trials)
    assert (once_more.moments, once_more.potential) == (found.moments, found.potential)
    assert once_more.growth == found.growth
    assert sorted(path.name for path in (again / "measure").iterdir()) == [".lock", "measures.json", "report.html"]


def test_the_page_shows_what_was_measured(found: Measures) -> None:
    page = found.report.read_text(encoding="utf-8")
    assert page.count('class="plot"') == 4
    for part in ("Gradient noise scale", "Distance from the initial weights", "Random potential", "layers.0.1"):
        assert part in page
    assert f"ikura measure {found.run} --trial {found.trial} --points 4<" in page


@pytest.mark.usefixtures("few_directions")
def test_a_trial_that_diverged(tmp_path: Path) -> None:
    space = {"learning_rate": 1e6, "optimizer": "sgd", "units": 4, "layers": 1, "batch_size": 32}
    study = ikura.tune("iris", space=space, trials=1, epochs=3, finalists=0, jobs=1, out=tmp_path / "run")
    assert study.best is None
    with pytest.raises(ikura.IkuraError, match="has not chosen a network, so name a trial"):
        study.measure()
    found = study.measure(0, points=3, jobs=1)
    assert found.state == "diverged"
    assert found.notes[0] == f"The trial diverged in epoch {found.epochs}."
    assert found.growth.verdict == "too few epochs"
    assert found.moments[0].scale.value > 0
    assert found.deviation == 0.0


class Own(nn.Module):
    """Two layers and a normalisation, with a weight of its own and one that does not learn."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.norm, self.drop = nn.Linear(inputs, 6), nn.BatchNorm1d(6), nn.Dropout(0.3)
        self.last, self.distance = nn.Linear(6, outputs), nn.Parameter(torch.ones(6))
        self.still = nn.Parameter(torch.ones(3), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.drop(torch.relu(self.norm(self.first(x))) * self.distance))


@pytest.mark.usefixtures("few_directions")
def test_a_network_of_one_s_own_with_batch_normalisation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options: dict[str, Any] = {"trials": 2, "epochs": 1, "finalists": 0, "jobs": 1, "out": tmp_path / "run"}
    space = {"learning_rate": ikura.log(1e-3, 1e-2)}
    study = ikura.tune("wine", network=lambda hp: Own(hp.inputs, hp.outputs), space=space, **options)
    found = study.measure(1, points=2, jobs=2)
    assert found.noise_scale["epoch"].tolist() == [0, 1]
    assert set(found.layers) == {"first", "norm", "last", "distance (layer)", "still"}
    assert found.layers["still"].distance == 0
    assert found.growth.verdict == "too few epochs"
    assert found.deviation == 0.0
    with pytest.raises(ikura.UsageError, match="give their factory as network="):
        ikura.open_study(study.run).measure(1)
    assert main(["measure", str(study.run)]) == 2
    assert "the networks are your own; name their factory: --network MODULE:FACTORY" in capsys.readouterr().err


@pytest.mark.usefixtures("few_directions")
def test_codes_images_and_trials_of_several_rounds(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0)
    town = numbers.choice([f"town {i}" for i in range(20)], 80)
    frame = pd.DataFrame({"size": numbers.normal(size=80), "town": town, "price": numbers.normal(size=80)})
    options: dict[str, Any] = {"trials": 6, "epochs": 9, "schedule": "successive-halving", "search": "random"}
    study = ikura.tune(
        frame, "price", space={"learning_rate": ikura.log(1e-3, 1e-2), "dropout": 0.2}, finalists=0, jobs=1,
        out=tmp_path / "towns", **options,
    )  # fmt: skip
    number = int(study.trials.query("epochs == 9")["number"].iloc[0])
    found = study.measure(number, points=3, jobs=1)
    assert found.deviation == 0.0
    assert found.epochs == 9
    assert np.isfinite(found.growth.distance)
    images = numbers.integers(0, 255, (60, 6, 6), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", x=images, y=np.arange(60) % 2)
    space = {"learning_rate": 0.01, "channels": 4, "units": 4, "flip": 0.5}
    study = ikura.tune(
        tmp_path / "images.npz", space=space, network="cnn", trials=1, epochs=2, finalists=0, jobs=1,
        out=tmp_path / "images",
    )  # fmt: skip
    found = study.measure(points=2, jobs=1)
    assert found.deviation == 0.0
    assert "Gradients are of training images without augmentation." in found.notes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trial": 7}, "no trial 7: the study has trials 0 to 0"),
        ({"trial": -1}, "no trial -1"),
        ({"points": 1}, "points must be a whole number of at least 2"),
        ({"jobs": 0}, "jobs must be a whole number of at least 1"),
    ],
)
def test_mistakes(options: dict[str, Any], message: str, study: Study) -> None:
    with pytest.raises(ikura.UsageError, match=message):
        study.measure(**{"points": 2, **options})


def test_the_report_goes_nowhere_in_the_run_but_its_own_folder(study: Study, tmp_path: Path) -> None:
    for out in (study.run, study.run / "model"):
        with pytest.raises(ikura.UsageError, match="is part of the run, which is not changed"):
            study.measure(out=out)
    (tmp_path / "file").touch()
    with pytest.raises(ikura.UsageError, match="the output folder is a file"):
        study.measure(out=tmp_path / "file")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "report.html").write_text("theirs")
    with pytest.raises(ikura.UsageError, match=r"holds report\.html of another origin"):
        study.measure(out=tmp_path / "theirs")
    assert (tmp_path / "theirs" / "report.html").read_text() == "theirs"
