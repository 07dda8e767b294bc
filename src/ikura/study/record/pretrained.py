"""Starting from a pretrained network: what a study freezes, what it trains, and how it finds it again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NotRequired

from safetensors import SafetensorError
from typing_extensions import TypedDict

from ikura.data.encoder import Encoder
from ikura.data.encoder.make import read_encoder
from ikura.errors import RunError, UsageError, nearest
from ikura.files import write_atomically
from ikura.json_values import JsonObject
from ikura.lazy_torch import nn, torch
from ikura.nn.freeze import FREEZE
from ikura.nn.generators import seeded
from ikura.nn.zoo import network as zoo_network
from ikura.population.factory import build
from ikura.population.member import Hyperparameters
from ikura.schema import Short

if TYPE_CHECKING:
    from ikura.nn.transfer import Cut
    from ikura.nn.zoo.cnn import Recipe

__all__ = ["MANY", "Pretrained", "PretrainedRecord", "built_in", "fitted"]

MANY = 2000
"""Training and dev examples from which on `auto` freezes nothing without trying."""

WEIGHTS = "pretrained.safetensors"


class PretrainedRecord(TypedDict):
    """What a setting or a model remembers of a `Pretrained`: freeze, and JSON of form and encoder."""

    freeze: Literal["all", "most", "none"]
    form: Short
    encoder: NotRequired[Short]


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A factory of networks that begin as a pretrained one with a new head; `ikura.pretrained` makes it.

    Attributes:
        module: the pretrained network.
        freeze: "all", "most", "none", or "auto" (decided on the data).
        form: what its architecture is made from again, {"network", "hyperparameters"}; None for the caller's.
        encoder: what standardised the images or arrays it was trained on, which new ones of that shape go through too;
            None if it is not known.
    """

    module: nn.Module
    freeze: str = "auto"
    form: Mapping[str, Any] | None = None
    encoder: Encoder | None = None

    def __post_init__(self) -> None:
        known = ("auto", *FREEZE)
        if self.freeze not in known:
            raise UsageError(
                f"unknown freeze {self.freeze!r}{nearest(str(self.freeze), known)}: use {', '.join(known)}"
            )

    @cached_property
    def cut(self) -> Cut:
        """The frozen body and the top that learns."""
        from ikura.nn.transfer import cut

        return cut(self.module, self.freeze)

    @property
    def body(self) -> nn.Module:
        """What is frozen; its outputs are computed once and the study trains on them."""
        return self.cut.body

    @property
    def freezes(self) -> bool:
        """Whether anything is frozen."""
        return not isinstance(self.body, nn.Identity)

    @property
    def convolutional(self) -> bool:
        """Whether the whole of ikura's small convolutional network learns, for which there is a compiled kernel."""
        return self.form is not None and self.form["network"] == "cnn" and not self.freezes

    def recipe(self, hp: Mapping[str, Any]) -> Recipe:
        """What the small convolutional network of a trial is like: the pretrained one's, with outputs of its own."""
        from ikura.nn.zoo.cnn import Recipe

        assert self.form is not None
        return Recipe.of({**self.form["hyperparameters"], "outputs": hp["outputs"]})

    def __call__(self, hp: Hyperparameters) -> nn.Module:
        """Make one trial's network: a copy of the top with a new head."""
        from ikura.nn.transfer import replace_head

        return replace_head(deepcopy(self.cut.top), self.cut.head, hp.outputs)

    def whole(self, top: nn.Module) -> nn.Module:
        """Put a trained top behind the body: the network that takes the data as they are."""
        return nn.Sequential(self.body, top)

    def author_module(self, whole: nn.Module) -> nn.Module:
        """Make the pretrained network of its own class with a trained top and head, from what `whole` made of them."""
        from ikura.nn.transfer import replace_head

        if not isinstance(whole, nn.Sequential) or len(whole) != 2 or not self.cut.head:
            return whole
        parts = whole[0].state_dict() | whole[1].state_dict()
        outputs = len(parts[f"{self.cut.head}.weight"])
        module = replace_head(deepcopy(self.module), self.cut.head, outputs)
        module.load_state_dict(parts)
        return module.eval()

    def keep(self, run: Path) -> None:
        """Write the pretrained weights to a run folder."""
        from safetensors.torch import save

        tensors = {name: tensor.contiguous().clone() for name, tensor in self.module.state_dict().items()}
        write_atomically(run / WEIGHTS, save(tensors))

    @property
    def record(self) -> JsonObject:
        """What a setting or a model remembers: freeze, and JSON of form and encoder."""
        encoder = None if self.encoder is None else self.encoder.to_dict()
        return {"freeze": self.freeze, "form": json.dumps(self.form), "encoder": json.dumps(encoder)}

    @classmethod
    def of(cls, record: Mapping[str, Any], run: Path | None = None) -> Pretrained:
        """Make it again from its record, with the weights kept in a run folder if one is given."""
        form = json.loads(record["form"])
        module = _architecture(form, str(run))
        if run is not None:
            load_weights(module, run / WEIGHTS)
        return cls(module, record["freeze"], form, fitted(record))


def fitted(record: Mapping[str, Any]) -> Encoder | None:
    """The encoder in the record of a `Pretrained`, if there is one."""
    form = json.loads(record.get("encoder", "null"))
    return None if form is None else read_encoder(form)


def _architecture(form: Mapping[str, Any], place: str) -> nn.Module:

    module = built_in(form["network"], form["hyperparameters"], place)
    assert module is not None
    return plain_module(module, place)


def plain_module(module: nn.Module, place: str) -> nn.Module:
    """Let the fully connected network take examples of any shape, and put out what its last layer does."""
    from ikura.nn.mlp import MLP

    if not isinstance(module, MLP):
        return module
    if len(module.tables):
        raise UsageError(f"{place}: a network with embedded categories cannot be a pretrained one")
    # What is learned now is of another study: its values are not those that were transformed.
    module.target = None
    return nn.Sequential(nn.Flatten(), module)


def load_weights(module: nn.Module, path: Path) -> None:
    """Load weights; those of another head are left out, everything else must fit."""
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            tensors = load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
            tensors = tensors.get("state_dict", tensors)
        own = module.state_dict()
        module.load_state_dict({name: tensor.to(own[name].dtype) for name, tensor in tensors.items()})
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, AttributeError, EOFError) as error:
        kind = RunError if path.name == WEIGHTS else UsageError
        raise kind(f"{path}: the weights do not fit the network: {' '.join(str(error).split())}") from error
    except Exception as error:  # torch.load's unpickler raises errors of a kind of its own
        raise UsageError(f"{path}: not a file of weights: {' '.join(str(error).split())[:200]}") from error


def layout_without_weights(form: Any, hyperparameters: Mapping[str, Any], place: str) -> nn.Module | None:
    """A network of ikura's without memory for its weights; None where its layout is not known so."""
    if form is None or (isinstance(form, Mapping) and "freeze" in form):
        return None
    with torch.device("meta"):
        return built_in(form, hyperparameters, place)


def built_in(form: JsonObject | str | None, hyperparameters: Mapping[str, Any], place: str) -> nn.Module | None:
    """Make a network of ikura's from its form in model.json; None for a caller's own."""
    from ikura.nn.ensemble import EnsembleNetwork
    from ikura.nn.mlp import MLP

    if isinstance(form, str):
        return build(zoo_network(form), hyperparameters, 0, place)
    if form is not None and "freeze" in form:
        if form["form"] == "null":
            return None
        start = Pretrained.of(form)
        return start.whole(build(start, hyperparameters, 0, place))
    if form is None:
        return None
    with seeded(0):
        if "members" in form:
            members = [MLP(**member) for member in form["members"]]
            return EnsembleNetwork(members, form["shares"], form["averaging"])
        return MLP(**form)
