"""A fully connected network whose width, depth and dropout are searched together with the learning rate."""

from sklearn.datasets import load_digits
from torch import nn

import ikura


def network(hp):
    layers, width = [], hp.inputs
    for _ in range(hp.depth):
        layers += [nn.Linear(width, hp.width), nn.ReLU(), nn.Dropout(hp.dropout)]
        width = hp.width
    return nn.Sequential(*layers, nn.Linear(width, hp.outputs))


if __name__ == "__main__":
    space = {
        "learning_rate": ikura.log(1e-3, 1e-1),
        "width": ikura.integer(16, 64, log=True),
        "depth": ikura.integer(1, 3),
        "dropout": ikura.linear(0, 0.5),
    }
    data = load_digits(return_X_y=True)
    study = ikura.tune(data, network=network, space=space, trials=8, epochs=15, finalists=1)
    print(study.trials[["width", "depth", "dropout", "dev_score"]].nlargest(3, "dev_score").to_string(index=False))
    print(f"test accuracy: {study.test.value:.3f}")
