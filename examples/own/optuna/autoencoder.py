"""The search of ../autoencoder.py with Optuna and a training loop of one's own."""

from sklearn.datasets import load_digits
from torch import nn
from training_loop import search, split


def network(hp):
    encoder = nn.Sequential(nn.Linear(64, hp.units), nn.ReLU(), nn.Linear(hp.units, hp.code))
    decoder = nn.Sequential(nn.Linear(hp.code, hp.units), nn.ReLU(), nn.Linear(hp.units, 64))
    return nn.Sequential(encoder, decoder)


def space(trial):
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-3, 3e-2, log=True),
        "units": trial.suggest_categorical("units", [32, 64]),
        "code": trial.suggest_categorical("code", [2, 8, 16]),
    }


def rmse(outputs, target):
    return (outputs - target).square().mean().sqrt()


if __name__ == "__main__":
    x = load_digits().data
    pixels = [part.float() for part, _ in split(x, x)]
    mean, deviation = pixels[0].mean(0), pixels[0].std(0, correction=0)
    standard = [(part - mean) / deviation.where(deviation > 0, 1) for part in pixels]
    target_mean, target_deviation = pixels[0].mean(0), pixels[0].std()

    def loss(outputs, target):
        return (outputs - (target - target_mean) / target_deviation).square().mean()

    def measure(outputs, target):
        return rmse(outputs * target_deviation + target_mean, target)

    parts = list(zip(standard, pixels, strict=True))
    best = search(network, space, parts, loss, measure, "minimize", trials=8)
    print(best.study.trials_dataframe().groupby("params_code")["value"].min().to_string())
    print(f"codes of five digits: {tuple(best.module[0](standard[0][:5]).shape)}")
    print(f"test rmse: {best.test:.3f}")
