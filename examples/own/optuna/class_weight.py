"""The search of ../class_weight.py with Optuna and a training loop of one's own."""

import torch
from sklearn.datasets import make_classification
from sklearn.metrics import balanced_accuracy_score
from torch import nn
from training_loop import accuracy, evaluate, search, split, standardised


def network(hp):
    return nn.Sequential(nn.Linear(10, hp.units), nn.ReLU(), nn.Linear(hp.units, 2))


def space(trial):
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-3, 1e-1, log=True),
        "units": trial.suggest_categorical("units", [8, 16]),
    }


def balanced_accuracy(outputs, y):
    return balanced_accuracy_score(y, outputs.argmax(1))


if __name__ == "__main__":
    parts = standardised(split(*make_classification(2000, 10, n_informative=5, weights=[0.95], random_state=0), True))
    y = parts[0][1]
    for name, weight in {"None": None, "balanced": len(y) / (2 * torch.bincount(y).float())}.items():
        best = search(network, space, parts, nn.CrossEntropyLoss(weight), balanced_accuracy)
        measured = evaluate(best.module, accuracy, *parts[2])
        print(f"{name}: test balanced accuracy {best.test:.2f}, accuracy {measured:.2f}")
