"""What a model's files must hold: one schema for model.json, and for the weights the layout of its network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired

import numpy as np
from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file
from typing_extensions import TypedDict

from ikura.data.encoder import Encoder
from ikura.data.encoder.encoder_form import EncoderForm
from ikura.errors import RunError
from ikura.json_values import JsonObject
from ikura.lazy_torch import Tensor, torch
from ikura.nn.loss import LOSSES, outputs_of
from ikura.plugins import PluginRecord
from ikura.schema import Count, Digits, Finite, Name, Scalar, Share, Short, Whole, parsed, read_file, seal_of
from ikura.study.record.pretrained import PretrainedRecord
from ikura.version import __version__

__all__ = [
    "BESIDE",
    "BUFFER",
    "CONSTANT",
    "FORMAT",
    "OF_ENSEMBLE",
    "check_fit",
    "check_seal",
    "digest",
    "read_form",
    "read_weights",
    "seal",
]

FORMAT, OF_ENSEMBLE = 1, 2
"""The format of a model of one network, and that of an ensemble, which an ikura without ensembles does not read."""
MOST_UNITS = 1 << 24
BUFFER, CONSTANT = "buffer:", "constant:"
BESIDE = (BUFFER, CONSTANT, "attribute")
"""What stands before the names of tensors that are not in a network's `state_dict`."""
Units = Annotated[Count, Le(MOST_UNITS)]


Shape = Annotated[list[Whole], MaxLen(64)]


class EncodingRecord(TypedDict):
    """The form of `ikura.nn.encoding.NumericEncoding`."""

    kind: Name
    columns: Annotated[list[Whole], MaxLen(1_000_000)]
    numbers: Annotated[list[Annotated[list[Finite], MaxLen(10_000)]], MaxLen(1_000_000)]
    frequencies: NotRequired[Annotated[Count, Le(10_000)]]
    size: NotRequired[Annotated[Count, Le(10_000)]]


class TargetRecord(TypedDict):
    """The form of `ikura.nn.target_transform.TargetTransform`."""

    kind: Name
    numbers: Annotated[list[Finite], MaxLen(10_000)]
    low: Finite
    high: Finite


class NetworkRecord(TypedDict):
    """The arguments of `ikura.nn.mlp.MLP`."""

    inputs: Annotated[Whole, Le(MOST_UNITS)]
    outputs: Units
    units: Annotated[list[Units], MaxLen(10_000)]
    activation: Name
    dropout: Share | Annotated[list[Share], MaxLen(10_000)]
    cardinalities: Annotated[list[Units], MaxLen(100_000)]
    dropout_input: Share
    normalisation: Name
    ghost_size: Count
    normalisation_momentum: Share
    encoding: NotRequired[EncodingRecord]
    scaled: NotRequired[bool]
    embedding_size: NotRequired[Annotated[Count, Le(4096)]]
    target: NotRequired[TargetRecord]


class ErrorsRecord(TypedDict):
    """The form of `ikura.metric.conformal.HeldOutErrors`."""

    edges: Annotated[list[Finite], MaxLen(100)]
    errors: Annotated[list[Annotated[list[Finite], MaxLen(100_000)]], MinLen(1), MaxLen(101)]


class EnsembleRecord(TypedDict):
    """An ensemble: its networks, how much each counts, and what is averaged, as for `ikura.nn.ensemble`."""

    members: Annotated[list[NetworkRecord], MinLen(1), MaxLen(10_000)]
    shares: Annotated[list[Annotated[Finite, Gt(0)]], MinLen(1), MaxLen(10_000)]
    averaging: Literal["sigmoid", "softmax", "identity", "exponential"]


class ModelForm(TypedDict):
    """The content of model.json."""

    format: Literal[1, 2]
    task: Literal["binary", "multiclass", "multilabel", "regression", "own"]
    target: Short | None
    classes: list[Scalar] | None
    target_mean: Finite | list[Finite]
    target_std: Annotated[Finite, Gt(0)] | list[Annotated[Finite, Gt(0)]]
    network: NetworkRecord | EnsembleRecord | PretrainedRecord | Name | None
    hyperparameters: dict[Name, Scalar | Shape | list[Whole | Shape] | dict[Name, Whole | Shape]]
    encoder: EncoderForm
    positive: NotRequired[Scalar | None]
    temperature: NotRequired[Annotated[Finite, Gt(0)]]
    threshold: NotRequired[Share]
    errors: NotRequired[ErrorsRecord]
    bounds: NotRequired[Annotated[list[Finite], MinLen(2), MaxLen(2)]]
    loss: NotRequired[Name]
    own_loss: NotRequired[bool]
    own_prediction: NotRequired[bool]
    target_shape: NotRequired[list[Count]]
    targets: NotRequired[Annotated[list[Short], MinLen(2)]]
    levels: NotRequired[list[Annotated[list[Scalar], MinLen(2), MaxLen(2)]]]
    key: NotRequired[Annotated[int, Ge(0)]]
    attributes: NotRequired[list[Name]]
    plugin: NotRequired[PluginRecord]
    probe: NotRequired[list[Finite] | None]
    weights: NotRequired[Digits]
    graph: NotRequired[Digits]
    not_recorded: NotRequired[Short]
    versions: NotRequired[dict[Name, Name]]
    seal: NotRequired[Digits]


def read_form(path: Path) -> JsonObject:
    """Read model.json.

    Raises:
        RunError: naming the field that is wrong, or because a later ikura wrote it.
    """
    text = read_file(path)
    _check_format(text, path)
    form: JsonObject = parsed(ModelForm, text, str(path))
    classes = form["classes"]
    if (form["task"] in ("regression", "own")) != (classes is None):
        raise RunError(f"{path}: classes and task do not go together: a regression has none, every other task has some")
    several = 1 if form["task"] == "multilabel" else 2
    if classes is not None and (len(classes) < several or (form["task"] == "binary" and len(classes) != 2)):
        raise RunError(f"{path}: classes are {len(classes)}, which a {form['task']} task cannot have")
    for one in form["encoder"].get("encodings", []):
        if one["name"] not in form["encoder"]["inputs"]:
            raise RunError(
                f"{path}: encoder.encodings names the column {one['name'][:60]!r}, which is none of its inputs"
            )
    values, known = prod(form.get("target_shape") or ()), form.get("loss", "").partition(":")[0]
    loss = LOSSES[known] if known in LOSSES.built_in else None
    outputs = outputs_of(form["task"], len(classes or []), values, loss)
    network = form["network"]
    members = network["members"] if isinstance(network, dict) and "members" in network else []
    if members and len(members) != len(network["shares"]):
        raise RunError(f"{path}: network.shares are {len(network['shares'])}, but network.members {len(members)}")
    parts = {"hyperparameters": form["hyperparameters"], "network": network}
    parts |= {f"network.members[{place}]": one for place, one in enumerate(members)}
    for where, part in parts.items():
        there = part["outputs"] if isinstance(part, dict) and "outputs" in part else outputs
        if there != outputs:
            raise RunError(f"{path}: {where}.outputs should be {outputs}, by task and classes, but is {there!r}")
    return form


def _check_format(text: bytes, path: Path) -> None:
    """Refuse a later format before its fields are read; what is no JSON at all is left to others."""
    try:
        form = json.loads(text)
    except (ValueError, RecursionError):
        return
    found = form.get("format") if isinstance(form, dict) else None
    if isinstance(found, int) and found > OF_ENSEMBLE:
        raise RunError(
            f"{path}: is of format {found}, and ikura {__version__} knows none after {OF_ENSEMBLE}; install a later "
            "ikura"
        )


def check_fit(path: Path, network: Any, encoder: Encoder) -> None:
    """Refuse a fully connected network that takes other inputs than the encoder makes.

    Args:
        path: the file that both are from.
        network: the form of the network.
        encoder: the encoder.
    """
    for place, member in enumerate(network.get("members", [])) if isinstance(network, Mapping) else ():
        _check_member(path, f"network.members[{place}]", member, encoder)
    _check_member(path, "network", network, encoder)


def _check_member(path: Path, name: str, network: Any, encoder: Encoder) -> None:
    if not isinstance(network, Mapping) or "inputs" not in network:
        return
    shape = getattr(encoder, "shape", None)
    features = len(encoder.feature_names) if shape is None else prod(shape)
    if network["inputs"] != features:
        raise RunError(f"{path}: {name}.inputs should be {features}, by the encoder, but is {network['inputs']}")
    if network["cardinalities"] != encoder.cardinalities:
        raise RunError(f"{path}: {name}.cardinalities should be {encoder.cardinalities}, by the encoder")


def seal(content: Mapping[str, Any]) -> str:
    """A digest of all of model.json that decides about predictions; of the versions it says nothing."""
    return seal_of({name: value for name, value in content.items() if name not in ("versions", "seal")})


def check_seal(path: Path) -> None:
    """Refuse a model.json that was changed since it was written; one without a seal is of an earlier version.

    Raises:
        RunError: it was changed, or is damaged.
    """
    content = json.loads(read_file(path))
    if content.get("seal", seal(content)) != seal(content):
        raise RunError(
            f"{path}: was changed since ikura wrote it, or is damaged, and may predict otherwise; "
            "bring the run's own file back"
        )


def digest(content: bytes) -> str:
    """The digest by which weights are known again."""
    return hashlib.sha256(content).hexdigest()


def read_weights(
    path: Path, layout: Mapping[str, tuple[int, ...]] | None, known: str | None, tensors: bool = True
) -> dict[str, Any]:
    """Read the weights of a model.

    Args:
        path: weights.safetensors.
        layout: names and shapes of the tensors of its network; None if they are not known yet.
        tensors: whether they are read as tensors, or as arrays.
        known: the digest that the weights had when they were written; None if it is not on record.

    Raises:
        RunError: they are not whole, others than were written, not finite, or of another layout.
    """
    if not path.is_file():
        raise RunError(f"{path}: the weights of the model are gone; bring the run's own file back")
    try:
        with safe_open(path, framework="np") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        if layout is not None:
            check_layout(path, shapes, layout)
        if known is not None and digest(path.read_bytes()) != known:
            raise RunError(f"{path}: not the weights that were saved with the model; bring the run's own file back")
        found: dict[str, Any] = _tensors(path) if tensors else load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{path}: the weights are not whole: {' '.join(str(error).split())}") from error
    for name, one in found.items():
        if not (torch.isfinite(one) if isinstance(one, Tensor) else np.isfinite(one)).all():
            raise RunError(f"{path}: {name} should be finite numbers, but holds others")
    return found


def _tensors(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(path)


def check_layout(path: Path, shapes: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse weights that are not those of a network.

    Raises:
        RunError: naming the first tensor that is missing, too many or of another shape.
    """
    for name in (*wanted, *shapes):
        if name not in shapes:
            raise RunError(f"{path}: the weights do not fit the network of model.json: {name} is missing")
        if name.startswith(BESIDE):
            continue
        if name not in wanted:
            raise RunError(f"{path}: the weights do not fit the network of model.json, which has no {name}")
        if shapes[name] != wanted[name]:
            raise RunError(
                f"{path}: the weights do not fit the network of model.json: {name} has the shape {shapes[name]}, "
                f"not {wanted[name]}"
            )
