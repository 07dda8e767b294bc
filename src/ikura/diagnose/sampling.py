"""Some of many examples."""

from __future__ import annotations

import zlib

import numpy as np

from ikura.population.examples import Examples

__all__ = ["sampled"]


def sampled(examples: Examples, most: int, seed: int) -> Examples:
    """At most so many of the examples, in their order."""
    if len(examples) <= most:
        return examples
    random = np.random.default_rng([seed % 2**63, zlib.crc32(b"diagnosis")])
    return examples.rows(np.sort(random.choice(len(examples), most, replace=False)))
