"""Images in one folder for each class, changed at random in training."""

from pathlib import Path

import numpy as np
from PIL import Image

import ikura


def draw(folder: Path) -> None:
    """Draw 8 x 8 pixels of which the left or the right half is brighter, 40 of each kind."""
    rng = np.random.default_rng(0)
    for kind, half in (("left", slice(0, 4)), ("right", slice(4, 8))):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in range(40):
            pixels = rng.integers(0, 120, (8, 8), dtype=np.uint8)
            pixels[:, half] += 120
            Image.fromarray(pixels).save(folder / kind / f"{number:02}.png")


if __name__ == "__main__":
    draw(Path("photos"))
    space = {"learning_rate": ikura.log(3e-3, 3e-2), "channels": 4, "units": 8, "noise": ikura.linear(0, 0.1)}
    study = ikura.tune("photos", space=space, trials=4, epochs=8, finalists=0, out="runs/images")
    print(f"chosen: {study.best.hyperparameters}")
    print(f"test accuracy: {study.test.value:.2f}")
    print(f"photos/left/00.png is {study.model.predict('photos/left/00.png')[0]}")
