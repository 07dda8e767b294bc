"""A loss of your own: being too low costs three times as much as being too high."""

from sklearn.datasets import load_diabetes
from torch import nn

import ikura
from ikura.metric import own_metric


def network(hp):
    return nn.Sequential(nn.Linear(hp.inputs, hp.units), nn.ReLU(), nn.Linear(hp.units, hp.outputs))


def lopsided(outputs, target):
    error = target - outputs.view_as(target)
    return (3 * error).maximum(-error).mean()


if __name__ == "__main__":
    x, y = load_diabetes(return_X_y=True)
    space = {"learning_rate": ikura.log(1e-2, 1), "units": ikura.choice(8, 16), "optimizer": "adam"}
    study = ikura.tune(
        (x, y), network=network, space=space, trials=6, epochs=20, finalists=1, loss=lopsided,
        metric=own_metric(lopsided, greater_is_better=False),
    )  # fmt: skip
    print(f"test cost: {study.test.value:.3f}")
    print(f"too low: {(study.model.predict(x) < y).mean():.0%} of the patients")
