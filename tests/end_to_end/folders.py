"""When two run folders hold the same study."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

FACTS = ("best", "test", "predictions", "stages", "tile_size")


def content(run: Path) -> dict[str, Any]:
    """Everything of a run that does not measure time: trials, curves, choice, test, and the model's bytes."""
    connection = sqlite3.connect(run / "study.db")
    try:
        columns = "number, state, purpose, parent, stage, seed, hyperparameters, dev_score, dev_loss, train_score, "
        columns += "train_loss, epochs, best_epoch"
        found: dict[str, Any] = {
            "trials": connection.execute(f"select {columns} from trials order by number").fetchall(),
            "curves": connection.execute("select * from curves order by trial, epoch").fetchall(),
        }
        facts = {name: json.loads(value) for name, value in connection.execute("select name, value from facts")}
    finally:
        connection.close()
    found |= {name: facts.get(name) for name in FACTS}
    found["done"] = facts.get("done")
    for name in ("model.json", "weights.safetensors"):
        path = run / "model" / name
        found[name] = path.read_bytes() if path.exists() else None
    return found
