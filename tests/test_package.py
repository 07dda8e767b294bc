"""The package as a whole."""

from __future__ import annotations

import ikura


def test_version() -> None:
    assert ikura.__version__


def test_every_public_name_is_there() -> None:
    for name in ikura.__all__:
        assert getattr(ikura, name) is not None
