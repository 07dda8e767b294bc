"""The package as a whole."""

from __future__ import annotations

import ikura


def test_version() -> None:
    assert ikura.__version__
