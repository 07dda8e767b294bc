"""A model read from its files: the network is made again, filled with its weights and compared with what it was."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ikura.data.encoder import Encoder
from ikura.data.encoder.make import read_encoder
from ikura.errors import RunError, UsageError
from ikura.json_values import Json, JsonObject
from ikura.lazy_torch import nn, torch
from ikura.nn.array_network import ArrayNetwork, array_network, state_shapes
from ikura.nn.loss import Loss
from ikura.plugins import check_plugins, plugin_network
from ikura.population import attributes
from ikura.population.factory import COMPILED, Factory, build
from ikura.population.network_setup import Network
from ikura.study.record.address import written_address
from ikura.study.record.model import Model
from ikura.study.record.model_form import BESIDE, BUFFER, check_fit, check_seal, read_form, read_weights
from ikura.study.record.pretrained import Pretrained, built_in, layout_without_weights
from ikura.study.record.probe_outputs import probe_outputs, same_outputs
from ikura.study.record.recorded_network import is_own, read_recorded
from ikura.study.record.versions import LIBRARIES, difference

__all__ = ["load_model"]

_LOGGER = logging.getLogger("ikura")


def load_model(folder: str | Path, network: Factory | None = None, loss: Loss | None = None) -> Model:
    """Load a model from its folder, or from the folder of the run that made it.

    Args:
        folder: what `Model.save` wrote, or a run folder.
        network: the factory, if the network was the caller's own; without it a network of the recorded operations is
            made.
        loss: the loss, if it was the caller's own.

    Returns:
        The model, in evaluation mode.

    Raises:
        RunError: there is no model, its files are not whole, or its factory is missing and its operations could not be
            recorded.
    """
    folder = Path(folder)
    place = folder / "model" if (folder / "model" / "model.json").is_file() else folder
    described = place / "model.json"
    if not described.is_file():
        address = written_address(folder / "config.toml")
        there = "" if address is None else f", and that of {address} may lie in its run folder on another machine"
        raise RunError(f"{folder}: no model there (no model.json); a run has one when it has ended{there}")
    content = read_form(described)
    form = content["network"]
    if form is None and network is None:
        network = _plugin_of(content, place)
    if is_own(form) and network is None and "graph" not in content:
        why = f" ({content['not_recorded']})" if "not_recorded" in content else ""
        raise RunError(
            f"{place}: the network is your own, and its operations could not be recorded{why}; give its factory: "
            f"ikura.load({str(folder)!r}, network=…)"
        )
    encoder, tensors, module = _parts(content, place)
    if module is None and network is not None:
        module = build(network, content["hyperparameters"], content.get("key", 0), str(place))
        module = network.whole(module) if isinstance(network, Pretrained) else module
    graph = content.pop("graph", None)
    recorded = None if graph is None else read_recorded(place, graph, tensors)
    if module is None and recorded is not None:
        module = recorded.module()
    assert module is not None
    if not isinstance(module, ArrayNetwork):
        module = _filled(module, tensors, place)
    check_seal(described)
    content.pop("seal", None)
    if line := difference(content.pop("versions", {}), LIBRARIES):
        _LOGGER.warning("%s: %s", place, line)
    plain = None
    if not isinstance(module, ArrayNetwork):
        _check_outputs(module, encoder, content, place)
        plain = network.author_module(module) if isinstance(network, Pretrained) else None
    run = place.parent if (place.parent / "config.toml").is_file() and place.name == "model" else None
    try:
        return Model(module, encoder, content, recorded, plain, run, loss)
    except UsageError as error:
        raise RunError(f"{place}: {error}") from error


def _plugin_of(content: JsonObject, place: Path) -> Factory | None:
    """The network's factory where a plug-in brings it; None where it is gone, but the operations were recorded."""
    if "plugin" not in content:
        return None
    try:
        check_plugins([content["plugin"]])
        factory: Factory = plugin_network(content["plugin"]["name"])
        return factory
    except UsageError as error:
        if "graph" not in content:
            raise RunError(f"{place}: {error}") from error
        _LOGGER.warning("%s: %s; until then the recorded operations of its network are used", place, error)
        return None


def _parts(content: JsonObject, place: Path) -> tuple[Encoder, dict[str, Any], Network | None]:
    """The encoder, the weights and, of ikura's own, the network; the first two are taken out of the content."""
    described, form, hyperparameters = place / "model.json", content["network"], content["hyperparameters"]
    try:
        encoder = read_encoder(content.pop("encoder"))
        check_fit(described, form, encoder)
        known, path = content.pop("weights", None), place / "weights.safetensors"
        if isinstance(form, dict) and ("inputs" in form or "members" in form):
            arrays = read_weights(path, state_shapes(form), known, tensors=False)
            own = {name: one for name, one in arrays.items() if not name.startswith(BESIDE)}
            return encoder, arrays, array_network(form, own)
        empty = layout_without_weights(form, hyperparameters, str(place))
        layout = None if empty is None else {name: tuple(one.shape) for name, one in empty.state_dict().items()}
        return encoder, read_weights(path, layout, known), built_in(form, hyperparameters, str(place))
    except RunError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, UsageError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise RunError(f"{described}: network: {reason}") from error


def _filled(module: nn.Module, tensors: Mapping[str, torch.Tensor], place: Path) -> nn.Module:
    """The module with its weights, and with what is kept beside them, in their precision."""
    from ikura.export.operations import RecordedNetwork

    tensors = {name.removeprefix(f"{COMPILED}."): tensor for name, tensor in tensors.items()}
    parameters = (tensors[name] for name, _ in module.named_parameters() if name in tensors)
    dtype = next((tensor.dtype for tensor in parameters if tensor.is_floating_point()), torch.float32)
    module = module.to(dtype)
    beside = {name: tensors.pop(name) for name in list(tensors) if name.startswith(BESIDE)}
    try:
        module.load_state_dict(tensors)
        if not isinstance(module, RecordedNetwork):
            attributes.restore(module, {name: tensor.numpy() for name, tensor in beside.items()})
        buffers = dict(module.named_buffers())
        for name, tensor in beside.items():
            if name.startswith(BUFFER):
                buffers[name.removeprefix(BUFFER)].copy_(tensor)
    except (RuntimeError, KeyError, AttributeError) as error:
        raise RunError(
            f"{place / 'weights.safetensors'}: the weights do not fit the network of model.json: "
            f"{' '.join(str(error).split())}"
        ) from error
    return module


def _check_outputs(module: nn.Module, encoder: Encoder, content: Mapping[str, Json], place: Path) -> None:
    """Refuse a factory whose network computes something else than the one that was saved."""
    if content.get("probe") is None or not is_own(content["network"]):
        return
    found = probe_outputs(module.eval(), encoder, content["hyperparameters"].get("shape", []))
    if found is None or not same_outputs(content["probe"], found):
        raise RunError(
            f"{place}: with this factory the network computes something else than it did when it was saved; give "
            "the factory that it was trained with"
        )
