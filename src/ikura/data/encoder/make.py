"""Encoders made: fitted to training rows, or read from their JSON form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.columns import Column
from ikura.data.encoder._base import Encoder
from ikura.data.encoder.array import ArrayEncoder
from ikura.data.encoder.given import GivenEncoder
from ikura.data.encoder.image import ImageEncoder
from ikura.data.encoder.several_inputs import InputsEncoder
from ikura.data.encoder.table import TableEncoder
from ikura.data.encoder.vector import VectorEncoder

__all__ = ["fit_encoder", "read_encoder"]

FORMS: dict[str, Callable[[Mapping[str, Any]], Encoder]] = {
    "array": ArrayEncoder.read_form,
    "given": GivenEncoder.read_form,
    "image": ImageEncoder.read_form,
    "table": TableEncoder.read_form,
    "vector": VectorEncoder.read_form,
    "inputs": InputsEncoder.form_reader(lambda form: read_encoder(form)),
}
"""How encoders are read, by the `type` of their JSON form."""


def fit_encoder(data: pd.DataFrame | npt.NDArray[Any], columns: Sequence[Column] | None = None) -> Encoder:
    """Fit an encoder to the training rows.

    Args:
        data: table of n rows, or array of shape (n, …).
        columns: kinds of the table's columns; found from the data when they are not given.

    Returns:
        An encoder for a table, or for an array.

    Raises:
        DataError: a value does not fit its column, or is infinite.

    Example:
        >>> frame = pd.DataFrame({"area": [60.0, 80.0, 100.0], "city": ["Rome", "Oslo", "Rome"]})
        >>> encoder = fit_encoder(frame)
        >>> encoder.feature_names
        ['area', 'city=Oslo', 'city=Rome']
        >>> x, codes = encoder.transform(pd.DataFrame({"area": [80.0], "city": ["Bern"]}))
        >>> x.tolist(), codes.shape
        ([[0.0, 0.0, 0.0]], (1, 0))
    """
    return ArrayEncoder.fit_array(data) if isinstance(data, np.ndarray) else TableEncoder.fit_table(data, columns)


def read_encoder(form: Mapping[str, Any]) -> Encoder:
    """Make the encoder that `to_dict` described; it transforms exactly as that one did."""
    return FORMS[form["type"]](form)
