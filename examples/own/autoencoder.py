"""An autoencoder: the target is the input, and the middle layer of the trained module is used by itself."""

import torch
from sklearn.datasets import load_digits
from torch import nn

import ikura


def network(hp):
    encoder = nn.Sequential(nn.Linear(hp.inputs, hp.units), nn.ReLU(), nn.Linear(hp.units, hp.code))
    decoder = nn.Sequential(nn.Linear(hp.code, hp.units), nn.ReLU(), nn.Linear(hp.units, hp.outputs))
    return nn.Sequential(encoder, decoder)


if __name__ == "__main__":
    x = load_digits().data
    space = {"learning_rate": ikura.log(1e-3, 3e-2), "units": ikura.choice(32, 64), "code": ikura.choice(2, 8, 16)}
    study = ikura.tune((x, x), network=network, space=space, trials=8, epochs=15, finalists=1, metric="rmse")
    print(study.trials.groupby("code")["dev_score"].min().to_string())
    encoder = study.model.module[0]  # plain PyTorch
    standard = torch.as_tensor(study.model.encoder.transform(x[:5])[0])
    print(f"codes of five digits: {tuple(encoder(standard).shape)}")
    print(f"test rmse: {study.test.value:.3f}")
