"""Losses by name: three quantiles of a regression, and how many test values lie between the outer two."""

from sklearn.datasets import load_diabetes
from torch import nn

import ikura


def network(hp):
    return nn.Sequential(nn.Linear(hp.inputs, hp.units), nn.ReLU(), nn.Linear(hp.units, hp.outputs))


if __name__ == "__main__":
    x, y = load_diabetes(return_X_y=True)
    space = {"learning_rate": ikura.log(1e-3, 1e-1), "units": ikura.choice(8, 16)}
    predicted = {}
    for q in (0.1, 0.5, 0.9):
        study = ikura.tune(
            (x, y), network=network, space=space, trials=6, epochs=20, finalists=0, loss=ikura.loss("quantile", q=q),
            metric="mae",
        )  # fmt: skip
        predicted[q] = study.model.predict(x)
        print(f"patient 0 of quantile {q}: {predicted[q][0]:.0f}")
    print(f"between 0.1 and 0.9: {((predicted[0.1] <= y) & (y <= predicted[0.9])).mean():.0%} of the patients")
