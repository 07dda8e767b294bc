"""From a small mini-batch to a large one: which measures keep the dev score?"""

import ikura

if __name__ == "__main__":
    space = {"learning_rate": ikura.log(1e-2, 1), "batch_size": 8, "optimizer": "momentum", "units": 16}
    study = ikura.tune("digits", space=space, trials=4, epochs=10, finalists=0, out="runs/small_batch")
    scaling = ikura.scale(study, 256, rule="sqrt", regime="between", seeds=5, within=0.02)
    print(scaling.table[["name", "batch_size", "learning_rate", "epochs", "dev", "verdict"]].to_string(index=False))
    print(f"recommended: {scaling.chosen}")
