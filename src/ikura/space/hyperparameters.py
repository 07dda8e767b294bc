"""The hyperparameters of the built-in network."""

from __future__ import annotations

from ikura.space._base import Value

__all__ = ["DEFAULTS", "HYPERPARAMETERS", "OF_IMAGES"]

OF_IMAGES = ("flip", "rotation", "crop", "colour", "contrast", "noise", "erasing")
"""Hyperparameters that change training images; they have no meaning for other data."""

HYPERPARAMETERS: dict[str, str] = {
    "learning_rate": "size of an update step, α",
    "momentum": "coefficient β of the momentum update rule",
    "beta1": "averaging coefficient of Adam's mean of the gradients",
    "beta2": "averaging coefficient of Adam's and RMSprop's mean of the squared gradients",
    "epsilon": "what adaptive update rules add to their divisor",
    "layers": "number of hidden layers",
    "units": "hidden units per layer",
    "batch_size": "examples in a mini-batch",
    "learning_rate_decay": "decay rate per epoch: α / (1 + decay · epoch)",
    "l2": "strength λ of the penalty λ/2 ‖W‖² added to the mean loss",
    "dropout": "share of the hidden units left out at each training step",
    "activation": "function applied to each hidden layer: relu, tanh, sigmoid, leaky_relu, elu",
    "optimizer": "update rule: sgd, momentum, rmsprop, adam",
    "initialisation": "how the weights begin: he, xavier, glorot, gaussian, large, zeros, plus_minus_one",
    "flip": "probability that a training image is mirrored from left to right",
    "rotation": "degrees by which a training image is turned at most",
    "crop": "pixels of black padding from which a training image is cropped at random",
    "colour": "largest shift of each channel of a training image (of a grey one, its brightness), 1 is black to full",
    "contrast": "largest relative change of a training image's contrast",
    "noise": "standard deviation of the noise added to a training image, 1 is black to full",
    "erasing": "share of a training image's area that is blackened",
}
"""Name to a one-line description."""

DEFAULTS: dict[str, Value] = {
    "learning_rate": 0.01,
    "momentum": 0.9,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "layers": 2,
    "units": 64,
    "batch_size": 32,
    "learning_rate_decay": 0.0,
    "l2": 0.0,
    "dropout": 0.0,
    "activation": "relu",
    "optimizer": "adam",
    "initialisation": "he",
    "flip": 0.0,
    "rotation": 0.0,
    "crop": 0.0,
    "colour": 0.0,
    "contrast": 0.0,
    "noise": 0.0,
    "erasing": 0.0,
}
"""Name to the value used where nothing is searched."""
