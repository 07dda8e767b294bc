"""A search space of your own: scales, a condition, a constraint, and a second objective."""

import ikura

space = ikura.Space(
    ikura.when(optimizer="momentum", momentum=ikura.log_complement(0.5, 0.99)),
    ikura.constraint("units * layers <= 48"),
    learning_rate=ikura.log(1e-3, 1),
    optimizer=ikura.choice("momentum", "adam"),
    units=ikura.integer(4, 32, log=True),
    layers=ikura.integer(1, 3),
    batch_size=16,
)

if __name__ == "__main__":
    study = ikura.tune(
        "iris", space=space, search="sobol", trials=16, epochs=20, finalists=2, objectives=["parameters"],
        prefer="parameters", within=0.05, out="runs/own_space",
    )  # fmt: skip
    print(study.trials[["learning_rate", "optimizer", "momentum", "units", "layers", "dev_score"]].head())
    print(f"chosen: {study.best.hyperparameters}")
    print(f"test accuracy: {study.test.value:.2f}")
