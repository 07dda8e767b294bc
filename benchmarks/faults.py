"""Planted faults in code, data and settings, and the check that must find each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["FAULTS", "Fault"]


@dataclass(frozen=True)
class Fault:
    """A fault and how it must be found.

    Attributes:
        name: what was planted.
        where: code, data or settings.
        check: the check that must not pass.
        named: words that its finding, cause or fix must hold.
        make: arguments of `ikura.check`.
    """

    name: str
    where: str
    check: str
    named: str
    make: Callable[[], dict[str, Any]]


FAULTS: dict[str, Fault] = {}


def fault(where: str, check: str, named: str) -> Callable[[Callable[[], dict[str, Any]]], Callable[[], dict[str, Any]]]:
    """Enter a function into the table under its own name."""

    def enter(make: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
        name = make.__name__.replace("_", " ")
        FAULTS[name] = Fault(name, where, check, named, make)
        return make

    return enter


def plain(*widths: int, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), activation()]
    return nn.Sequential(*layers[:-1])


def arrays(load: Callable[..., Any], seed: int = 0, scaled: bool = True) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Three parts of a data set, standardised with constants of the training set."""
    x, y = load(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    x, y = x[order].astype(np.float32), y[order]
    a, b = int(0.6 * len(x)), int(0.8 * len(x))
    if scaled:
        x = (x - x[:a].mean(0)) / np.maximum(x[:a].std(0), 1e-6)
    if y.dtype.kind == "f":
        y = ((y - y[:a].mean()) / y[:a].std()).astype(np.float32)
    return {"train": (x[:a], y[:a]), "dev": (x[a:b], y[a:b]), "test": (x[b:], y[b:])}


def on(load: Callable[..., Any], network: Any, **more: Any) -> dict[str, Any]:
    return {"what": arrays(load), "network": network, **more}


class Wired(nn.Module):
    """A network whose forward is a function of its layers and the inputs."""

    def __init__(self, forward: Callable[[Any, Tensor], Tensor], **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self._forward = forward

    def forward(self, x: Tensor) -> Tensor:
        return self._forward(self, x)


class WrongLinear(torch.autograd.Function):
    """x Wᵀ with a gradient of W that is a tenth too large in one row."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return x @ weight.T

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        slope = grads[0].T @ x
        slope[1] *= 1.1
        return grads[0] @ weight, slope


class WrongTanh(torch.autograd.Function):
    """tanh with the backward pass of 1 - tanh instead of 1 - tanh²."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.tanh()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (y,) = ctx.saved_tensors
        return grads[0] * (1 - y)


class WrongSquare(torch.autograd.Function):
    """Mean square whose backward pass forgets the 2."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x**2).mean()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return grads[0] * x / x.numel()


class OwnLinear(nn.Module):
    """A linear layer over a custom function."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / inputs**0.5)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = WrongLinear.apply(x, self.weight)
        return out


@fault("code", "gradient", "second.weight[1")
def wrong_gradient_of_a_weight() -> dict[str, Any]:
    def forward(net: Any, x: Tensor) -> Tensor:
        return net.third(net.second(net.first(x).tanh()).tanh())

    return on(
        load_iris,
        lambda: Wired(forward, first=nn.Linear(4, 8), second=OwnLinear(8, 8), third=nn.Linear(8, 3)),
    )


@fault("code", "gradient", "second.bias is wrong and third.weight is right")
def wrong_gradient_of_an_activation() -> dict[str, Any]:
    def forward(net: Any, x: Tensor) -> Tensor:
        return net.third(WrongTanh.apply(net.second(net.first(x).tanh())))

    return on(load_iris, lambda: Wired(forward, first=nn.Linear(4, 8), second=nn.Linear(8, 8), third=nn.Linear(8, 3)))


@fault("code", "gradient", "the loss")
def wrong_gradient_of_a_loss() -> dict[str, Any]:
    return on(load_diabetes, lambda: plain(10, 8, 1), loss=lambda out, y: WrongSquare.apply(out[:, 0] - y))


@fault("code", "outputs", "softmax is applied twice")
def softmax_before_cross_entropy() -> dict[str, Any]:
    return on(load_iris, lambda: nn.Sequential(plain(4, 16, 3), nn.Softmax(1)))


@fault("code", "outputs", "sigmoid is applied twice")
def sigmoid_before_cross_entropy_of_logits() -> dict[str, Any]:
    return on(load_breast_cancer, lambda: nn.Sequential(plain(30, 16, 1), nn.Sigmoid()))


@fault("code", "outputs", "ReLU")
def relu_behind_a_regression() -> dict[str, Any]:
    return on(load_diabetes, lambda: nn.Sequential(plain(10, 16, 1), nn.ReLU()))


@fault("code", "outputs", "tanh")
def tanh_behind_a_regression() -> dict[str, Any]:
    return on(load_diabetes, lambda: nn.Sequential(plain(10, 16, 1), nn.Tanh()))


@fault("code", "outputs", "tanh made the outputs")
def tanh_behind_logits() -> dict[str, Any]:
    return on(load_iris, lambda: nn.Sequential(plain(4, 16, 3), nn.Tanh()))


@fault("code", "outputs", "log_softmax")
def likelihood_of_plain_outputs() -> dict[str, Any]:
    return on(load_iris, lambda: plain(4, 16, 3), loss=functional.nll_loss)


@fault("code", "detached", "first.weight")
def layer_cut_off_by_detach() -> dict[str, Any]:
    def forward(net: Any, x: Tensor) -> Tensor:
        return net.second(net.first(x).relu().detach())

    return on(load_iris, lambda: Wired(forward, first=nn.Linear(4, 16), second=nn.Linear(16, 3)))


@fault("code", "detached", "spare.weight")
def layer_that_is_not_used() -> dict[str, Any]:
    def forward(net: Any, x: Tensor) -> Tensor:
        return net.second(net.first(x).relu())

    layers = {"first": (4, 16), "spare": (16, 16), "second": (16, 3)}
    return on(load_iris, lambda: Wired(forward, **{name: nn.Linear(*sizes) for name, sizes in layers.items()}))


@fault("code", "detached", "no parameter is to be trained")
def everything_frozen() -> dict[str, Any]:
    return on(load_iris, lambda: plain(4, 16, 3).requires_grad_(False))


def filled(net: nn.Module, fill: Callable[[Tensor], Any], biases: bool = False) -> nn.Module:
    with torch.no_grad():
        for p in net.parameters():
            if p.dim() > 1 or biases:
                fill(p)
    return net


@fault("code", "symmetry", "begin at zero")
def weights_begin_at_zero() -> dict[str, Any]:
    return on(load_iris, lambda: filled(plain(4, 16, 3), lambda p: p.zero_(), biases=True))


@fault("code", "symmetry", "begin equal")
def weights_begin_equal() -> dict[str, Any]:
    return on(load_iris, lambda: filled(plain(4, 16, 3, activation=nn.Tanh), lambda p: p.fill_(0.1), biases=True))


@fault("settings", "symmetry", "He's rule")
def initialisation_zeros() -> dict[str, Any]:
    return {"what": "iris", "hyperparameters": {"initialisation": "zeros"}}


@fault("code", "initial-loss", "too large")
def weights_begin_too_large() -> dict[str, Any]:
    return on(load_iris, lambda: filled(plain(4, 32, 32, 3), lambda p: p.normal_(0, 2)))


@fault("code", "signal", "vanish")
def deep_sigmoids() -> dict[str, Any]:
    return on(load_iris, lambda: plain(4, *[16] * 12, 3, activation=nn.Sigmoid))


@fault("code", "signal", "vanish")
def small_weights_of_a_deep_network() -> dict[str, Any]:
    return on(load_iris, lambda: filled(plain(4, *[32] * 6, 3), lambda p: p.normal_(0, 0.01)))


@fault("code", "signal", "explode")
def large_weights_of_a_deep_network() -> dict[str, Any]:
    return on(load_iris, lambda: filled(plain(4, *[32] * 8, 3), lambda p: p.normal_(0, 1)))


@fault("code", "units", "dead")
def dead_relus() -> dict[str, Any]:
    def make() -> nn.Module:
        net = plain(4, 16, 16, 3)
        nn.init.constant_(net[0].bias, -30.0)  # type: ignore[arg-type]
        return net

    return on(load_iris, make)


@fault("code", "units", "saturated")
def saturated_tanhs() -> dict[str, Any]:
    return on(load_iris, lambda: filled(plain(4, 16, 3, activation=nn.Tanh), lambda p: p.normal_(0, 30)))


@fault("code", "units", "saturated")
def saturated_sigmoids_in_a_forward_of_functions() -> dict[str, Any]:
    def forward(net: Any, x: Tensor) -> Tensor:
        return net.second(torch.sigmoid(net.first(x) * 100))

    return on(load_iris, lambda: Wired(forward, first=nn.Linear(4, 16), second=nn.Linear(16, 3)))


@fault("code", "evaluation", "Dropout")
def dropout_on_in_evaluation() -> dict[str, Any]:
    def forward(net: Any, x: Tensor) -> Tensor:
        return net.second(functional.dropout(net.first(x).relu(), 0.5))

    return on(load_iris, lambda: Wired(forward, first=nn.Linear(4, 16), second=nn.Linear(16, 3)))


@fault("code", "batch-independence", "track_running_stats")
def batch_statistics_in_evaluation() -> dict[str, Any]:
    return on(
        load_iris,
        lambda: nn.Sequential(
            nn.Linear(4, 16, bias=False), nn.BatchNorm1d(16, track_running_stats=False), nn.ReLU(), nn.Linear(16, 3)
        ),
    )


@fault("code", "batch-independence", "dimension")
def softmax_over_the_wrong_dimension() -> dict[str, Any]:
    def forward(net: Any, x: Tensor) -> Tensor:
        return net.second(net.first(x).softmax(0))

    return on(load_iris, lambda: Wired(forward, first=nn.Linear(4, 16), second=nn.Linear(16, 3)))


@fault("code", "batch-norm", "bias before")
def bias_before_batch_norm() -> dict[str, Any]:
    return on(load_iris, lambda: nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3)))


@fault("settings", "batch-norm", "too small")
def batch_norm_with_mini_batches_of_two() -> dict[str, Any]:
    return {"what": "iris", "hyperparameters": {"normalisation": "batch", "batch_size": 2}}


@fault("code", "shared-weights", "one and the same layer")
def one_layer_three_times() -> dict[str, Any]:
    return on(
        load_iris,
        lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), *[nn.Linear(8, 8), nn.ReLU()] * 3, nn.Linear(8, 3)),
    )


@fault("code", "factory", "only once")
def factory_returns_one_network() -> dict[str, Any]:
    net = plain(4, 16, 3)
    return on(load_iris, lambda: net)


@fault("code", "factory", "random numbers")
def initial_weights_of_other_random_numbers() -> dict[str, Any]:
    random = np.random.default_rng()

    def make() -> nn.Module:
        return filled(plain(4, 16, 3), lambda p: p.copy_(torch.from_numpy(random.normal(0, 0.3, p.shape))))

    return on(load_iris, make)


@fault("code", "forward", "broadcast")
def outputs_broadcast_against_targets() -> dict[str, Any]:
    return on(load_diabetes, lambda: plain(10, 16, 1), loss=lambda out, y: ((out - y) ** 2).mean())


@fault("code", "forward", "(rows, 1)")
def two_outputs_for_one_value() -> dict[str, Any]:
    return on(load_diabetes, lambda: plain(10, 16, 2))


@fault("code", "forward", "squeeze")
def squeeze_of_every_dimension() -> dict[str, Any]:
    def forward(net: Any, x: Tensor) -> Tensor:
        return net.first(x[:, None, :]).squeeze()

    return on(load_iris, lambda: Wired(forward, first=plain(4, 16, 3)))


@fault("code", "forward", "not finite")
def logarithm_of_negative_numbers() -> dict[str, Any]:
    def forward(net: Any, x: Tensor) -> Tensor:
        return net.first(x.log())

    return on(load_iris, lambda: Wired(forward, first=plain(4, 16, 3)))


@fault("code", "forward", "does not fit")
def layer_that_does_not_fit() -> dict[str, Any]:
    return on(load_iris, lambda: plain(5, 16, 3))


@fault("code", "forward", "do not fit")
def too_few_outputs_for_the_classes() -> dict[str, Any]:
    return on(load_iris, lambda: plain(4, 16, 2))


@fault("code", "loss", "wrong sign")
def loss_with_the_wrong_sign() -> dict[str, Any]:
    return on(load_iris, lambda: plain(4, 16, 3), loss=lambda out, y: -functional.cross_entropy(out, y))


@fault("code", "loss", "reduction")
def loss_summed_over_the_mini_batch() -> dict[str, Any]:
    return on(load_iris, lambda: plain(4, 16, 3), loss=lambda out, y: functional.cross_entropy(out, y, reduction="sum"))


@fault("code", "loss", "no gradient")
def loss_of_decisions() -> dict[str, Any]:
    return on(load_iris, lambda: plain(4, 16, 3), loss=lambda out, y: (out.argmax(1) != y).float().mean())


@fault("code", "inputs-used", "does not use its inputs")
def inputs_multiplied_by_zero() -> dict[str, Any]:
    def forward(net: Any, x: Tensor) -> Tensor:
        return net.first(x * 0)

    return on(load_iris, lambda: Wired(forward, first=plain(4, 16, 3)))


@fault("code", "inputs-used", "drops features")
def features_dropped_by_a_slice() -> dict[str, Any]:
    def forward(net: Any, x: Tensor) -> Tensor:
        return net.first(x[:, :1])

    return on(load_iris, lambda: Wired(forward, first=plain(1, 16, 3)))


@fault("code", "overfit", "wired wrongly")
def outputs_shrunk_to_nothing() -> dict[str, Any]:
    def forward(net: Any, x: Tensor) -> Tensor:
        return net.first(x).clamp(-0.3, 0.3)

    return on(load_iris, lambda: Wired(forward, first=plain(4, 16, 3)))


@fault("code", "step", "not zeroed")
def gradients_not_zeroed() -> dict[str, Any]:
    def step(net: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        functional.cross_entropy(net(x), y).backward()
        optimizer.step()

    return on(load_iris, lambda: plain(4, 16, 3), step=step)


@fault("code", "step", "changes no weight")
def step_without_update() -> dict[str, Any]:
    def step(net: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        functional.cross_entropy(net(x), y).backward()
        optimizer.zero_grad()
        optimizer.step()

    return on(load_iris, lambda: plain(4, 16, 3), step=step)


@fault("code", "step", "climbs")
def step_uphill() -> dict[str, Any]:
    def step(net: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
        optimizer.zero_grad()
        (-functional.cross_entropy(net(x), y)).backward()
        optimizer.step()

    return on(load_iris, lambda: plain(4, 16, 3), step=step)


def changed(load: Callable[..., Any], change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    parts = arrays(load)
    change(parts)
    return {"what": parts}


@fault("data", "learnable", "shuffled")
def labels_shuffled() -> dict[str, Any]:
    x, y = load_digits(return_X_y=True)
    return {"what": (x, np.random.default_rng(1).permutation(y))}


@fault("data", "learnable", "shuffled")
def targets_shuffled() -> dict[str, Any]:
    x, y = load_diabetes(return_X_y=True)
    return {"what": (x, np.random.default_rng(1).permutation(y))}


@fault("data", "labels", "constant")
def labels_constant() -> dict[str, Any]:
    return {"what": pd.DataFrame({"a": np.arange(50) * 0.37 % 1, "label": ["yes"] * 50}), "target": "label"}


@fault("data", "labels", "outside of the classes")
def classes_coded_minus_one_and_one() -> dict[str, Any]:
    def change(parts: dict[str, Any]) -> None:
        for name, (x, y) in parts.items():
            parts[name] = (x, 2 * y - 1)

    return changed(load_breast_cancer, change) | {"task": "binary"}


@fault("data", "values", "row 7")
def missing_values_as_they_are() -> dict[str, Any]:
    def change(parts: dict[str, Any]) -> None:
        parts["train"][0][7, 2] = np.nan

    return changed(load_iris, change)


@fault("data", "values", "column 'b'")
def infinite_value_in_a_table() -> dict[str, Any]:
    frame = pd.DataFrame({"a": np.arange(60) * 0.37 % 1, "b": np.arange(60) * 0.61 % 1, "y": np.arange(60) % 2})
    frame.loc[4, "b"] = np.inf
    return {"what": frame, "target": "y"}


@fault("data", "normalisation", "not normalised")
def inputs_not_normalised() -> dict[str, Any]:
    return {"what": arrays(load_breast_cancer, scaled=False)}


@fault("data", "normalisation", "not normalised")
def pixels_up_to_255() -> dict[str, Any]:
    def change(parts: dict[str, Any]) -> None:
        for name, (x, y) in parts.items():
            parts[name] = ((x * 255 / 16).reshape(-1, 1, 8, 8), y)

    parts = arrays(load_digits, scaled=False)
    change(parts)
    return {"what": parts}


@fault("data", "normalisation", "test set leaks")
def normalised_with_constants_of_all_data() -> dict[str, Any]:
    x, y = load_breast_cancer(return_X_y=True)
    x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
    return {"what": {"train": (x[:340], y[:340]), "dev": (x[340:450], y[340:450]), "test": (x[450:], y[450:])}}


@fault("data", "labels", "not standardised")
def target_in_its_own_units() -> dict[str, Any]:
    def change(parts: dict[str, Any]) -> None:
        for name, (x, y) in parts.items():
            parts[name] = (x, y * 77 + 152)

    return changed(load_diabetes, change)


@fault("data", "leakage", "answer")
def feature_made_from_the_class() -> dict[str, Any]:
    x, y = load_digits(return_X_y=True)
    frame = pd.DataFrame(x[:, 10:30]).add_prefix("pixel").assign(answer=y * 3.0 + 0.5, digit=y.astype(str))
    return {"what": frame, "target": "digit"}


@fault("data", "leakage", "twice")
def feature_made_from_the_target() -> dict[str, Any]:
    x, y = load_diabetes(return_X_y=True)
    noise = np.random.default_rng(0).normal(size=len(y))
    return {"what": pd.DataFrame(x).add_prefix("x").assign(twice=2 * y + noise, y=y), "target": "y"}


@fault("data", "identifier", "number")
def rows_numbered_and_sorted_by_class() -> dict[str, Any]:
    x, y = load_iris(return_X_y=True)
    steps = np.random.default_rng(0).integers(1, 9, len(y)).cumsum()
    return {"what": pd.DataFrame(x).add_prefix("x").assign(sample=steps, species=y.astype(str)), "target": "species"}


@fault("data", "duplicates", "both sides")
def rows_copied_before_the_split() -> dict[str, Any]:
    x, y = load_breast_cancer(return_X_y=True)
    twice = np.concatenate([np.arange(300), np.arange(300)])
    return {"what": (x[twice], y[twice]), "copies": "apart"}


@fault("data", "distribution", "differ most in feature 3")
def dev_set_of_another_source() -> dict[str, Any]:
    def change(parts: dict[str, Any]) -> None:
        parts["dev"][0][:, 3] += 1.5

    return changed(load_diabetes, change)


@fault("data", "distribution", "test set")
def test_set_with_constants_of_its_own() -> dict[str, Any]:
    def change(parts: dict[str, Any]) -> None:
        x, y = parts["test"]
        parts["test"] = (x * 1.7, y)

    return changed(load_breast_cancer, change)


def setting(data: str, **hyperparameters: Any) -> dict[str, Any]:
    return {"what": data, "hyperparameters": hyperparameters}


@fault("settings", "learning-rate", "far too high")
def learning_rate_far_too_high() -> dict[str, Any]:
    return setting("digits", learning_rate=50.0, optimizer="sgd")


@fault("settings", "learning-rate", "far too high")
def learning_rate_far_too_high_for_adam() -> dict[str, Any]:
    return setting("diabetes", learning_rate=3.0)


@fault("settings", "learning-rate", "far too low")
def learning_rate_far_too_low() -> dict[str, Any]:
    return setting("digits", learning_rate=1e-8)


@fault("settings", "regularisation", "l2")
def penalty_far_too_strong() -> dict[str, Any]:
    return setting("digits", l2=10.0)


@fault("settings", "regularisation", "weight_decay")
def weight_decay_far_too_strong() -> dict[str, Any]:
    return setting("digits", weight_decay=50.0, learning_rate=0.01)


@fault("settings", "regularisation", "share that is dropped")
def dropout_of_nearly_everything() -> dict[str, Any]:
    return setting("digits", dropout=0.97)


@fault("settings", "regularisation", "label smoothing")
def labels_smoothed_away() -> dict[str, Any]:
    return setting("digits", label_smoothing=0.95)


@fault("settings", "clipping", "nearly nothing")
def gradients_clipped_to_nothing() -> dict[str, Any]:
    return setting("digits", clip_norm=1e-6, optimizer="sgd", learning_rate=0.1)
