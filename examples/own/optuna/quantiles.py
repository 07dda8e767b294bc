"""The search of ../quantiles.py with Optuna and a training loop of one's own."""

import torch
from sklearn.datasets import load_diabetes
from torch import nn
from training_loop import search, split, standardised


def network(hp):
    return nn.Sequential(nn.Linear(10, hp.units), nn.ReLU(), nn.Linear(hp.units, 1))


def space(trial):
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-3, 1e-1, log=True),
        "units": trial.suggest_categorical("units", [8, 16]),
    }


def pinball(q):
    def loss(outputs, target):
        error = target - outputs[:, 0]
        return (q * error).maximum((q - 1) * error).mean()

    return loss


if __name__ == "__main__":
    parts = standardised(split(*load_diabetes(return_X_y=True)))
    y = parts[0][1]
    parts = [(x, ((target - y.mean()) / y.std()).float()) for x, target in parts]
    x, target = parts[2]
    predicted = {}
    for q in (0.1, 0.5, 0.9):
        best = search(network, space, parts, pinball(q), pinball(q), "minimize", epochs=20)
        with torch.no_grad():
            predicted[q] = best.module(x)[:, 0]
        print(f"first test patient of quantile {q}: {predicted[q][0] * y.std() + y.mean():.0f}")
    inside = (predicted[0.1] <= target) & (target <= predicted[0.9])
    print(f"between 0.1 and 0.9: {inside.float().mean():.0%} of the test patients")
