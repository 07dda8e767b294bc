"""Two inputs of different kinds: ids of words beside a table of numbers, given by name."""

import numpy as np
import torch
from torch import nn

import ikura


class TwoInputs(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.words = nn.EmbeddingBag(50, hp.width)
        self.head = nn.Sequential(nn.Linear(hp.width + hp.inputs["table"], 16), nn.ReLU(), nn.Linear(16, hp.outputs))

    def forward(self, words, table):
        return self.head(torch.cat([self.words(words), table], 1))


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = {"words": rng.integers(0, 50, (600, 8)), "table": rng.normal(size=(600, 3))}
    y = (x["words"] < 10).sum(1) + 2 * x["table"][:, 0] + rng.normal(0, 0.1, 600)
    space = {"learning_rate": ikura.log(1e-3, 1e-1), "width": ikura.choice(2, 4, 8)}
    study = ikura.tune((x, y), network=TwoInputs, space=space, trials=6, epochs=20, finalists=1)
    print(f"test r2: {study.test.value:.3f}")
    print(f"first three: {study.model.predict(x)[:3].round(1)}, truly {y[:3].round(1)}")
