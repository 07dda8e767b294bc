"""Messages that say where the data came from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ikura.errors import DataError

__all__ = ["located"]


@contextmanager
def located(name: str | None) -> Iterator[None]:
    """Put the name of the data before the message of a DataError."""
    try:
        yield
    except DataError as error:
        if name is None:
            raise
        raise DataError(f"{name}: {error}") from None
