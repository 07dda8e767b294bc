"""A network of your own: any `nn.Module`, made by a function from the hyperparameters that the space names."""

import numpy as np
from torch import Tensor, nn

import ikura


class Residual(nn.Module):
    """Hidden layers that add to what flows through them."""

    def __init__(self, inputs: int, outputs: int, units: int, layers: int) -> None:
        super().__init__()
        self.first = nn.Linear(inputs, units)
        self.hidden = nn.ModuleList(nn.Linear(units, units) for _ in range(layers))
        self.last = nn.Linear(units, outputs)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        for layer in self.hidden:
            h = h + layer(h).relu()
        return self.last(h)


def network(hp):
    return Residual(hp.inputs, hp.outputs, hp.units, hp.layers)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 2)).astype(np.float32)
    y = np.where(x[:, 0] * x[:, 1] > 0, "alike", "apart")  # no line tells them apart
    space = {"learning_rate": ikura.log(1e-3, 1e-1), "units": ikura.choice(8, 16), "layers": ikura.integer(1, 2)}
    study = ikura.tune((x, y), network=network, space=space, trials=8, epochs=20, finalists=1, out="runs/own_network")
    print(f"chosen: {study.best.hyperparameters}")
    print(f"test accuracy: {study.test.value:.2f}")
    print(f"predictions: {study.model.predict([[1.0, 1.0], [1.0, -1.0]])}")
