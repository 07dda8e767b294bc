"""Sizes of activations and gradients layer by layer, at initialisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from typing_extensions import override

from ikura.experiments._base import Experiment, Findings, Repetition, Section, Tables
from ikura.experiments.charts import MARKS, averaged_by, chart, short
from ikura.experiments.claim import Claim
from ikura.nn import MLP
from ikura.nn.activation import activation as activation_named
from ikura.nn.initialisation import initialise
from ikura.page.html_tables import block
from ikura.page.markup import element

__all__ = ["EXPERIMENT", "signals"]

SETTINGS: dict[str, tuple[str, str, float]] = {
    "ReLU, He × 1.4": ("relu", "he", 1.4),
    "ReLU, He": ("relu", "he", 1.0),
    "ReLU, He × 0.7": ("relu", "he", 0.7),
    "tanh, Xavier": ("tanh", "xavier", 1.0),
    "sigmoid, Xavier": ("sigmoid", "xavier", 1.0),
}
COLOURS = dict(zip(SETTINGS, (MARKS[0], MARKS[1], MARKS[2], MARKS[3], MARKS[4]), strict=True))
DEPTHS, WIDTH, ROWS = (2, 4, 8, 16, 32), 128, 64
TOLERANCE = 0.05


def signals(name: str, kind: str, scale: float, depth: int, width: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Send standard normal inputs through a network, and a standard normal error back from its last hidden layer.

    Args:
        name: the activation.
        kind: the initialisation.
        scale: factor on the initial weights.
        depth: hidden layers.
        width: inputs and units of each layer.
        seed: key of weights, inputs and error.

    Returns:
        Root mean square of the activations of layers 1 to depth, and of the gradients with respect to them.
    """
    network = initialise(MLP(width, 1, [width] * depth, activation=name).double(), kind, seed, scale)
    assert isinstance(network, MLP)
    generator = torch.Generator().manual_seed(seed)
    h = torch.randn(ROWS, width, dtype=torch.float64, generator=generator)
    error = torch.randn(ROWS, width, dtype=torch.float64, generator=generator)
    function, layers = activation_named(name), []
    for layer in list(network.layers)[:-1]:
        h = function(layer(h))
        h.retain_grad()
        layers.append(h)
    (h * error).sum().backward()
    sizes = [float(one.detach().square().mean().sqrt()) for one in layers]
    slopes = [float(one.grad.square().mean().sqrt()) for one in layers if one.grad is not None]
    return np.array(sizes), np.array(slopes)


class VanishingExploding(Experiment):
    """A depth sweep."""

    name = "vanishing-exploding"
    says: ClassVar[str] = (
        "In a very deep network weights a little too large let signals and gradients explode, and weights a little too "
        "small let them vanish, exponentially in the depth; He initialisation keeps their size in a network with ReLU."
    )
    method: ClassVar[str] = (
        f"Networks of {', '.join(map(str, DEPTHS))} hidden layers of {WIDTH} units are given initial weights, {ROWS} "
        "inputs drawn from the standard normal distribution, and a standard normal error at the last hidden layer. "
        "Measured is the root mean square of the activations of each layer and of the gradient with respect to them, "
        "nothing being trained. Each repetition has other weights, inputs and errors.\n\n"
        "He's weights keep the mean square of a ReLU layer in expectation; a factor s on them multiplies the size by "
        "s in each layer. The growth is measured in the deepest network as the mean change of the logarithm from one "
        f"layer to the next. It is claimed to be within {TOLERANCE} of ln s: the logarithm of a random size is on "
        f"average a little below that of its expectation, by about 0.01 in a layer of {WIDTH} units."
    )

    @override
    def repeat(self, repetition: Repetition) -> Tables:
        depths, width = (DEPTHS[:3], 64) if repetition.quick else (DEPTHS, WIDTH)
        layers, nets = [], []
        for setting, (name, kind, scale) in SETTINGS.items():
            for depth in depths:
                sizes, slopes = signals(name, kind, scale, depth, width, repetition.seed)
                growth = {
                    "forward": float(np.diff(np.log(sizes)).mean()),
                    "backward": float(np.diff(np.log(slopes[::-1])).mean()),
                    "ratio": float(slopes[0] / slopes[-1]),
                }
                nets.append({"setting": setting, "scale": scale, "depth": depth, **growth})
                if depth == max(depths):
                    layers += [
                        {"setting": setting, "layer": layer, "log10_activation": float(a), "log10_gradient": float(g)}
                        for layer, (a, g) in enumerate(zip(np.log10(sizes), np.log10(slopes), strict=True), 1)
                    ]
        return {"layers": layers, "networks": nets}

    @override
    def find(self, tables: Mapping[str, pd.DataFrame], quick: bool) -> Findings:
        layers, nets = tables["layers"], tables["networks"]
        deepest = nets[nets["depth"] == nets["depth"].max()]
        claims = []
        for setting in list(SETTINGS)[:3]:
            scale = SETTINGS[setting][2]
            own, exact = deepest[deepest["setting"] == setting], float(np.log(scale))
            what = "keep their size" if scale == 1 else "explode" if scale > 1 else "vanish"
            what_of = f"ln of the growth in a layer; ln {scale:g} = {exact:.3f}"
            for way, noun in (("forward", "Activations"), ("backward", "Gradients")):
                sentence = f"{noun} {what}: {setting}"
                claims.append(Claim.of_mean(sentence, what_of, own[way], exact - TOLERANCE, exact + TOLERANCE))
        saturated = deepest[deepest["setting"] == "sigmoid, Xavier"]["backward"]
        claims.append(
            Claim.of_mean("Gradients vanish: sigmoid, Xavier", "ln of the growth in a layer", saturated, most=-0.5)
        )
        charts = [
            chart(
                averaged_by(layers, "setting", COLOURS, "layer", column, mode="lines"),
                "layer",
                "log10 of the size",
                title=title,
            )
            for column, title in (("log10_activation", "Activations"), ("log10_gradient", "Gradients"))
        ]
        by_depth = chart(
            averaged_by(nets.assign(log10=np.log10(nets["ratio"])), "setting", COLOURS, "depth", "log10"),
            "hidden layers",
            "log10 (first / last layer)",
            caption="Size of the gradient in the first hidden layer, as a multiple of that in the last.",
        )
        rows = [
            [
                setting,
                *(short(deepest[deepest["setting"] == setting][way].to_numpy(), 3) for way in ("forward", "backward")),
                f"{np.log(scale):.3f}".replace("-", "−") if name == "relu" else "–",
            ]
            for setting, (name, _, scale) in SETTINGS.items()
        ]
        headings = ["setting", "ln growth of activations", "of gradients, backwards", "expected"]
        both = element("div", *charts, class_="pair")
        deep = Section.of("Layers", "Layer by layer in the deepest network", both, block(headings, rows))
        return Findings(claims, [deep, Section("Depth", "By depth", by_depth)])


EXPERIMENT = VanishingExploding()
