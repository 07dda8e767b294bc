"""The hyperparameters of the built-in network."""

from __future__ import annotations

import re

from ikura.space._base import Value

__all__ = ["CONVOLUTIONAL", "DEFAULTS", "EACH_LAYER", "HYPERPARAMETERS", "OF_IMAGES", "layer_of"]

OF_IMAGES = ("flip", "rotation", "crop", "colour", "contrast", "noise", "erasing")
"""Hyperparameters that change training images; they have no meaning for other data."""

HYPERPARAMETERS: dict[str, str] = {
    "learning_rate": "size of an update step, α",
    "momentum": "coefficient β of the update rules momentum and nesterov",
    "beta1": "averaging coefficient of Adam's mean of the gradients",
    "beta2": "averaging coefficient of Adam's, RMSprop's and AdaDelta's mean of the squared gradients",
    "epsilon": "what adaptive update rules add to their divisor",
    "layers": "number of hidden layers",
    "units": "hidden units per layer",
    "batch_size": "examples in a mini-batch",
    "batch_growth": "epoch:factor pairs: '30:5' makes mini-batches five times as large from epoch 30 on",
    "learning_rate_decay": "decay rate per epoch: α / (1 + decay · epoch), or α e^(-decay · epoch) if exponential",
    "l2": "strength λ of the penalty λ/2 ‖W‖² added to the mean loss",
    "l1": "strength λ of the penalty λ Σ |w| added to the mean loss",
    "weight_decay": "decoupled decay: w ← (1 - learning rate · weight_decay) w at each step, with any update rule",
    "max_norm": "most norm of the weights into one unit; 0 for any",
    "label_smoothing": "share of each label that is spread evenly over all classes in training",
    "clip_norm": "most norm of the gradient, which is scaled down to it; 0 for any",
    "clip_value": "most size of each component of the gradient, which is cut off there; 0 for any",
    "clip_steps": "first updates whose gradients clip_norm and clip_value change; 0 for all updates",
    "gradient_noise": "standard deviation of the random factor, of mean 1, on each example's gradient",
    "dropconnect": "share of the weights left out at each training step",
    "label_noise": "share of the training labels drawn at random; for regression deviation of noise on the target",
    "schedule_shape": "how the learning rate changes: constant, inverse_time, exponential, step, pieces, cosine, "
    "one_cycle, plateau, distance",
    "warm_up": "epochs in which the learning rate grows linearly to what the schedule says",
    "step_epochs": "epochs between two drops of the schedule step",
    "step_factor": "factor of each drop of the schedules step, plateau and distance",
    "pieces": "epoch:share pairs of the schedule pieces: '81:0.1' has a tenth of the learning rate from epoch 81 on",
    "final_share": "share of the learning rate at which schedules end",
    "initial_share": "share of the learning rate at which the schedule one_cycle begins",
    "peak_at": "share of the training at which the schedule one_cycle reaches the learning rate",
    "plateau_patience": "epochs without a better dev loss that the schedule plateau waits before a drop",
    "distance_growth": "growth of the distance from the initial weights between two drops of the schedule distance",
    "pretrained_rate": "factor on the learning rate of weights that began in a pretrained network",
    "dropout": "share of the hidden units left out at each training step",
    "activation": "function applied to each hidden layer: relu, tanh, sigmoid, leaky_relu, elu, gelu, silu",
    "optimizer": "update rule: sgd, momentum, nesterov, adagrad, adadelta, rmsprop, smorms3, adam, adamw",
    "initialisation": "how the weights begin: he, xavier, glorot, orthogonal, gaussian, large, zeros, plus_minus_one",
    "initial_scale": "factor on the initial weights",
    "dropout_input": "share of the inputs left out at each training step",
    "normalisation": "of each hidden layer, before its activation: none, batch, ghost, layer",
    "ghost_size": "examples in a ghost, for normalisation = ghost",
    "normalisation_momentum": "share of one mini-batch (or ghost) in the running statistics",
    "flip": "probability that a training image is mirrored from left to right",
    "rotation": "degrees by which a training image is turned at most",
    "crop": "pixels of black padding from which a training image is cropped at random",
    "colour": "largest shift of each channel of a training image (of a grey one, its brightness), 1 is black to full",
    "contrast": "largest relative change of a training image's contrast",
    "noise": "standard deviation of the noise added to a training image, 1 is black to full",
    "erasing": "share of a training image's area that is blackened",
}
"""Name to a one-line description."""

CONVOLUTIONAL: dict[str, str] = {
    "blocks": "number of blocks of convolution, 2 × 2 maximum and activation",
    "channels": "channels of the first block, doubled from block to block",
    "kernel_size": "side of the convolutions' kernels, an odd number",
    "units": "units of the hidden layer behind the blocks",
    "dropout": "share of the features behind the blocks and of the hidden units left out at each training step",
    "normalisation": "of each convolution, before its maximum and activation: none, batch, ghost",
}
"""Name to a one-line description of what is special to the small convolutional network."""

DEFAULTS: dict[str, Value] = {
    "learning_rate": 0.01,
    "momentum": 0.9,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "layers": 2,
    "units": 64,
    "batch_size": 32,
    "batch_growth": "",
    "learning_rate_decay": 0.0,
    "l2": 0.0,
    "l1": 0.0,
    "weight_decay": 0.0,
    "max_norm": 0.0,
    "label_smoothing": 0.0,
    "clip_norm": 0.0,
    "clip_value": 0.0,
    "clip_steps": 0,
    "gradient_noise": 0.0,
    "dropconnect": 0.0,
    "label_noise": 0.0,
    "schedule_shape": "inverse_time",
    "warm_up": 0.0,
    "step_epochs": 10,
    "step_factor": 0.1,
    "pieces": "",
    "final_share": 0.0,
    "initial_share": 0.04,
    "peak_at": 0.3,
    "plateau_patience": 3,
    "distance_growth": 1.5,
    "pretrained_rate": 1.0,
    "dropout": 0.0,
    "activation": "relu",
    "optimizer": "adam",
    "initialisation": "he",
    "initial_scale": 1.0,
    "dropout_input": 0.0,
    "normalisation": "none",
    "ghost_size": 32,
    "normalisation_momentum": 0.1,
    "flip": 0.0,
    "rotation": 0.0,
    "crop": 0.0,
    "colour": 0.0,
    "contrast": 0.0,
    "noise": 0.0,
    "erasing": 0.0,
}
"""Name to the value used where nothing is searched."""

EACH_LAYER = ("units", "dropout")
"""What may be given for a single hidden layer: `units_1` is the width of the first one, in place of `units`."""


def layer_of(name: str) -> tuple[str, int | None]:
    """Split the name of a single layer's hyperparameter.

    Returns:
        The hyperparameter and the number of the hidden layer, from 1; None where the name is not a single layer's.

    Example:
        >>> layer_of("units_2"), layer_of("units"), layer_of("epsilon_2")
        (('units', 2), ('units', None), ('epsilon_2', None))
    """
    match = re.fullmatch(rf"({'|'.join(EACH_LAYER)})_([1-9]\d*)", name)
    return (match[1], int(match[2])) if match else (name, None)
