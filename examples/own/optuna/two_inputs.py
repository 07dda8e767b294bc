"""The search of ../two_inputs.py with Optuna; the two inputs travel through the loop as columns of one array."""

import numpy as np
import torch
from torch import nn
from training_loop import search, split


class TwoInputs(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.words = nn.EmbeddingBag(50, hp.width)
        self.head = nn.Sequential(nn.Linear(hp.width + 3, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, columns):
        words, table = columns[:, :8].long(), columns[:, 8:]
        return self.head(torch.cat([self.words(words), table], 1))


def space(trial):
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-3, 1e-1, log=True),
        "width": trial.suggest_categorical("width", [2, 4, 8]),
    }


def r2(outputs, target):
    return 1 - (outputs[:, 0] - target).square().sum() / (target - target.mean()).square().sum()


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    words, table = rng.integers(0, 50, (600, 8)), rng.normal(size=(600, 3))
    y = (words < 10).sum(1) + 2 * table[:, 0] + rng.normal(0, 0.1, 600)
    parts = split(np.hstack([words, table]).astype(np.float32), y.astype(np.float32))
    mean, deviation = parts[0][1].mean(), parts[0][1].std()
    parts = [(x, (target - mean) / deviation) for x, target in parts]
    best = search(TwoInputs, space, parts, lambda out, target: (out[:, 0] - target).square().mean(), r2, epochs=20)
    print(f"test r2: {best.test:.3f}")
    with torch.no_grad():
        print(
            f"first three of the test part: {(best.module(parts[2][0][:3])[:, 0] * deviation + mean).numpy().round(1)}"
        )
