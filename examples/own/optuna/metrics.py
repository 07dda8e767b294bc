"""The search of ../metrics.py with Optuna and a training loop of one's own."""

import optuna
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn


def network(units):
    return nn.Sequential(nn.Linear(30, units), nn.Tanh(), nn.Linear(units, 1))


def cost(prediction, target):
    benign = prediction > 0.5
    return (10 * (benign & (target == 0)) + 1 * (~benign & (target == 1))).float().mean()


def measures(module, x, y):
    module.eval()
    with torch.no_grad():
        prediction = module(x)[:, 0].sigmoid()
    benign = prediction > 0.5
    return {
        "cost": cost(prediction, y).item(),
        "accuracy": accuracy_score(y, benign),
        "roc_auc": roc_auc_score(y, prediction),
        "f1": f1_score(y == 0, ~benign),  # of the rarer class
    }


def objective(trial, parts, best):
    (x, y), dev, _ = parts
    torch.manual_seed(trial.number)
    module = network(trial.suggest_categorical("units", [8, 16, 32]))
    update = torch.optim.Adam(module.parameters(), trial.suggest_float("learning_rate", 1e-3, 1e-1, log=True))
    lowest = float("inf")
    for epoch in range(15):
        module.train()
        for rows in torch.randperm(len(x)).split(64):
            loss = nn.functional.binary_cross_entropy_with_logits(module(x[rows])[:, 0], y[rows])
            update.zero_grad()
            loss.backward()
            update.step()
        measured = measures(module, *dev)
        if measured["cost"] < lowest:
            lowest = measured["cost"]
            weights = {name: value.clone() for name, value in module.state_dict().items()}
            for name, value in measured.items():
                trial.set_user_attr(name, value)
        trial.report(measured["cost"], epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    if lowest < best.get("cost", float("inf")):
        best.update(cost=lowest, units=trial.params["units"], weights=weights)
    return lowest


if __name__ == "__main__":
    torch.set_num_threads(1)
    data = load_breast_cancer()
    x, x_test, y, y_test = train_test_split(data.data, data.target, test_size=0.2, stratify=data.target, random_state=0)
    x, x_dev, y, y_dev = train_test_split(x, y, test_size=0.25, stratify=y, random_state=0)
    scaler = StandardScaler().fit(x)
    parts = [
        (torch.tensor(scaler.transform(rows), dtype=torch.float32), torch.tensor(target, dtype=torch.float32))
        for rows, target in ((x, y), (x_dev, y_dev), (x_test, y_test))
    ]
    best = {}
    study = optuna.create_study(direction="minimize", pruner=optuna.pruners.MedianPruner())
    study.optimize(lambda trial: objective(trial, parts, best), n_trials=8)
    module = network(best["units"])
    module.load_state_dict(best["weights"])
    print(f"dev: {study.best_trial.user_attrs}")
    print(f"test: {measures(module, *parts[2])}")
