"""A small convolutional network on images in an array: channels and kernel searched."""

import numpy as np
from sklearn.datasets import load_digits
from torch import nn

import ikura


def network(hp):
    channels, height, width = hp.shape
    return nn.Sequential(
        nn.Conv2d(channels, hp.filters, hp.kernel, padding="same"), nn.BatchNorm2d(hp.filters), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(hp.filters * (height // 2) * (width // 2), hp.outputs),
    )  # fmt: skip


if __name__ == "__main__":
    digits = load_digits()
    x = digits.images[:, None].astype(np.float32)  # (1797, 1, 8, 8)
    space = {"learning_rate": ikura.log(1e-3, 1e-1), "filters": ikura.choice(4, 8, 16), "kernel": ikura.choice(3, 5)}
    data = (x, digits.target)
    study = ikura.tune(data, network=network, space=space, trials=6, epochs=8, finalists=1)
    print(f"chosen: {study.best.hyperparameters}")
    print(f"test accuracy: {study.test.value:.3f}")
    print(f"first five: {study.model.predict(x[:5])}")
