"""The one table of hyperparameters: a row says all that is true of one, and everything else is read off it."""

from __future__ import annotations

from math import inf

from ikura.space._base import Parameter
from ikura.space.continuous import linear, log, log_complement
from ikura.space.discrete import Choice, choice, fixed, integer
from ikura.space.effects import (
    BEGINS,
    CLASSES,
    EMBEDDED,
    HIDDEN,
    IMAGES,
    NUMERIC,
    REACHED,
    VALUES,
    Effect,
    Need,
    above_zero,
    known,
    of_rules,
    of_shapes,
    one_of,
)
from ikura.space.hyperparameter_row import Hyperparameter, Part, Search

__all__ = ["LARGE", "TABLE", "smallest_batch"]

LARGE = 1e6
"""A strength beyond which weights overflow, or steps are lost in rounding, whatever the update rule.

A learning rate is told by its trials, which diverge; only what single precision cannot hold is no rate.
"""

MANY = 10**9
"""A count beyond which there is nothing to count."""

TRAINING_SHARE = 0.6


def smallest_batch(rows: int) -> int:
    """The smallest mini-batch that is worth a trial, with so many rows."""
    return 16 if rows < 10_000 else 32 if rows < 50_000 else 64 if rows < 200_000 else 128


def _batch_sizes(rows: int) -> Parameter:
    """Offer up to four powers of two, larger for larger tables, none but the first beyond the training set."""
    first = smallest_batch(rows)
    sizes = [first * 2**step for step in range(4)]
    sizes = [size for size in sizes if size <= max(first, TRAINING_SHARE * rows)]
    return Choice(tuple(sizes)) if len(sizes) > 1 else fixed(first)


_BINS = (4, 8, 16, 32)
"""Bins that are worth a trial; every bin is an input more, which costs time where there are many rows."""

_OF_WAVES = Effect(((one_of("numeric_encoding", "periodic", "pbld", opens=("periodic",)),),), NUMERIC)

TABLE: tuple[Hyperparameter, ...] = (
    Hyperparameter(
        "learning_rate",
        "size of an update step, α",
        0.01,
        bounds=(0, 1e38),
        tables=Search(1, lambda rows, features: log(1e-4, 1)),
        images=Search(1, lambda rows, features: log(1e-4, 3e-2)),
    ),
    Hyperparameter(
        "momentum",
        "coefficient β of the update rules momentum and nesterov",
        0.9,
        bounds=(0, 1),
        below=True,
        effect=of_rules("momentum", "nesterov"),
        tables=Search(2, lambda rows, features: log_complement(0.9, 0.999)),
        images=Search(3, lambda rows, features: log_complement(0.8, 0.99), 3),
        kernel=0,
    ),
    Hyperparameter(
        "beta1",
        "averaging coefficient of Adam's mean of the gradients",
        0.9,
        bounds=(0, 1),
        below=True,
        effect=of_rules("adam", "adamw", opens=("adam",)),
        tables=Search(4, lambda rows, features: log_complement(0.8, 0.99)),
        images=Search(4, lambda rows, features: log_complement(0.8, 0.99), 1),
        kernel=1,
    ),
    Hyperparameter(
        "beta2",
        "averaging coefficient of Adam's, RMSprop's and AdaDelta's mean of the squared gradients",
        0.999,
        bounds=(0, 1),
        below=True,
        effect=of_rules("adadelta", "rmsprop", "adam", "adamw", opens=("adam",)),
        tables=Search(4, lambda rows, features: log_complement(0.9, 0.9999)),
        images=Search(4, lambda rows, features: log_complement(0.9, 0.9999), 2),
        kernel=2,
    ),
    Hyperparameter(
        "epsilon",
        "what adaptive update rules add to their divisor",
        1e-8,
        bounds=(0, LARGE),
        effect=of_rules("adagrad", "adadelta", "rmsprop", "smorms3", "adam", "adamw", opens=("adam",)),
        kernel=3,
    ),
    Hyperparameter(
        "layers",
        "number of hidden layers",
        2,
        bounds=(0, 64),
        whole=True,
        part=Part.NETWORK,
        tables=Search(3, lambda rows, features: integer(1, 3)),
    ),
    Hyperparameter(
        "units",
        "hidden units per layer",
        64,
        bounds=(1, 1_000_000),
        whole=True,
        part=Part.NETWORK,
        effect=Effect((HIDDEN,), of_layers=True),
        tables=Search(2, lambda rows, features: integer(8 if features <= 16 else 16, 128, log=True)),
        images=Search(3, lambda rows, features: integer(32, 256, log=True), 1),
        convolutional="units of the hidden layer behind the blocks",
    ),
    Hyperparameter(
        "batch_size",
        "examples in a mini-batch",
        32,
        bounds=(1, MANY),
        whole=True,
        effect=Effect(
            place=((lambda place, least: known(place.rows, lambda rows: least < rows), "more training rows than that"),)
        ),
        tables=Search(2, lambda rows, features: _batch_sizes(rows)),
        images=Search(2, lambda rows, features: choice(16, 32, 64) if rows < 10_000 else choice(32, 64, 128), 1),
    ),
    Hyperparameter(
        "batch_growth",
        "epoch:factor pairs: '30:5' makes mini-batches five times as large from epoch 30 on",
        "",
        effect=Effect(place=(BEGINS,)),
    ),
    Hyperparameter(
        "learning_rate_decay",
        "decay rate per epoch: α / (1 + decay · epoch), or α e^(-decay · epoch) if exponential",
        0.0,
        bounds=(0, LARGE),
        effect=Effect((of_shapes("inverse_time", "exponential"),)),
        tables=Search(3, lambda rows, features: log(1e-3, 1)),
        images=Search(2, lambda rows, features: log(1e-2, 1), 2),
    ),
    Hyperparameter(
        "l2",
        "strength λ of the penalty λ/2 ‖W‖² added to the mean loss",
        0.0,
        bounds=(0, LARGE),
        tables=Search(3, lambda rows, features: log(1e-6, 1e-2)),
        images=Search(3, lambda rows, features: log(1e-6, 1e-2), 4),
        kernel=5,
    ),
    Hyperparameter(
        "l1",
        "strength λ of the penalty λ Σ |w| added to the mean loss",
        0.0,
        bounds=(0, LARGE),
        kernel=4,
    ),
    Hyperparameter(
        "weight_decay",
        "decoupled decay: w ← (1 - learning rate · weight_decay) w at each step, with any update rule",
        0.0,
        bounds=(0, LARGE),
        kernel=6,
    ),
    Hyperparameter(
        "max_norm",
        "most norm of the weights into one unit; 0 for any",
        0.0,
        bounds=(0, inf),
        kernel=7,
    ),
    Hyperparameter(
        "label_smoothing",
        "share of each label that is spread evenly over all classes in training",
        0.0,
        bounds=(0, 1),
        below=True,
        effect=Effect(place=CLASSES),
        kernel=8,
    ),
    Hyperparameter(
        "clip_norm",
        "most norm of the gradient, which is scaled down to it; 0 for any",
        0.0,
        bounds=(0, inf),
        kernel=9,
    ),
    Hyperparameter(
        "clip_value",
        "most size of each component of the gradient, which is cut off there; 0 for any",
        0.0,
        bounds=(0, inf),
        kernel=10,
    ),
    Hyperparameter(
        "clip_steps",
        "first updates whose gradients clip_norm and clip_value change; 0 for all updates",
        0,
        bounds=(0, MANY),
        whole=True,
        effect=Effect(((above_zero("clip_norm"), above_zero("clip_value")),)),
        kernel=11,
    ),
    Hyperparameter(
        "gradient_noise",
        "standard deviation of the random factor, of mean 1, on each example's gradient",
        0.0,
        bounds=(0, LARGE),
        kernel=12,
    ),
    Hyperparameter(
        "dropconnect",
        "share of the weights left out at each training step",
        0.0,
        bounds=(0, 1),
        below=True,
        kernel=13,
    ),
    Hyperparameter(
        "label_noise",
        "share of the training labels drawn at random; for regression deviation of noise on the target",
        0.0,
        bounds=(0, 1),
        kernel=14,
    ),
    Hyperparameter(
        "ema_decay",
        "coefficient d of the moving average of the weights, a ← d a + (1 - d) w after each update, which is evaluated"
        " and kept; 0 for the weights themselves",
        0.0,
        bounds=(0, 1),
        below=True,
        kernel=16,
    ),
    Hyperparameter(
        "schedule_shape",
        "how the learning rate changes: constant, inverse_time, exponential, step, pieces, cosine, flat_cos, coslog,"
        " one_cycle, plateau, distance",
        "inverse_time",
    ),
    Hyperparameter(
        "warm_up",
        "epochs in which the learning rate grows linearly to what the schedule says",
        0.0,
        bounds=(0, LARGE),
    ),
    Hyperparameter(
        "step_epochs",
        "epochs between two drops of the schedule step",
        10,
        bounds=(1, MANY),
        effect=Effect((of_shapes("step"),), (REACHED,)),
    ),
    Hyperparameter(
        "step_factor",
        "factor of each drop of the schedules step, plateau and distance",
        0.1,
        bounds=(0, 1),
        effect=Effect((of_shapes("step", "plateau", "distance"),)),
    ),
    Hyperparameter(
        "pieces",
        "epoch:share pairs of the schedule pieces: '81:0.1' has a tenth of the learning rate from epoch 81 on",
        "",
        effect=Effect((of_shapes("pieces"),), (BEGINS,)),
    ),
    Hyperparameter(
        "final_share",
        "share of the learning rate at which schedules end",
        0.0,
        bounds=(0, 1),
        effect=Effect(
            (
                (
                    *of_shapes(
                        "cosine",
                        "flat_cos",
                        "coslog",
                        "one_cycle",
                        "exponential",
                        "step",
                        "pieces",
                        "plateau",
                        "distance",
                    ),
                    above_zero("learning_rate_decay"),
                ),
            )
        ),
    ),
    Hyperparameter(
        "initial_share",
        "share of the learning rate at which the schedule one_cycle begins",
        0.04,
        bounds=(0, 1),
        effect=Effect((of_shapes("one_cycle"),)),
    ),
    Hyperparameter(
        "peak_at",
        "share of the training at which the schedule one_cycle reaches the learning rate",
        0.3,
        bounds=(0, 1),
        effect=Effect((of_shapes("one_cycle"),)),
    ),
    Hyperparameter(
        "plateau_patience",
        "epochs without a better dev loss that the schedule plateau waits before a drop",
        3,
        bounds=(0, MANY),
        whole=True,
        effect=Effect((of_shapes("plateau"),), (REACHED,)),
    ),
    Hyperparameter(
        "distance_growth",
        "growth of the distance from the initial weights between two drops of the schedule distance",
        1.5,
        bounds=(1.01, LARGE),
        effect=Effect((of_shapes("distance"),)),
    ),
    Hyperparameter(
        "pretrained_rate",
        "factor on the learning rate of weights that began in a pretrained network",
        1.0,
        bounds=(0, LARGE),
        effect=Effect(place=((lambda place, least: place.pretrained, "a pretrained network that learns"),)),
        kernel=15,
    ),
    Hyperparameter(
        "dropout",
        "share of the hidden units left out at each training step",
        0.0,
        bounds=(0, 1),
        below=True,
        part=Part.NETWORK,
        effect=Effect((HIDDEN,), of_layers=True),
        tables=Search(3, lambda rows, features: linear(0, 0.5)),
        images=Search(2, lambda rows, features: linear(0, 0.5)),
        convolutional="share of the features behind the blocks and of the hidden units left out at each training step",
    ),
    Hyperparameter(
        "activation",
        "function applied to each hidden layer: relu, tanh, sigmoid, leaky_relu, elu, gelu, silu",
        "relu",
        part=Part.NETWORK,
        effect=Effect((HIDDEN,)),
        tables=Search(3, lambda rows, features: choice("relu", "tanh", "leaky_relu")),
        images=Search(3, lambda rows, features: choice("relu", "leaky_relu", "elu"), 8),
    ),
    Hyperparameter(
        "optimizer",
        "update rule: sgd, momentum, nesterov, adagrad, adadelta, rmsprop, smorms3, adam, adamw",
        "adam",
        tables=Search(3, lambda rows, features: choice("adam", "momentum", "rmsprop", "sgd")),
        images=Search(3, lambda rows, features: choice("adam", "momentum", "rmsprop"), 5),
    ),
    Hyperparameter(
        "initialisation",
        "how the weights begin: he, xavier, glorot, orthogonal, gaussian, large, zeros, plus_minus_one",
        "he",
        part=Part.NETWORK,
        tables=Search(3, lambda rows, features: choice("he", "xavier")),
        images=Search(4, lambda rows, features: choice("he", "xavier")),
    ),
    Hyperparameter(
        "initial_scale",
        "factor on the initial weights",
        1.0,
        bounds=(0, LARGE),
        part=Part.NETWORK,
        effect=Effect(
            ((Need("initialisation", lambda value: value != "zeros", "an initialisation other than zeros", ("he",)),),)
        ),
    ),
    Hyperparameter(
        "dropout_input",
        "share of the inputs left out at each training step",
        0.0,
        bounds=(0, 1),
        below=True,
        part=Part.NETWORK,
    ),
    Hyperparameter(
        "normalisation",
        "of each hidden layer, before its activation: none, batch, ghost, layer",
        "none",
        part=Part.NETWORK,
        effect=Effect((HIDDEN,)),
        images=Search(3, lambda rows, features: choice("none", "batch"), 6),
        convolutional="of each convolution, before its maximum and activation: none, batch, ghost",
    ),
    Hyperparameter(
        "ghost_size",
        "examples in a ghost, for normalisation = ghost",
        32,
        bounds=(2, MANY),
        whole=True,
        widened=False,
        part=Part.NETWORK,
        effect=Effect(((one_of("normalisation", "ghost", opens=("ghost",)),), HIDDEN), below="batch_size"),
    ),
    Hyperparameter(
        "normalisation_momentum",
        "share of one mini-batch (or ghost) in the running statistics",
        0.1,
        bounds=(0, 1),
        part=Part.NETWORK,
        effect=Effect(((one_of("normalisation", "batch", "ghost", opens=("batch",)),), HIDDEN)),
    ),
    Hyperparameter(
        "numeric_encoding",
        "how numeric columns enter: standard, robust, quantile, piecewise_linear, periodic, pbld",
        "standard",
        part=Part.NETWORK,
        effect=Effect(place=NUMERIC),
        tables=Search(3, lambda rows, features: choice("standard", "piecewise_linear")),
    ),
    Hyperparameter(
        "encoding_bins",
        "bins of a column at most, for numeric_encoding = piecewise_linear",
        16,
        bounds=(2, 4096),
        whole=True,
        part=Part.NETWORK,
        effect=Effect(((one_of("numeric_encoding", "piecewise_linear", opens=("piecewise_linear",)),),), NUMERIC),
        tables=Search(3, lambda rows, features: choice(*_BINS[: 4 if rows < 10_000 else 3 if rows < 50_000 else 2])),
    ),
    Hyperparameter(
        "encoding_frequencies",
        "learnt frequencies of a column, for numeric_encoding = periodic and pbld",
        16,
        bounds=(1, 4096),
        whole=True,
        part=Part.NETWORK,
        effect=_OF_WAVES,
    ),
    Hyperparameter(
        "encoding_sigma",
        "standard deviation of the initial frequencies, in waves per standard deviation of a column",
        0.1,
        bounds=(0, LARGE),
        part=Part.NETWORK,
        effect=_OF_WAVES,
    ),
    Hyperparameter(
        "encoding_size",
        "numbers that waves make of a column",
        8,
        bounds=(2, 4096),
        whole=True,
        part=Part.NETWORK,
        effect=_OF_WAVES,
    ),
    Hyperparameter(
        "scale_rate",
        "learnt factors on the inputs, and on their learning rate; 0 for no factors",
        0.0,
        bounds=(0, LARGE),
        part=Part.NETWORK,
    ),
    Hyperparameter(
        "embedding_size",
        "numbers of an embedded category; 0 for the root of its number of levels, at most 16",
        0,
        bounds=(0, 4096),
        whole=True,
        part=Part.NETWORK,
        effect=Effect(place=EMBEDDED),
    ),
    Hyperparameter(
        "target_transform",
        "what a regression learns in place of the standardised value: none, log, quantile, yeo_johnson",
        "none",
        part=Part.NETWORK,
        effect=Effect(place=VALUES),
    ),
    Hyperparameter(
        "flip",
        "probability that a training image is mirrored from left to right",
        0.0,
        part=Part.IMAGES,
        effect=IMAGES,
    ),
    Hyperparameter(
        "rotation",
        "degrees by which a training image is turned at most",
        0.0,
        part=Part.IMAGES,
        effect=IMAGES,
    ),
    Hyperparameter(
        "crop",
        "pixels of black padding from which a training image is cropped at random",
        0.0,
        part=Part.IMAGES,
        effect=IMAGES,
    ),
    Hyperparameter(
        "colour",
        "largest shift of each channel of a training image (of a grey one, its brightness), 1 is black to full",
        0.0,
        part=Part.IMAGES,
        effect=IMAGES,
    ),
    Hyperparameter(
        "contrast",
        "largest relative change of a training image's contrast",
        0.0,
        part=Part.IMAGES,
        effect=IMAGES,
    ),
    Hyperparameter(
        "noise",
        "standard deviation of the noise added to a training image, 1 is black to full",
        0.0,
        part=Part.IMAGES,
        effect=IMAGES,
    ),
    Hyperparameter(
        "erasing",
        "share of a training image's area that is blackened",
        0.0,
        part=Part.IMAGES,
        effect=IMAGES,
    ),
    Hyperparameter(
        "blocks",
        "number of blocks of convolution, 2 × 2 maximum and activation",
        None,
        bounds=(1, 16),
        whole=True,
        widened=False,
        part=Part.CONVOLUTIONS,
        images=Search(3, lambda rows, features: integer(1, 3), 2),
    ),
    Hyperparameter(
        "channels",
        "channels of the first block, doubled from block to block",
        None,
        bounds=(1, 65_536),
        whole=True,
        part=Part.CONVOLUTIONS,
        images=Search(3, lambda rows, features: choice(8, 16, 32)),
    ),
    Hyperparameter(
        "kernel_size",
        "side of the convolutions' kernels, an odd number",
        None,
        bounds=(1, 99),
        whole=True,
        widened=False,
        part=Part.CONVOLUTIONS,
        images=Search(3, lambda rows, features: choice(3, 5), 7),
    ),
)
"""All hyperparameters of ikura's, in the order in which they are listed; those of convolutions alone come last."""
