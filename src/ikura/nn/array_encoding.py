"""Encodings of numeric columns computed by NumPy, as `ikura.nn.encoding_layer` computes them by PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import pi

import numpy as np

from ikura.nn.encoding import CLIP, NumericEncoding

__all__ = ["encoded"]


def encoded(encoding: NumericEncoding, x: np.ndarray, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
    """Encode x, shape (rows, inputs): [other columns, encoded columns], shape (rows, width), in the precision of x.

    Args:
        encoding: what becomes of which columns.
        x: the inputs.
        parameters: of an encoding that learns, by name, each of one or two axes.
    """
    values = x[:, list(encoding.columns)]
    if encoding.kind == "robust":
        found = _clipped(encoding, values)
    elif encoding.kind == "quantile":
        halves = [(one[: len(one) // 2], one[len(one) // 2 :]) for one in encoding.numbers]
        found = np.stack([np.interp(values[:, k], *half) for k, half in enumerate(halves)], 1)
        found[np.isnan(values)] = np.nan
    elif encoding.kind == "piecewise_linear":
        found = np.concatenate([_ramps(values[:, k], edges) for k, edges in enumerate(encoding.numbers)], 1)
    elif encoding.kind == "periodic":
        angle = _turns(encoding, values, parameters)
        found = np.maximum(_mixed(encoding, np.concatenate([np.sin(angle), np.cos(angle)], 2), parameters), 0)
        found = found.reshape(len(x), -1)
    else:
        scaled = _clipped(encoding, values)
        waves = np.cos(_turns(encoding, scaled, parameters) + parameters["phases"].reshape(len(encoding.columns), -1))
        beside = _mixed(encoding, waves, parameters)
        found = np.concatenate([scaled[:, :, None], beside], 2).reshape(len(x), -1)
    return np.concatenate([x[:, list(encoding.others)], found.astype(x.dtype)], 1)


def _clipped(encoding: NumericEncoding, values: np.ndarray) -> np.ndarray:
    """Robust scaling z = (v - m) s, softly clipped: z / √(1 + (z/3)²)."""
    centre, scale = np.array(encoding.numbers, np.float64).T
    z = (values - centre) * scale
    found: np.ndarray = z / np.sqrt(1 + (z / CLIP) ** 2)
    return found


def _ramps(values: np.ndarray, edges: tuple[float, ...]) -> np.ndarray:
    """(v - b) / (b' - b) for each bin from b to b', within [0, 1] but for the outermost."""
    slope = np.array([1 / (b - a) for a, b in pairwise(edges)])
    shares = (values[:, None] - np.array(edges[:-1])) * slope
    shares[:, 1:] = np.maximum(shares[:, 1:], 0)
    shares[:, :-1] = np.minimum(shares[:, :-1], 1)
    return np.asarray(shares)


def _turns(encoding: NumericEncoding, values: np.ndarray, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
    """2πcv of values of shape (rows, columns): shape (rows, columns, frequencies)."""
    found: np.ndarray = 2 * pi * values[:, :, None] * parameters["frequencies"].reshape(len(encoding.columns), -1)
    return found


def _mixed(encoding: NumericEncoding, waves: np.ndarray, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
    """Mix the waves of each column, shape (rows, columns, waves): shape (rows, columns, numbers)."""
    count = len(encoding.columns)
    weight = parameters["weight"].reshape(count, -1, waves.shape[2])
    found: np.ndarray = np.matmul(waves.swapaxes(0, 1), weight.swapaxes(1, 2)).swapaxes(0, 1)
    return np.asarray(found + parameters["bias"].reshape(count, -1))
