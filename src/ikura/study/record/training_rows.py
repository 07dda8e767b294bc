"""Some training rows of a run as a caller would give them, to try a model on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ikura.data.array_encoding import whole_array
from ikura.data.network_inputs import NetworkInputs
from ikura.data.open_source import open_source
from ikura.study.record.setting import Setting

__all__ = ["training_rows"]

MOST = 256


def training_rows(run: Path) -> Any:
    """Read training rows again, evenly spread: a frame, or an array.

    Args:
        run: the run folder.

    Raises:
        RunError: the data are gone or have changed.
    """
    setting = Setting.load(run)
    rows = setting.prepare(run).split.train
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST)).astype(int)]
    data, options = setting.data_again(run)
    source = open_source(data, options)
    if setting.arrays is not None:
        source = whole_array(source, data)
    if isinstance(source.features, pd.DataFrame):
        return source.features.iloc[rows].reset_index(drop=True)
    if isinstance(source.features, NetworkInputs):
        inputs = source.features.taken(rows)
        return inputs.inputs[0].given(slice(None)) if len(inputs.inputs) == 1 and inputs.names is None else inputs
    taken = source.features[rows]
    return np.moveaxis(taken, 1, -1) if source.channels_last and not source.images else taken
