"""Batch normalisation against none, by the size of the mini-batch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pandas as pd
from typing_extensions import override

import ikura
from ikura.experiments._base import Experiment, Findings, Repetition, Row, Section, Tables
from ikura.experiments.charts import MARKS, averaged, chart, short
from ikura.experiments.claim import Claim
from ikura.page.html_tables import block
from ikura.page.markup import element

__all__ = ["EXPERIMENT", "measure"]

SIZES, UPDATES, TRAINING_ROWS = (4, 16, 64, 256), 800, 1078
COLOURS = {"none": MARKS[1], "batch": MARKS[0]}
NAMES = {"none": "without", "batch": "with batch normalisation"}


def measure(size: int, normalisation: str, seed: int, updates: int, folder: Path) -> Row:
    """Train one network.

    Args:
        size: rows of a mini-batch.
        normalisation: "none" or "batch".
        seed: of the split and of everything random.
        updates: updates at least, in whole epochs.
        folder: for the run.

    Returns:
        size, normalisation, train and dev loss at the lowest dev loss, and the gap between them, dev - train.
    """
    epochs = -(-updates * size // TRAINING_ROWS)
    space = {"learning_rate": 0.001, "units": 128, "layers": 2, "batch_size": size, "normalisation": normalisation}
    study = ikura.tune(
        "digits",
        space=space,
        trials=1,
        epochs=epochs,
        search="random",
        schedule="none",
        finalists=0,
        metric="log_loss",
        seed=seed,
        checks=False,
        jobs=1,
        out=folder / f"{normalisation}-{size}",
    )
    trial = study.trials.iloc[0]
    train, dev = float(trial["train_loss"]), float(trial["dev_loss"])
    return {"size": size, "normalisation": normalisation, "train": train, "dev": dev, "gap": dev - train}


class BatchNormRegularises(Experiment):
    """Equal updates at every size."""

    name = "batch-norm-regularises"
    says: ClassVar[str] = (
        "Statistics of a small mini-batch are noisy, which regularises as a side effect; the larger the mini-batch, "
        "the less."
    )
    method: ClassVar[str] = (
        "Networks of twice 128 hidden units, with and without batch normalisation, are trained with Adam on the "
        f"bundled digits, with mini-batches of {', '.join(map(str, SIZES))} and at least {UPDATES} updates in whole "
        "epochs. Compared are the weights with the lowest dev loss on the way: the gap, dev loss minus training loss, "
        "which regularisation narrows, and the training loss itself, which it holds up. In each repetition networks "
        "with and without it see the same split, weights and mini-batches."
    )

    @override
    def repeat(self, repetition: Repetition) -> Tables:
        sizes, updates = ((16, 256), 40) if repetition.quick else (SIZES, UPDATES)
        rows = [
            measure(size, normalisation, repetition.seed, updates, repetition.folder)
            for size in sizes
            for normalisation in NAMES
        ]
        return {"networks": rows}

    @override
    def find(self, tables: Mapping[str, pd.DataFrame], quick: bool) -> Findings:
        nets = tables["networks"]
        wide = nets.pivot_table(index=["repetition", "size"], columns="normalisation", values=["train", "dev", "gap"])
        effects = pd.DataFrame(
            {
                "narrowed": wide[("gap", "none")] - wide[("gap", "batch")],
                "held_up": wide[("train", "batch")] - wide[("train", "none")],
            }
        ).reset_index()
        smallest, largest = effects["size"].min(), effects["size"].max()
        claims = []
        for column, words in (("narrowed", "narrows the gap"), ("held_up", "holds the training loss up")):
            by = effects.pivot_table(index="repetition", columns="size", values=column)
            few, many = by[smallest], by[largest]
            sentence = f"With mini-batches of {smallest} batch normalisation {words}"
            claims.append(Claim.of_mean(sentence, "by how much", few, least=0))
            sentence = f"It {words} more at {smallest} than at {largest}"
            claims.append(Claim.of_mean(sentence, "difference", few - many, least=0))
        scale = {"type": "log", "tickvals": sorted(set(nets["size"].tolist()))}
        charts = [
            chart(
                [
                    averaged(nets[nets["normalisation"] == kind], "size", column, NAMES[kind], colour=colour)
                    for kind, colour in COLOURS.items()
                ],
                "mini-batch",
                title.lower(),
                title=title,
                xaxis=scale,
            )
            for column, title in (("gap", "Gap"), ("train", "Training loss"), ("dev", "Dev loss"))
        ]
        rows = []
        for size in sorted(set(nets["size"].tolist())):
            own = nets[nets["size"] == size]
            cells = [
                short(own[own["normalisation"] == kind][column].to_numpy(), 3)
                for column in ("gap", "train", "dev")
                for kind in NAMES
            ]
            rows.append([f"{size}", *cells])
        headings = [f"{c} {n}" for c in ("gap", "training loss", "dev loss") for n in ("without", "with")]
        text = "Mean over repetitions; bands and ± are 95 % intervals."
        losses = element("div", *charts, class_="multiples"), block(["mini-batch", *headings], rows)
        return Findings(claims, [Section.of("Losses", "Gap and losses by mini-batch size", text, *losses)])


EXPERIMENT = BatchNormRegularises()
