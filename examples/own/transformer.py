"""A small transformer on token ids: are the brackets of a line balanced?"""

import numpy as np
import torch
from torch import nn

import ikura


class Transformer(nn.Module):
    def __init__(self, hp):
        super().__init__()
        self.tokens = nn.Embedding(2, hp.width)
        self.positions = nn.Parameter(0.1 * torch.randn(hp.shape[0], hp.width))
        self.block = nn.TransformerEncoderLayer(hp.width, hp.heads, 2 * hp.width, dropout=0, batch_first=True)
        self.head = nn.Linear(hp.width, hp.outputs)

    def forward(self, ids):  # (rows, steps), whole numbers
        return self.head(self.block(self.tokens(ids) + self.positions).mean(1))


if __name__ == "__main__":
    ids = np.random.default_rng(0).permuted(np.tile([0, 1], (1200, 4)), axis=1)  # 0 opens, 1 closes
    y = np.where(np.cumsum(1 - 2 * ids, axis=1).min(axis=1) >= 0, "balanced", "unbalanced")
    space = {"learning_rate": ikura.log(1e-3, 3e-2), "width": ikura.choice(16, 32), "heads": ikura.choice(2, 4)}
    study = ikura.tune((ids, y), network=Transformer, space=space, trials=6, epochs=15, finalists=1)
    print(f"test accuracy: {study.test.value:.3f}")
    print(f"()(()()) is {study.model.predict(np.array([[0, 1, 0, 0, 1, 0, 1, 1]]))[0]}")
