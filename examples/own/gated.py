"""A residual network of gated layers (SwiGLU): a table, and the smallest network that is nearly the best."""

from sklearn.datasets import load_breast_cancer
from torch import nn

import ikura


class Gated(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.gate = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden), nn.SiLU())
        self.value = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden))
        self.last = nn.Linear(hidden, width)

    def forward(self, x):
        return x + self.last(self.gate(x) * self.value(x))


def network(hp):
    blocks = [Gated(hp.width, 2 * hp.width) for _ in range(hp.blocks)]
    return nn.Sequential(nn.Linear(hp.inputs, hp.width), *blocks, nn.Linear(hp.width, hp.outputs))


if __name__ == "__main__":
    space = {"learning_rate": ikura.log(1e-3, 1e-1), "width": ikura.choice(4, 8, 16), "blocks": ikura.integer(1, 3)}
    data = load_breast_cancer(return_X_y=True)
    study = ikura.tune(data, network=network, space=space, trials=8, epochs=15, finalists=2, prefer="parameters")
    print(f"chosen: {study.best.hyperparameters}")
    print(f"test accuracy: {study.test.value:.3f}")
