"""The search of ../transformer.py with Optuna and a training loop of one's own."""

import numpy as np
import torch
from torch import nn
from training_loop import search, split


class Transformer(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.tokens = nn.Embedding(2, hp.width)
        self.positions = nn.Parameter(0.1 * torch.randn(8, hp.width))
        self.block = nn.TransformerEncoderLayer(hp.width, hp.heads, 2 * hp.width, dropout=0, batch_first=True)
        self.head = nn.Linear(hp.width, 2)

    def forward(self, ids):  # (rows, steps), whole numbers
        return self.head(self.block(self.tokens(ids) + self.positions).mean(1))


def space(trial):
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-3, 3e-2, log=True),
        "width": trial.suggest_categorical("width", [16, 32]),
        "heads": trial.suggest_categorical("heads", [2, 4]),
    }


if __name__ == "__main__":
    ids = np.random.default_rng(0).permuted(np.tile([0, 1], (1200, 4)), axis=1)  # 0 opens, 1 closes
    y = (np.cumsum(1 - 2 * ids, axis=1).min(axis=1) >= 0).astype(int)
    best = search(Transformer, space, split(ids, y, True), nn.functional.cross_entropy)
    print(f"test accuracy: {best.test:.3f}")
    with torch.no_grad():
        balanced = best.module.eval()(torch.tensor([[0, 1, 0, 0, 1, 0, 1, 1]])).argmax().item()
    print(f"()(()()) is {['unbalanced', 'balanced'][balanced]}")
