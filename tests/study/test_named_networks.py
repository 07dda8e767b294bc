"""Images and networks by name: through the study, its run folder, and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import ikura
from ikura.api.study import Study
from ikura.errors import RunError, SpaceError, UsageError
from ikura.nn.zoo import CNN, NETWORKS
from ikura.study.record.networks import budget

from ..sweep import swept
from .comparing import assert_replays

Tune = Callable[..., Study]
SMALL = {"learning_rate": ikura.log(3e-3, 3e-2), "channels": ikura.choice(2, 4), "units": 8}


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """300 images of digits, shape (300, 1, 8, 8)."""
    found = load_digits(n_class=4)
    return found.images[:300, None], found.target[:300]


def test_images_train_the_small_convolutional_network(tune: Tune, digits: tuple[np.ndarray, np.ndarray]) -> None:
    study = tune(digits, space=SMALL, epochs=8)
    assert study.setting.network == "cnn"
    assert isinstance(study.model.network, CNN)
    # Four digits, a quarter each by guessing; 60 test examples.
    assert study.test is not None
    assert study.test.value > 0.8
    assert_replays(study)
    again = ikura.load(study.run)
    np.testing.assert_array_equal(again.predict(digits[0]), study.model.predict(digits[0]))
    assert ikura.open_study(study.run).model.predict(digits[0][:3]).shape == (3,)


@pytest.mark.parametrize(
    ("trials", "opened"), [(2, {"learning_rate"}), (16, {"learning_rate", "dropout", "batch_size"})]
)
def test_the_default_space_of_images(
    tune: Tune, digits: tuple[np.ndarray, np.ndarray], trials: int, opened: set[str]
) -> None:
    study = tune((digits[0][:80], digits[1][:80]), trials=trials, epochs=1, finalists=0, search="random")
    assert opened <= set(study.space.dimensions)
    assert f"{trials} trials" in study.space_note


def test_a_stopped_study_of_images_goes_on(tune: Tune, digits: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    class Stop(ikura.Progress):
        calls = 0

        def update(self, done: int, trials: int, best: float | None) -> None:
            self.calls += 1
            if trials >= 4:
                raise KeyboardInterrupt

    whole = tune(digits, space=SMALL, out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        tune(digits, space=SMALL, out=tmp_path / "stopped", progress=Stop())
    resumed = ikura.resume(tmp_path / "stopped")
    assert resumed.curves().equals(whole.curves())
    assert resumed.best == whole.best


@pytest.mark.parametrize("name", swept(["f1", "resnet20"], core=["resnet20"]))
def test_other_networks_by_name(tune: Tune, digits: tuple[np.ndarray, np.ndarray], name: str) -> None:
    x, y = digits[0][:60], digits[1][:60]
    study = tune((x, y), network=name, trials=2, epochs=1, finalists=1)
    assert study.setting.network == name
    assert_replays(study, 0)
    assert ikura.load(study.run).predict(x).shape == (60,)


def test_images_may_be_taken_flat(tune: Tune, digits: tuple[np.ndarray, np.ndarray]) -> None:
    study = tune(digits, network="mlp")
    assert study.model.network.layers[0].in_features == 64
    assert_replays(study, 0)


def test_tables_train_the_fully_connected_network(iris: Study) -> None:
    assert iris.setting.network == "mlp"


def test_the_nearest_name_is_offered(tune: Tune) -> None:
    with pytest.raises(UsageError, match="unknown network 'resnet4', did you mean 'resnet44'"):
        tune(network="resnet4")
    with pytest.raises(UsageError, match="a name or a function"):
        tune(network=3)


def test_a_table_is_no_image(tune: Tune) -> None:
    with pytest.raises(UsageError, match=r"'cnn' takes images of shape \(channels, height, width\).* \(4,\)"):
        tune(network="cnn", space={"learning_rate": 0.01})


def test_the_space_of_a_network_has_its_own_names(tune: Tune, digits: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(SpaceError, match="channel"):
        tune(digits, space={"chanels": 4})
    with pytest.raises(SpaceError, match="layers"):
        tune(digits, space={"layers": 4})
    with pytest.raises(UsageError, match="blocks must be a whole number of at least 1"):
        tune(digits, space={"blocks": 0})


def test_a_run_folder_with_an_unknown_network_is_refused(tune: Tune, digits: tuple[np.ndarray, np.ndarray]) -> None:
    study = tune(digits, space=SMALL, trials=1, epochs=1, finalists=0)
    file = study.run / "config.toml"
    file.write_text(file.read_text().replace('network = "cnn"', 'network = "cnm"'))
    with pytest.raises(RunError, match="did you mean 'cnn'"):
        ikura.open_study(study.run)


def test_images_have_a_budget_of_their_own(tune: Tune, digits: tuple[np.ndarray, np.ndarray]) -> None:
    study = tune((digits[0][:60], digits[1][:60]), space=SMALL, trials=1, epochs=None, finalists=None)
    assert (study.setting.epochs, study.setting.finalists) == (15, 1)
    assert budget("mlp", None, None) == (100, 4)
    assert budget("cnn", 3, 0) == (3, 0)


def test_every_network_can_be_named() -> None:
    from ikura.cli import search_options

    assert list(search_options.NETWORKS) == ["mlp", *NETWORKS]
