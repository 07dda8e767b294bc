"""What a search with Optuna needs besides its network: parts of the data, a training loop, the best weights kept."""

from copy import deepcopy
from types import SimpleNamespace

import optuna
import torch
from sklearn.model_selection import train_test_split


def split(x, y, classes=False):
    """Training, dev and test part of arrays, 60, 20 and 20 of 100 rows, as tensors."""
    rows, held = train_test_split(range(len(y)), test_size=0.4, stratify=y if classes else None, random_state=0)
    dev, test = train_test_split(held, test_size=0.5, stratify=y[held] if classes else None, random_state=0)
    return [(torch.as_tensor(x[part]), torch.as_tensor(y[part])) for part in (rows, dev, test)]


def standardised(parts):
    """Each column by the mean and deviation of the training rows, in single precision."""
    mean, deviation = parts[0][0].mean(0), parts[0][0].std(0, correction=0).clamp(min=1e-12)
    return [(((x - mean) / deviation).float(), y) for x, y in parts]


def evaluate(module, measure, x, y):
    """A measure of a module's outputs on one part."""
    module.eval()
    with torch.no_grad():
        return float(measure(module(x), y))


def accuracy(outputs, y):
    """Share of the examples whose class has the largest output."""
    return (outputs.argmax(1) == y).float().mean()


def search(network, space, parts, loss, measure=accuracy, direction="maximize", trials=6, epochs=15, batch_size=64):
    """Train so many configurations, cut poor ones short, and keep the module with the best dev score.

    `space` makes a dictionary of hyperparameters of an Optuna trial, `network` a module of them by their names; the
    rate of Adam is `learning_rate`.
    """
    (x, y), dev, _ = parts
    best = SimpleNamespace(score=None, module=None, hyperparameters=None)
    sign = 1 if direction == "maximize" else -1

    def objective(trial):
        hp = SimpleNamespace(**space(trial))
        torch.manual_seed(trial.number)
        module = network(hp)
        update = torch.optim.Adam(module.parameters(), hp.learning_rate)
        for epoch in range(epochs):
            module.train()
            for rows in torch.randperm(len(x)).split(batch_size):
                cost = loss(module(x[rows]), y[rows])
                update.zero_grad()
                cost.backward()
                update.step()
            score = evaluate(module, measure, *dev)
            if best.score is None or sign * score > sign * best.score:
                best.score, best.module, best.hyperparameters = score, deepcopy(module), vars(hp)
            trial.report(score, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned
        return score

    torch.set_num_threads(1)
    study = optuna.create_study(direction=direction, pruner=optuna.pruners.MedianPruner())
    study.optimize(objective, n_trials=trials)
    best.study, best.test = study, evaluate(best.module, measure, *parts[2])
    return best
