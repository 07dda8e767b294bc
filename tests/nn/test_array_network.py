"""Built-in networks as arrays against their modules in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ikura.nn import ACTIVATIONS, MLP, NORMALISATIONS
from ikura.nn.array_network import ArrayEnsemble, ArrayMLP, array_network
from ikura.nn.encoding import ENCODINGS, WAVES, fit_encoding
from ikura.nn.ensemble import EnsembleNetwork
from ikura.nn.target_transform import TRANSFORMS, fit_target

# Both sides add some dozens of numbers of size about 1 in float64.
CLOSE = 1e-11

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(40, 3))
CODES = RANDOM.integers(0, 4, (40, 2))
Y = RANDOM.gamma(2.0, size=60)
BASE = {
    "inputs": 3,
    "outputs": 2,
    "units": [5, 4],
    "activation": "tanh",
    "dropout": 0.25,
    "cardinalities": [4, 7],
    "dropout_input": 0.125,
    "normalisation": "none",
    "ghost_size": 4,
    "normalisation_momentum": 0.25,
}


def encoding(kind: str) -> dict[str, Any]:
    sizes = (3, 4) if kind in WAVES else (0, 0)
    fitted = fit_encoding(kind, X, [(0, -1), (2, -1)], 4 if kind == "piecewise_linear" else 0, *sizes)
    return {} if fitted is None else {"encoding": fitted.form}


def target(kind: str) -> dict[str, Any]:
    mean, std = float(Y.mean()), float(Y.std())
    fitted = fit_target(kind, (Y - mean) / std, mean, std)
    return {} if fitted is None else {"target": fitted.form}


CASES: dict[str, dict[str, Any]] = {
    **{f"activation={name}": {"activation": name} for name in ACTIVATIONS},
    **{f"normalisation={name}": {"normalisation": name} for name in NORMALISATIONS},
    **{f"encoding={name}": encoding(name) for name in ENCODINGS},
    **{f"target={name}": target(name) for name in TRANSFORMS},
    "scaled": {"scaled": True},
    "embedding_size": {"embedding_size": 3},
    "linear": {"units": []},
    "no categories": {"cardinalities": []},
}


def module(form: dict[str, Any], seed: int = 0) -> MLP:
    """A network with drawn weights and statistics."""
    torch.manual_seed(seed)
    made = MLP(**form).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_()
        for name, buffer in made.named_buffers():
            if "running" in name:
                buffer.uniform_(0.5, 2)
    return made.eval()


def state(made: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.detach().numpy() for name, tensor in made.state_dict().items()}


def codes_of(form: dict[str, Any]) -> np.ndarray:
    return CODES[:, : len(form["cardinalities"])]


@pytest.mark.parametrize("name", CASES)
def test_an_array_network_computes_what_its_module_does(name: str) -> None:
    form = BASE | CASES[name]
    made = module(form)
    wanted = made(torch.from_numpy(X), torch.from_numpy(codes_of(form))).detach().numpy()
    kept = state(made)
    shapes = {one: array.shape for one, array in kept.items()}
    assert ArrayMLP.shapes(form) == shapes
    network = array_network(form, kept)
    np.testing.assert_allclose(network(X, codes_of(form)), wanted, rtol=CLOSE, atol=CLOSE)
    assert network.size == sum(parameter.numel() for parameter in made.parameters())
    for one, other in zip(network.parameters, made.parameters(), strict=True):
        np.testing.assert_array_equal(one, other.detach().numpy())
    again = network.module.state_dict()
    assert all(torch.equal(again[one], made.state_dict()[one]) for one in shapes)
    assert not network.module.training


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_flat_weights_are_in_the_order_of_the_parameters(normalisation: str) -> None:
    form = BASE | {"normalisation": normalisation}
    made = module(form)
    flat = torch.nn.utils.parameters_to_vector(made.parameters()).detach().numpy()
    wide = {name: np.append(buffer.numpy(), 9.0) for name, buffer in made.named_buffers() if "running" in name}
    network = ArrayMLP.of_weights(form, flat, wide)
    assert list(network.state) == list(state(made))
    for name, array in network.state.items():
        np.testing.assert_array_equal(array, state(made)[name])


@pytest.mark.parametrize("averaging", ["sigmoid", "softmax", "identity", "exponential"])
def test_an_ensemble_of_arrays_is_that_of_modules(averaging: str) -> None:
    modules, shares = [module(BASE, seed) for seed in range(3)], [1.0, 2.0, 5.0]
    wanted = EnsembleNetwork(modules, shares, averaging)(torch.from_numpy(X), torch.from_numpy(CODES))
    found = ArrayEnsemble([ArrayMLP(BASE, state(one)) for one in modules], shares, averaging)
    np.testing.assert_allclose(found(X, CODES), wanted.detach().numpy(), rtol=CLOSE, atol=CLOSE)
    again = array_network(found.form, found.state)
    np.testing.assert_array_equal(again(X, CODES), found(X, CODES))
    outputs = found.module(torch.from_numpy(X), torch.from_numpy(CODES)).detach().numpy()
    np.testing.assert_allclose(outputs, wanted.detach().numpy(), rtol=CLOSE, atol=CLOSE)


@pytest.mark.parametrize(
    "name", ["activation=relu", "encoding=quantile", "encoding=piecewise_linear", "target=quantile"]
)
def test_nan_stays_in_its_row(name: str) -> None:
    form = BASE | CASES[name]
    network = ArrayMLP(form, state(module(form)))
    x = X.copy()
    x[3, 0] = np.nan
    found = network(x, CODES)
    assert np.isnan(found[3]).all()
    np.testing.assert_array_equal(np.delete(found, 3, 0), np.delete(network(X, CODES), 3, 0))
