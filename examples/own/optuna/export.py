"""The search of ../export.py with Optuna: what prepares the rows has to go into the exported module by hand."""

import numpy as np
import onnxruntime
import torch
from sklearn.datasets import load_wine
from torch import nn
from training_loop import search, split, standardised


def network(hp):
    return nn.Sequential(nn.Linear(13, hp.units), nn.ReLU(), nn.Linear(hp.units, 3))


def space(trial):
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-3, 1e-1, log=True),
        "units": trial.suggest_categorical("units", [8, 16]),
    }


class Whole(nn.Module):
    """From rows as they are to the number of their class."""

    def __init__(self, rows, network):
        super().__init__()
        self.network = network.eval()
        self.register_buffer("mean", rows.mean(0))
        self.register_buffer("deviation", rows.std(0, correction=0))

    def forward(self, x):
        return self.network(((x - self.mean) / self.deviation).float()).argmax(1)


if __name__ == "__main__":
    wine = load_wine()
    raw = split(wine.data, wine.target, True)
    best = search(network, space, standardised(raw), nn.functional.cross_entropy)
    whole = Whole(raw[0][0], best.module).eval()
    torch.onnx.export(
        whole, (raw[2][0],), "wine.onnx", input_names=["x"], dynamic_shapes={"x": {0: torch.export.Dim("n")}}
    )
    session = onnxruntime.InferenceSession("wine.onnx")
    [label] = session.run(None, {"x": wine.data})
    print(f"test accuracy: {best.test:.3f}")
    print(f"ONNX agrees on {np.mean(label == whole(torch.as_tensor(wine.data)).numpy()):.0%} of the rows")
