"""Built-in networks in evaluation as arrays: what their modules compute, without PyTorch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, ndtr
from typing_extensions import override

from ikura.json_values import JsonObject
from ikura.lazy_torch import nn, torch
from ikura.nn.array_encoding import encoded
from ikura.nn.averaging import Averaging
from ikura.nn.embedding_size import usual_size
from ikura.nn.encoding import NumericEncoding
from ikura.nn.generators import seeded
from ikura.nn.normalisation import EPSILON
from ikura.nn.target_transform import TargetTransform

if TYPE_CHECKING:
    from ikura.nn.ensemble import EnsembleNetwork
    from ikura.nn.mlp import MLP

__all__ = ["ArrayEnsemble", "ArrayMLP", "ArrayNetwork", "array_network", "state_shapes"]

_ACTIVATIONS: dict[str, Any] = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "sigmoid": expit,
    "leaky_relu": lambda z: np.where(z > 0, z, z * z.dtype.type(0.01)),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "gelu": lambda z: z * ndtr(z),
    "silu": lambda z: z * expit(z),
}
_STATISTICS = {"batch": ("running_mean", "running_var"), "ghost": ("running_mean", "running_deviation")}


class ArrayNetwork(ABC):
    """A trained built-in network.

    Attributes:
        form: the arguments of its module, as model.json holds them.
        state: arrays by the names of the module's `state_dict`, in their order.
    """

    form: JsonObject
    state: dict[str, np.ndarray]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision of its weights."""
        return next(iter(self.state.values())).dtype

    @property
    @abstractmethod
    def parameters(self) -> list[np.ndarray]:
        """Arrays that were trained, in the order of the module's parameters."""

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(one.size for one in self.parameters)

    @abstractmethod
    def __call__(self, x: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Compute the outputs of one mini-batch.

        Args:
            x: numeric features, shape (rows, ...).
            codes: categories to embed, integers of shape (rows, number of cardinalities).

        Returns:
            Logits or values, shape (rows, outputs), in the precision of the weights; NaN of rows that hold one.
        """

    @abstractmethod
    def _module(self) -> nn.Module:
        """Its module with whatever weights."""

    @cached_property
    def module(self) -> nn.Module:
        """The network as a module of PyTorch, in evaluation mode."""
        with seeded(0):
            made = self._module().to(getattr(torch, self.dtype.name))
        made.load_state_dict({name: torch.from_numpy(one.copy()) for name, one in self.state.items()})
        return made.eval()


class ArrayMLP(ArrayNetwork):
    """The fully connected network `ikura.nn.mlp.MLP`.

    Args:
        form: the arguments of the module.
        state: arrays by the names of its `state_dict`.

    Example:
        >>> form = {"inputs": 2, "outputs": 1, "units": [], "activation": "relu", "normalisation": "none"}
        >>> state = {"layers.0.weight": np.ones((1, 2)), "layers.0.bias": np.ones(1)}
        >>> network = ArrayMLP(form | {"cardinalities": []}, state)
        >>> network(np.array([[1.0, 2.0]]), np.zeros((1, 0))).tolist()
        [[4.0]]
    """

    def __init__(self, form: JsonObject, state: Mapping[str, np.ndarray]) -> None:
        self.form = form
        self.state = {name: np.asarray(state[name]) for name in self.shapes(form)}
        encoding, target = form.get("encoding"), form.get("target")
        self._encoding = None if encoding is None else NumericEncoding.of(encoding, form["inputs"])
        self._target = None if target is None else TargetTransform.of(target)

    @classmethod
    def of_weights(cls, form: JsonObject, weights: np.ndarray, running: Mapping[str, np.ndarray]) -> ArrayMLP:
        """Make a network of its weights.

        Args:
            form: the arguments of the module.
            weights: flat, in the order of the module's parameters.
            running: running statistics by name; those of a member that was padded begin with its own.
        """
        state, place, rates = {}, 0, _rates(form)
        for name, shape in cls.shapes(form).items():
            if name in rates:
                state[name] = np.asarray(rates[name], weights.dtype)
            elif name.endswith(".momentum"):
                state[name] = np.asarray(form["normalisation_momentum"], weights.dtype)
            elif _is_statistic(name):
                state[name] = np.asarray(running[name][: shape[0]], weights.dtype).copy()
            else:
                count = prod(shape)
                state[name] = weights[place : place + count].reshape(shape).copy()
                place += count
        return cls(form, state)

    @staticmethod
    def shapes(form: JsonObject) -> dict[str, tuple[int, ...]]:
        """Name to shape of each array of the state.

        Raises:
            ValueError: the encoding in the form does not hold together.
        """
        sizes = [(c, form.get("embedding_size") or usual_size(c)) for c in form["cardinalities"]]
        own = form.get("encoding")
        encoding = None if own is None else NumericEncoding.of(own, form["inputs"])
        width = (form["inputs"] if encoding is None else encoding.width) + sum(size for _, size in sizes)
        found: dict[str, tuple[int, ...]] = {"scale": (width,)} if form.get("scaled") else {}
        found |= {f"tables.{i}.weight": one for i, one in enumerate(sizes)}
        if encoding is not None:
            found |= {f"encoding.{name}": shape for name, shape in encoding.parameters.items()}
        normalised = form["normalisation"]
        for layer, units in enumerate(form["units"]):
            name = f"layers.{layer}" if normalised == "none" else f"layers.{layer}.0"
            found[f"{name}.weight"] = (units, width)
            if normalised == "none":
                found[f"{name}.bias"] = (units,)
            else:
                found |= {f"layers.{layer}.1.{one}": (units,) for one in ("weight", "bias")}
                found |= {f"layers.{layer}.1.momentum": ()} if normalised in _STATISTICS else {}
                found |= {f"layers.{layer}.1.{one}": (units,) for one in _STATISTICS.get(normalised, ())}
            width = units
        last = f"layers.{len(form['units'])}"
        found |= {f"{last}.weight": (form["outputs"], width), f"{last}.bias": (form["outputs"],)}
        return found | dict.fromkeys(_rates(form), ())

    @property
    @override
    def parameters(self) -> list[np.ndarray]:
        return [one for name, one in self.state.items() if not _is_statistic(name)]

    @override
    def __call__(self, x: np.ndarray, codes: np.ndarray) -> np.ndarray:
        form, state = self.form, self.state
        x = x.reshape(len(x), prod(x.shape[1:])).astype(self.dtype, copy=False)
        with np.errstate(all="ignore"):
            if self._encoding is not None:
                learnt = {name: state[f"encoding.{name}"] for name in self._encoding.parameters}
                x = encoded(self._encoding, x, learnt)
            if form["cardinalities"]:
                tables = (state[f"tables.{i}.weight"][codes[:, i]] for i in range(len(form["cardinalities"])))
                x = np.concatenate([x, *tables], 1)
            if form.get("scaled"):
                x = x * state["scale"]
            function = _ACTIVATIONS[form["activation"]]
            for layer in range(len(form["units"])):
                x = function(self._linear(layer, x))
            last = f"layers.{len(form['units'])}"
            out: np.ndarray = x @ state[f"{last}.weight"].T + state[f"{last}.bias"]
            return out if self._target is None else self._target.undo(out)

    def _linear(self, layer: int, x: np.ndarray) -> np.ndarray:
        """What a hidden layer gives its activation."""
        state, kind, name = self.state, self.form["normalisation"], f"layers.{layer}"
        if kind == "none":
            z: np.ndarray = x @ state[f"{name}.weight"].T + state[f"{name}.bias"]
            return z
        z = x @ state[f"{name}.0.weight"].T
        if kind == "layer":
            apart = z - z.mean(1, keepdims=True)
            deviation = np.sqrt(np.square(apart).mean(1, keepdims=True) + z.dtype.type(EPSILON))
        else:
            apart = z - state[f"{name}.1.running_mean"]
            deviation = (
                state[f"{name}.1.running_deviation"]
                if kind == "ghost"
                else np.sqrt(state[f"{name}.1.running_var"] + z.dtype.type(EPSILON))
            )
        found: np.ndarray = apart / deviation * state[f"{name}.1.weight"] + state[f"{name}.1.bias"]
        return found

    @override
    def _module(self) -> MLP:
        from ikura.nn.mlp import MLP

        return MLP(**self.form)


class ArrayEnsemble(ArrayNetwork):
    """Networks whose predictions are averaged, as `ikura.nn.ensemble.EnsembleNetwork` says.

    Args:
        members: the networks.
        shares: how much each counts.
        averaging: what outputs are turned into before they are averaged.
    """

    def __init__(self, members: Sequence[ArrayMLP], shares: Sequence[float], averaging: str) -> None:
        self.members, self.shares = list(members), [float(share) for share in shares]
        self.averaging = Averaging(averaging)
        self.form = {
            "members": [one.form for one in self.members],
            "shares": self.shares,
            "averaging": self.averaging.value,
        }
        self.state = {f"members.{i}.{name}": a for i, one in enumerate(self.members) for name, a in one.state.items()}

    @property
    @override
    def parameters(self) -> list[np.ndarray]:
        return [one for member in self.members for one in member.parameters]

    @override
    def __call__(self, x: np.ndarray, codes: np.ndarray) -> np.ndarray:
        z = np.stack([member(x, codes) for member in self.members])
        shares = np.array(self.shares, z.dtype).reshape(-1, 1, 1) / z.dtype.type(sum(self.shares))
        with np.errstate(all="ignore"):
            if self.averaging is Averaging.IDENTITY:
                total: np.ndarray = (shares * z).sum(0)
                return total
            logs = np.log(shares)
            if self.averaging is Averaging.EXPONENTIAL:
                return _log_sum_exp(z + logs)
            if self.averaging is Averaging.SOFTMAX:
                return _log_sum_exp(z - _log_sum_exp(z, 2, keepdims=True) + logs)
            yes, no = _log_sum_exp(logs - np.logaddexp(0, -z)), _log_sum_exp(logs - np.logaddexp(0, z))
            return np.asarray(yes - no)

    @override
    def _module(self) -> EnsembleNetwork:
        from ikura.nn.ensemble import EnsembleNetwork
        from ikura.nn.mlp import MLP

        return EnsembleNetwork([MLP(**one.form) for one in self.members], self.shares, self.averaging.value)


def state_shapes(form: JsonObject) -> dict[str, tuple[int, ...]]:
    """Name to shape of each array of a network, from its form in model.json."""
    if "members" not in form:
        return ArrayMLP.shapes(form)
    each = enumerate(form["members"])
    return {f"members.{i}.{name}": shape for i, one in each for name, shape in ArrayMLP.shapes(one).items()}


def array_network(form: JsonObject, state: Mapping[str, np.ndarray]) -> ArrayNetwork:
    """Make a network from its form in model.json and its arrays.

    Raises:
        KeyError: an array is missing.
        ValueError, UsageError: the form does not hold together.
    """
    if "members" not in form:
        return ArrayMLP(form, state)
    members = [
        ArrayMLP(one, {name: state[f"members.{i}.{name}"] for name in ArrayMLP.shapes(one)})
        for i, one in enumerate(form["members"])
    ]
    return ArrayEnsemble(members, form["shares"], form["averaging"])


def _is_statistic(name: str) -> bool:
    """Whether an array of a state is no parameter."""
    return name.endswith((".momentum", ".rate")) or ".running_" in name


def _rates(form: JsonObject) -> dict[str, float]:
    """Rates of dropout by the names that they have in a state."""
    given, hidden = form.get("dropout", 0.0), len(form["units"])
    each = [given] * hidden if isinstance(given, int | float) else given
    found = {f"dropouts.{layer}.rate": float(rate) for layer, rate in enumerate(each)}
    return found | ({"dropout_input.rate": float(form["dropout_input"])} if form.get("dropout_input") else {})


def _log_sum_exp(z: np.ndarray, axis: int = 0, keepdims: bool = False) -> np.ndarray:
    most = z.max(axis, keepdims=True)
    most = np.where(np.isfinite(most), most, 0)
    found: np.ndarray = np.log(np.exp(z - most).sum(axis, keepdims=True)) + most
    return found if keepdims else found.squeeze(axis)
