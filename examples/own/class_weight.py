"""Rare classes: weights in the loss, and a metric that counts each class alike."""

from sklearn.datasets import make_classification
from torch import nn

import ikura


def network(hp):
    return nn.Sequential(nn.Linear(hp.inputs, hp.units), nn.ReLU(), nn.Linear(hp.units, hp.outputs))


if __name__ == "__main__":
    x, y = make_classification(2000, 10, n_informative=5, weights=[0.95], random_state=0)
    space = {"learning_rate": ikura.log(1e-3, 1e-1), "units": ikura.choice(8, 16)}
    for weight in (None, "balanced"):
        study = ikura.tune(
            (x, y), network=network, space=space, trials=6, epochs=15, finalists=1, class_weight=weight,
            metric="balanced_accuracy", metrics=["accuracy"],
        )  # fmt: skip
        accuracy = study.measures["test"][0]
        print(f"{weight}: balanced accuracy {study.test.value:.2f}, accuracy {accuracy:.2f}")
