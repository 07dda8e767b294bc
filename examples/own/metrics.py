"""Metrics of your own: chosen by what mistakes cost, three others recorded beside it."""

from sklearn.datasets import load_breast_cancer
from torch import nn

import ikura
from ikura.metric import own_metric


def network(hp):
    return nn.Sequential(nn.Linear(hp.inputs, hp.units), nn.Tanh(), nn.Linear(hp.units, hp.outputs))


def cost(prediction, target):  # the probability of the second class, benign; a missed tumour costs ten false alarms
    benign = prediction > 0.5
    return (10 * (benign & (target == 0)) + 1 * (~benign & (target == 1))).float().mean()


if __name__ == "__main__":
    data = load_breast_cancer()
    y = data.target_names[data.target]
    space = {"learning_rate": ikura.log(1e-3, 1e-1), "units": ikura.choice(8, 16, 32)}
    study = ikura.tune(
        (data.data, y), network=network, space=space, trials=8, epochs=15, finalists=1,
        metric=own_metric(cost, greater_is_better=False), metrics=["accuracy", "roc_auc", "f1"],
    )  # fmt: skip
    print(f"test cost: {study.test.value:.3f}")
    print(study.measures.to_string(index=False))
