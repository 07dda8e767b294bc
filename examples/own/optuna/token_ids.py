"""The search of ../token_ids.py with Optuna and a training loop of one's own."""

import numpy as np
import torch
from torch import nn
from training_loop import search, split

WORDS = np.array(["good", "fine", "bad", "poor", "the", "film", "a", "was", "plot", "and", "it", "is"])


def network(hp):
    return nn.Sequential(nn.EmbeddingBag(len(WORDS), hp.width), nn.Linear(hp.width, 2))


def space(trial):
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-2, 1, log=True),
        "width": trial.suggest_categorical("width", [2, 4, 8]),
    }


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.integers(0, len(WORDS), (600, 10))
    praise = np.isin(x, [0, 1]).sum(1) - np.isin(x, [2, 3]).sum(1)
    y = (praise + rng.normal(0, 0.3, 600) > 0).astype(int)
    best = search(network, space, split(x, y, True), nn.functional.cross_entropy, trials=8, epochs=10)
    print(f"test accuracy: {best.test:.3f}")
    with torch.no_grad():
        praised = best.module(torch.arange(len(WORDS))[:, None].repeat(1, 10)).diff()[:, 0]
    print(f"from blame to praise: {' '.join(WORDS[praised.argsort().numpy()])}")
