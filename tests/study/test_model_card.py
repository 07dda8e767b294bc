"""The card beside a model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from torch import nn

from ikura.api.study import Study

Tune = Callable[..., Study]


def test_it_says_what_the_model_is(iris: Study) -> None:
    text = (iris.run / "model" / "README.md").read_text(encoding="utf-8")
    assert text.startswith('---\nlibrary_name: ikura\ntags: ["ikura", "pytorch", "tabular-classification"]\n')
    weights = sum(one.numel() for one in iris.model.module.parameters())
    assert (
        f"predicts one of 3 classes (target): setosa, versicolor, virginica. Network: MLP (mlp), {weights:,} weights"
        in text
    )
    assert f"| test, opened once | 30 | {iris.test.value:.4f} | " in text
    assert "150 rows: 90 for training, 30 for choosing, 30 for the test." in text
    for name in iris.best.hyperparameters:
        assert f"| {name.replace('_', chr(92) + '_')} | " in text
    for part in ("## How good it is", "## Hyperparameters", "## Data", "## How it is used", "## Limits"):
        assert part in text


def test_names_are_nothing_but_text(tune: Tune) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a|b <script>": random.normal(size=80), "# c`d": random.normal(size=80)})
    frame["y"] = frame["a|b <script>"] * 2
    text = (tune(frame, "y").run / "model" / "README.md").read_text(encoding="utf-8")
    assert "| a\\|b \\<script\\> | number |" in text
    assert "<script>" not in text
    assert "predicts a value (y)" in text


def test_of_one_s_own_network(tune: Tune) -> None:
    study = tune(network=lambda hp: nn.Linear(hp.inputs, hp.outputs), space={"learning_rate": 0.05})
    assert "Network: Linear (own), 15 weights." in (study.run / "model" / "README.md").read_text(encoding="utf-8")
