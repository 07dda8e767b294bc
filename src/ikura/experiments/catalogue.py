"""The experiments by name."""

from __future__ import annotations

__all__ = ["EXPERIMENTS"]


EXPERIMENTS: dict[str, str] = {
    "random-vs-grid": "Does random search find more than a grid of as many trials?",
    "log-scale": "Should the learning rate be drawn on a log scale?",
    "coarse-to-fine": "Does coarse-to-fine search find more than random search at equal cost?",
    "parity-learning-rate": "How many passes does a small network need as the learning rate grows?",
    "initialisation": "What do zero, large and He initial weights do to training?",
    "regularisation": "What do L2 and dropout do to the weights and to the decision boundary?",
    "vanishing-exploding": "How do signals and gradients grow or fade with depth?",
    "gradient-check": "Does a two-sided difference tell a right backward pass from a wrong one?",
    "batch-norm-regularises": "Does batch normalisation regularise, and less so as the mini-batch grows?",
    "large-batch": "How much accuracy does a large batch lose, and what brings it back?",
    "large-batch-controls": "Does noise of any kind bring back what a large batch loses?",
    "noise-scale": "Does the estimate of the gradient noise scale cover the truth at its stated rate?",
    "step-covariance": "Which rule for the learning rate keeps the covariance of the weight steps?",
    "diffusion": "How fast do weights leave their start, and does one law hold for every batch size?",
}
"""Name to question. The module of an experiment has its name, with underscores, and holds it as `EXPERIMENT`."""
