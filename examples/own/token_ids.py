"""Embeddings of token ids: a bag of words, and what the network has learned of each word."""

import numpy as np
from torch import nn

import ikura

WORDS = np.array(["good", "fine", "bad", "poor", "the", "film", "a", "was", "plot", "and", "it", "is"])


def network(hp):
    return nn.Sequential(nn.EmbeddingBag(len(WORDS), hp.width), nn.Linear(hp.width, hp.outputs))


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x = rng.integers(0, len(WORDS), (600, 10))  # ids reach the network as they are
    praise = np.isin(x, [0, 1]).sum(1) - np.isin(x, [2, 3]).sum(1)
    y = np.where(praise + rng.normal(0, 0.3, 600) > 0, "praise", "blame")
    space = {"learning_rate": ikura.log(1e-2, 1), "width": ikura.choice(2, 4, 8), "optimizer": "adam"}
    study = ikura.tune((x, y), network=network, space=space, trials=8, epochs=10, finalists=1)
    print(f"test accuracy: {study.test.value:.3f}")
    praised = study.model.predict_proba(np.arange(len(WORDS))[:, None].repeat(10, 1))["praise"]
    print(f"from blame to praise: {' '.join(WORDS[np.argsort(praised)])}")
