"""The search of ../images.py with Optuna and a training loop of one's own."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from training_loop import search, split


def network(hp):
    return nn.Sequential(
        nn.Conv2d(1, hp.filters, hp.kernel, padding="same"), nn.BatchNorm2d(hp.filters), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(hp.filters * 4 * 4, 10),
    )  # fmt: skip


def space(trial):
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-3, 1e-1, log=True),
        "filters": trial.suggest_categorical("filters", [4, 8, 16]),
        "kernel": trial.suggest_categorical("kernel", [3, 5]),
    }


if __name__ == "__main__":
    digits = load_digits()
    parts = split(digits.images[:, None].astype(np.float32), digits.target, True)
    mean, deviation = parts[0][0].mean(), parts[0][0].std()
    parts = [((x - mean) / deviation, y) for x, y in parts]
    best = search(network, space, parts, nn.functional.cross_entropy, epochs=8)
    print(f"chosen: {best.hyperparameters}")
    print(f"test accuracy: {best.test:.3f}")
    first = (torch.as_tensor(digits.images[:5, None]).float() - mean) / deviation
    print(f"first five: {best.module.eval()(first).argmax(1).numpy()}")
