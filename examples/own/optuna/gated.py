"""The search of ../gated.py with Optuna; the smallest network that is nearly the best is found by hand."""

from sklearn.datasets import load_breast_cancer
from torch import nn
from training_loop import search, split, standardised


class Gated(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.gate = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden), nn.SiLU())
        self.value = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden))
        self.last = nn.Linear(hidden, width)

    def forward(self, x):
        return x + self.last(self.gate(x) * self.value(x))


def network(hp):
    blocks = [Gated(hp.width, 2 * hp.width) for _ in range(hp.blocks)]
    return nn.Sequential(nn.Linear(30, hp.width), *blocks, nn.Linear(hp.width, 2))


def space(trial):
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-3, 1e-1, log=True),
        "width": trial.suggest_categorical("width", [4, 8, 16]),
        "blocks": trial.suggest_int("blocks", 1, 3),
    }


if __name__ == "__main__":
    parts = standardised(split(*load_breast_cancer(return_X_y=True), True))
    best = search(network, space, parts, nn.functional.cross_entropy, trials=8)
    print(f"chosen: {best.hyperparameters}")
    print(f"test accuracy: {best.test:.3f}")
    trials = [one for one in best.study.trials if one.value is not None and one.value >= best.study.best_value - 0.01]
    smallest = min(trials, key=lambda one: one.params["width"] ** 2 * one.params["blocks"])
    print(f"smallest within .01 of the best dev score, to be trained again: {smallest.params}")
