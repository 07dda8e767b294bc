"""The command line that a study's configuration stands for."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ikura.files import shown
from ikura.metric import default_metric
from ikura.study.record.networks import budget

__all__ = ["command", "predict_command"]

OPTIONS = (
    "task",
    "group",
    "time",
    "image_size",
    "broken",
    "channels",
    "positive",
    "decimal",
    "dates",
    "copies",
    "trials",
    "epochs",
    "time_limit",
    "finalists",
    "ensemble",
    "folds",
    "repeats",
    "calibration",
    "search",
    "schedule",
    "loss",
    "sample_weight",
    "metric",
    "stop_on",
    "prefer",
    "within",
    "max_parameters",
    "seed",
    "dtype",
    "device",
)
USUAL = {
    "copies": "together",
    "trials": 128,
    "ensemble": "auto",
    "repeats": 1,
    "calibration": "auto",
    "search": "coarse-to-fine",
    "schedule": "early-stopping",
    "seed": 0,
    "dtype": "float32",
    "device": "cpu",
}
"""What `ikura tune` does if nothing is said."""


def command(config: Mapping[str, Any]) -> str | None:
    """Write the command line that a configuration stands for; what is usual is left out.

    Args:
        config: the study's configuration.

    Returns:
        One command; None when the data did not come from a file or a bundled set, or the network is the caller's own or
        began pretrained.

    Example:
        >>> command({"data": {"kind": "file", "path": "my houses.csv"}, "target": "price", "trials": 64, "group": None})
        "ikura tune 'my houses.csv' --target price --trials 64"
    """
    data = config.get("data") or {}
    places = {"file": "path", "folder": "path", "bundled": "name"}
    source = data.get(places.get(str(data.get("kind")), ""))
    plugged = [one["name"] for one in config.get("plugins") or () if one["kind"] == "network"]
    network = plugged[0] if plugged else config.get("network")
    if not source or network in ("own", "pretrained"):
        return None
    words = ["ikura", "tune", str(source)]
    for part in ("dev", "test"):
        if record := config.get(part):
            place = record.get(places.get(str(record.get("kind")), ""))
            if not place:
                return None
            words += [f"--{part}", str(place)]
    if config.get("target") and config.get("broken") is None:
        names = config["target"]
        words += [word for name in ([names] if isinstance(names, str) else names) for word in ("--target", str(name))]
    kinds = config.get("kinds")
    for name, kind in kinds.items() if isinstance(kinds, Mapping) else ():
        words += ["--kind", f"{name}={kind}"]
    for word in config.get("missing") or ():
        words += ["--missing", str(word)]
    if network not in (None, "mlp"):
        words += ["--network", str(network)]
    if weights := config.get("class_weight"):
        pairs = ",".join(f"{one}={weights[one]:g}" for one in weights) if isinstance(weights, Mapping) else str(weights)
        words += ["--class-weight", pairs]
    if metrics := config.get("metrics"):
        words += ["--metrics", ",".join(metrics)]
    for name in config.get("objectives") or ():
        words += ["--objective", str(name)]
    auto = config.get("auto") or {}
    for name in OPTIONS:
        value = config.get(name)
        if value is not None and not (name == "trials" and auto.get("unbounded")) and not _usual(name, config):
            words += [f"--{name.replace('_', '-')}", f"{value:g}s" if name == "time_limit" else str(value)]
    if config.get("test_set") is False:
        words += ["--no-test-set"]
    if auto:
        words += ["--auto"]
    for name in ("bayes_error", "human_error"):
        if name in auto:
            words += [f"--{name.replace('_', '-')}", f"{auto[name]:g}"]
    return shlex.join(words)


def predict_command(folder: str | Path, data: Mapping[str, Any], images: bool) -> str:
    """Write the command that predicts new examples with a model.

    Args:
        folder: of the run, or of the model.
        data: what the model was trained on, as a configuration has it.
        images: whether those are image files.

    Example:
        >>> predict_command("runs/my houses", {"kind": "file", "path": "houses.csv"}, images=False)
        "ikura predict 'runs/my houses' new.csv"
    """
    arrays = str(data.get("path", "")).lower().endswith(".npz")
    return shlex.join(["ikura", "predict", shown(folder), "new.png" if images else "new.npz" if arrays else "new.csv"])


def _usual(name: str, config: Mapping[str, Any]) -> bool:
    """Whether a setting is what `ikura tune` does for this network and task if nothing is said."""
    epochs, finalists = budget(config.get("network") or "mlp", None, None)
    usual = {**USUAL, "epochs": epochs, "finalists": finalists}
    if config.get("task") is not None:
        usual["metric"] = default_metric(config["task"]).name
    return name in usual and config[name] == usual[name]
