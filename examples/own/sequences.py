"""A recurrent network on sequences: which of three waves is it, whatever its phase and noise."""

import numpy as np
from torch import nn

import ikura


class Recurrent(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.gru = nn.GRU(hp.shape[-1], hp.units, batch_first=True)
        self.head = nn.Linear(hp.units, hp.outputs)

    def forward(self, x):  # (rows, steps, channels)
        return self.head(self.gru(x)[0].mean(1))


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    y = rng.choice(["sine", "square", "saw"], 600)
    t = np.linspace(0, 3, 24) + rng.uniform(size=(600, 1))
    waves = {"sine": np.sin(2 * np.pi * t), "square": np.sign(np.sin(2 * np.pi * t)), "saw": 2 * (t % 1) - 1}
    x = np.select([(y == name)[:, None] for name in waves], list(waves.values())) + rng.normal(0, 0.4, t.shape)
    space = {"learning_rate": ikura.log(3e-3, 1e-1), "units": ikura.choice(8, 16)}
    study = ikura.tune((x[..., None], y), network=Recurrent, space=space, trials=6, epochs=10)
    print(f"test accuracy: {study.test.value:.3f}")
