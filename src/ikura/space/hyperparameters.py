"""The hyperparameters of the built-in network."""

from __future__ import annotations

from ikura.space._base import Value

__all__ = ["CONVOLUTIONAL", "DEFAULTS", "HYPERPARAMETERS"]

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
}
"""Name to a one-line description."""

CONVOLUTIONAL: dict[str, str] = {
    "blocks": "number of blocks of convolution, 2 × 2 maximum and activation",
    "channels": "channels of the first block, doubled from block to block",
    "kernel_size": "side of the convolutions' kernels, an odd number",
    "units": "units of the hidden layer behind the blocks",
    "dropout": "share of the features behind the blocks and of the hidden units left out at each training step",
    "activation": "function applied in each block and to the hidden layer",
    "normalisation": "normalisation of each convolution's output: none, batch, ghost",
    "ghost_size": "examples in a ghost of ghost normalisation",
    "normalisation_momentum": "share of a mini-batch's statistics in the moving averages used at test time",
    "initialisation": "how the weights begin: he, xavier, glorot, gaussian, large, zeros, plus_minus_one",
}
"""Name to a one-line description of what convolutional networks have besides."""

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
}
"""Name to the value used where nothing is searched."""
