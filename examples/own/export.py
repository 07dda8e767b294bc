"""Out of ikura: the module in plain PyTorch, and an ONNX file that takes the rows of the table as they are."""

import numpy as np
import onnxruntime
import torch
from sklearn.datasets import load_wine
from torch import nn

import ikura


def network(hp):
    return nn.Sequential(nn.Linear(hp.inputs, hp.units), nn.ReLU(), nn.Linear(hp.units, hp.outputs))


if __name__ == "__main__":
    wine = load_wine(as_frame=True).frame
    space = {"learning_rate": ikura.log(1e-3, 1e-1), "units": ikura.choice(8, 16)}
    study = ikura.tune(wine, network=network, space=space, trials=6, epochs=15, finalists=1)
    torch.save(study.model.module.state_dict(), "wine.pt")
    network(study.model.hyperparameters).load_state_dict(torch.load("wine.pt"))
    study.model.export("wine.onnx")
    session = onnxruntime.InferenceSession("wine.onnx")
    rows = {one.name: wine[[one.name]].to_numpy(np.float64) for one in session.get_inputs()}
    label, _ = session.run(None, rows)
    print(f"ONNX agrees with ikura on {(label == study.model.predict(wine)).mean():.0%} of the rows")
