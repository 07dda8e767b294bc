"""The training setup of a study: from its setting and its data to what tiles are trained with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ikura.built_in import CALLBACKS, OPTIMIZERS, TRAINING_STEPS
from ikura.data import Dataset, Part
from ikura.data.memory import memory_limit
from ikura.errors import UsageError
from ikura.json_values import JsonObject
from ikura.lazy_torch import Module, nn, torch
from ikura.metric import metric
from ikura.metric.conformal import HeldOutErrors
from ikura.nn.augmentation import AUGMENTATIONS
from ikura.nn.loss import Targets, outputs_of
from ikura.nn.noise import key
from ikura.nn.target_transform import fit_target
from ikura.plugins import plugin_network, plugins_among
from ikura.population.examples import Examples
from ikura.population.factory import Factory
from ikura.population.member import Hyperparameters, Member
from ikura.population.network_setup import Network
from ikura.population.scoring import Scorer
from ikura.population.setup import TrainingSetup
from ikura.study.record.calibration_record import Calibration
from ikura.study.record.device import chosen_device
from ikura.study.record.example_weights import weighted_parts
from ikura.study.record.model import Model
from ikura.study.record.networks import PRETRAINED, resolved
from ikura.study.record.own_functions import loss_of
from ikura.study.record.pretrained import Pretrained
from ikura.study.record.probe_outputs import probe_outputs
from ikura.study.record.recorded_network import Recorded, recorded_of
from ikura.study.record.setting import Setting

BLOCK = 1024
"""Examples that run through a frozen body together."""

__all__ = ["examples_of", "make_setup", "model_of", "network_again", "setup_again"]


def make_setup(
    setting: Setting, dataset: Dataset, network: Callable[[Hyperparameters], nn.Module] | None
) -> TrainingSetup:
    """Make a training setup of a data set's training and dev examples; the test set stays outside.

    Raises:
        UsageError: the study trains the caller's own networks, and their factory was not given; or its device is not
            here.
    """
    network, loss = resolved(setting.network, network), loss_of(setting.loss)
    whole = setting.task == "own" and dataset.train.y.dtype.kind in "iu"
    weights = weighted_parts(dataset, setting.class_weight)
    train, dev = (
        replace(examples_of(part, setting.dtype, network), weights=weights[name], whole_targets=whole)
        for name, part in (("train", dataset.train), ("dev", dataset.dev))
    )
    measure = metric(setting.metric, setting.task)
    others = {name: metric(name, setting.task) for name in setting.metrics}
    scorer = Scorer(setting.task, measure, dataset.target_mean, dataset.target_std)
    setup = TrainingSetup(
        train=train,
        dev=dev,
        scorer=replace(scorer, loss=loss, others=others, whole_targets=whole, stop_on=setting.stop_on or ""),
        outputs=outputs_of(setting.task, len(dataset.task.classes or []), prod(dataset.train.y.shape[1:]), loss),
        cardinalities=tuple(dataset.encoder.cardinalities),
        numeric=tuple(dataset.encoder.numeric_columns),
        network=network,
        dtype=setting.dtype,
        device=chosen_device(setting.device, setting.custom),
        callbacks=tuple(CALLBACKS[name] for name in setting.callbacks),
        training_step=None if setting.training_step is None else TRAINING_STEPS[setting.training_step],
        optimizer=None if setting.optimizer is None else OPTIMIZERS[setting.optimizer],
        norms=setting.norms,
        programs=setting.programs and setting.training_step is None and setting.optimizer is None,
        augmented=(any(name in setting.space for name in AUGMENTATIONS) or bool(setting.autopilot and network))
        and train.standard is not None,
    )
    _check_target(setup, setting)
    if setup.training_step is not None:
        _check_in_python(setup, setting, "training_step", ("label_smoothing", "gradient_noise"))
    if setup.optimizer is not None:
        _check_in_python(setup, setting, "optimizer", ("optimizer", "dropconnect"))
    if not setup.compiled or setup.convolutional:
        return setup
    numbers = prod(train.shape) * (len(train) + len(dev))
    if train.standard is not None and numbers * np.dtype(setting.dtype).itemsize > memory_limit():
        raise UsageError(
            f"{len(train)} images of {prod(train.shape)} pixels are more than the fully connected network can hold in "
            "memory; choose a smaller image size, or a network that takes images"
        )
    return replace(setup, train=train.dense(), dev=dev.dense())


def _check_target(setup: TrainingSetup, setting: Setting) -> None:
    """Refuse transforms of a target that the loss, or the values themselves, do not allow."""
    if setup.network is not None or setup.task != "regression" or "target_transform" not in setting.space:
        return
    form = setting.space["target_transform"]
    kinds = form.get("choices", [form.get("value")]) if isinstance(form, dict) else [form]
    asked = [str(kind) for kind in kinds if kind not in (None, "none")]
    if not asked:
        return
    if setup.train.y.ndim != 1:
        raise UsageError("[target_transform] is for one value to predict, and each row has several; leave it out")
    if setup.loss.own is not None or setup.loss.targets is not Targets.STANDARDISED:
        raise UsageError(f"[target_transform] cannot go with the loss {setting.loss}; leave one of them out")
    for kind in asked:
        try:
            fit_target(kind, setup.train.y, float(setup.scorer.mean), float(setup.scorer.std))
        except UsageError as error:
            raise UsageError(f"[target_transform] {error}") from None


def _check_in_python(setup: TrainingSetup, setting: Setting, argument: str, idle: tuple[str, ...]) -> None:
    """Refuse a function of the caller's where networks are not trained in Python, and what has no effect beside it."""
    if setup.network is None or setup.convolutional:
        raise UsageError(f"{argument}= is for networks of your own; give network=…, a function that makes one")
    if setup.device != "cpu":
        raise UsageError(f"{argument}= trains on the CPU; write device='cpu' instead of {setup.device!r}")
    for name in idle:
        if name in setting.space:
            raise UsageError(f"{name} has no effect beside {argument}=; leave it out of the space")


def setup_again(setting: Setting, run: Path, network: Any) -> tuple[Dataset, TrainingSetup]:
    """Read the data of a run that is opened again, and make its training setup.

    Args:
        setting: the run's.
        run: its folder.
        network: the caller's factory, if the networks are their own.
    """
    dataset = setting.prepare(run)
    return dataset, make_setup(setting, dataset, network_again(setting, run, network))


def examples_of(part: Part, dtype: str, network: Factory | None) -> Examples:
    """Convert a part of a data set to what the networks of a study train on."""
    examples = Examples.of(part, dtype)
    if isinstance(network, Pretrained) and network.freezes:
        from ikura.nn.transfer import features

        blocks = (slice(i, i + BLOCK) for i in range(0, max(len(examples), 1), BLOCK))
        x = torch.cat([features(network.body, torch.from_numpy(examples.inputs(rows))) for rows in blocks])
        return Examples(np.ascontiguousarray(x.numpy(), dtype), examples.codes, examples.y)
    return examples if network else examples.flat()


def network_again(setting: Setting, run: Path, network: Any) -> Any:
    """Find the network of a run that is opened again: the caller's factory, or the pretrained one kept in the run."""
    if isinstance(network, Pretrained):
        return replace(network, freeze=setting.pretrained["freeze"])
    if setting.network == PRETRAINED:
        return Pretrained.of(setting.pretrained, run)
    return plugin_network(setting.plugin_network) if network is None else network


def model_of(
    setting: Setting,
    dataset: Dataset,
    setup: TrainingSetup,
    network: Network,
    member: Member,
    ensemble: JsonObject | None = None,
    calibration: Calibration | None = None,
    errors: HeldOutErrors | None = None,
    bounds: tuple[float, float] | None = None,
) -> Model:
    """Put a trained network of a study together with its preprocessing.

    Args:
        setting, dataset, setup: the study's.
        network: the network.
        member: the choice, whose hyperparameters the model has.
        ensemble: the form of an `EnsembleNetwork` in model.json; None for others.
        calibration: temperature and threshold; None for probabilities and answers as they are.
        errors: of rows that it was not trained on, of which prediction intervals are made.
        bounds: between which values it predicts; None for all.
    """
    built_in: dict[str, Any] | str | None = None if setting.custom else setting.network
    if isinstance(setup.network, Pretrained):
        assert isinstance(network, Module)
        network, built_in = setup.network.whole(network), setting.pretrained
    if setup.network is None:
        built_in = setup.layout(member).arguments(member)
    if ensemble is not None:
        built_in = ensemble
    description: dict[str, Any] = {
        "task": setting.task,
        "target": setting.target if isinstance(setting.target, str | None) else dataset.task.target,
        "classes": dataset.task.classes,
        "positive": setting.positive,
        "target_mean": _plain(dataset.target_mean),
        "target_std": _plain(dataset.target_std),
        "network": built_in,
        "hyperparameters": setup.hyperparameters(member),
    }
    if calibration is not None and calibration.temperature_used != 1.0:
        description["temperature"] = calibration.temperature_used
    if calibration is not None and calibration.threshold_used is not None:
        description["threshold"] = calibration.threshold_used
    if bounds is not None:
        description["bounds"] = list(bounds)
    if errors is not None:
        description["errors"] = errors.form
    if setting.loss is not None:
        description["loss"] = setting.loss
    if dataset.task.targets is not None:
        description["targets"] = dataset.task.targets
    if dataset.task.levels is not None:
        description["levels"] = dataset.task.levels
    if shape := dataset.train.y.shape[1:]:
        description["target_shape"] = list(shape)
    if setup.loss.own is not None:
        description |= {"own_loss": True, "own_prediction": setup.loss.predict_by is not None}
    recorded = None
    if setting.custom:
        assert isinstance(network, Module)
        # What a factory draws for attributes, and what forwards keep in them, is found again.
        if setting.plugin_network is not None:
            [description["plugin"]] = plugins_among([("network", setting.plugin_network)])
        description["key"] = key(member.seed, "weights")
        description["probe"] = probe_outputs(network.eval(), dataset.encoder, setup.train.sizes["shape"])
        description["attributes"] = sorted(setup.traits(member).remembers)
        found = recorded_of(network, Examples.of(dataset.train, setting.dtype))
        recorded = found if isinstance(found, Recorded) else None
        if isinstance(found, str):
            description["not_recorded"] = found
    return Model(network, dataset.encoder, description, recorded, loss=setup.loss)


def _plain(values: Any) -> Any:
    """A number, or one for each of several values, as JSON writes them."""
    return values.tolist() if isinstance(values, np.ndarray) else values
