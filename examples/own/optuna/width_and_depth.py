"""The search of ../width_and_depth.py with Optuna and a training loop of one's own."""

from copy import deepcopy

import optuna
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn


def network(width, depth, dropout):
    layers, inputs = [], 64
    for _ in range(depth):
        layers += [nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(dropout)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, 10))


def score(module, x, y):
    module.eval()
    with torch.no_grad():
        return (module(x).argmax(1) == y).float().mean().item()


def objective(trial, parts, best):
    (x, y), dev, _ = parts
    torch.manual_seed(trial.number)
    module = network(
        trial.suggest_int("width", 16, 64, log=True),
        trial.suggest_int("depth", 1, 3),
        trial.suggest_float("dropout", 0, 0.5),
    )
    update = torch.optim.Adam(module.parameters(), trial.suggest_float("learning_rate", 1e-3, 1e-1, log=True))
    for epoch in range(15):
        module.train()
        for rows in torch.randperm(len(x)).split(64):
            loss = nn.functional.cross_entropy(module(x[rows]), y[rows])
            update.zero_grad()
            loss.backward()
            update.step()
        dev_score = score(module, *dev)
        if dev_score > best.get("score", 0):
            best.update(score=dev_score, module=deepcopy(module))
        trial.report(dev_score, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return dev_score


if __name__ == "__main__":
    torch.set_num_threads(1)
    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.2, stratify=y, random_state=0)
    x, x_dev, y, y_dev = train_test_split(x, y, test_size=0.25, stratify=y, random_state=0)
    scaler = StandardScaler().fit(x)
    parts = [
        (torch.tensor(scaler.transform(rows), dtype=torch.float32), torch.tensor(target))
        for rows, target in ((x, y), (x_dev, y_dev), (x_test, y_test))
    ]
    best = {}
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner())
    study.optimize(lambda trial: objective(trial, parts, best), n_trials=8)
    print(study.trials_dataframe().nlargest(3, "value")[["params_width", "params_depth", "params_dropout", "value"]])
    print(f"test accuracy: {score(best['module'], *parts[2]):.3f}")
