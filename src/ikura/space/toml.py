"""Search spaces written in TOML files."""

from __future__ import annotations

import tomllib
from os import PathLike
from pathlib import Path

from ikura.errors import DataError, SpaceError, nearest
from ikura.files import check_regular, named
from ikura.space.space import Space

__all__ = ["load_space"]

MOST_BYTES = 1 << 22


def _nearest_file(path: Path) -> str:
    try:
        return nearest(path.name, [entry.name for entry in path.parent.iterdir()])
    except OSError:
        return ""


def load_space(path: str | PathLike[str]) -> Space:
    r"""Read a search space from a TOML file.

    One table for each hyperparameter::

        [learning_rate]
        scale = "log"            # or linear, log-complement, integer, integer-log
        low = 1e-4
        high = 1

        [optimizer]
        choices = ["sgd", "adam"]

        [beta2]
        value = 0.999
        when = {optimizer = "adam"}

    Args:
        path: the file.

    Returns:
        The space.

    Raises:
        SpaceError: the file cannot be read, is no TOML, or a table is wrong; the message names file and table.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     file = Path(folder, "space.toml")
        ...     _ = file.write_text('[dropout]\nscale = "linear"\nlow = 0\nhigh = 0.5')
        ...     load_space(file)["dropout"]
        Linear(low=0.0, high=0.5)
    """
    path = named(path, "the space's file")
    try:
        check_regular(path)
        if path.stat().st_size > MOST_BYTES:
            raise SpaceError(f"{path}: a space has at most {MOST_BYTES >> 20} MB, but this file is larger")
        content = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SpaceError(f"{path}: no such file{_nearest_file(path)}") from None
    except UnicodeDecodeError as error:
        raise SpaceError(f"{path}: a space is a TOML file in UTF-8, but byte {error.start} is not UTF-8") from None
    except OSError as error:
        raise SpaceError(f"{path}: cannot be read: {error.strerror}") from None
    except DataError as error:
        raise SpaceError(str(error)) from None
    try:
        tables = tomllib.loads(content)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SpaceError(f"{path}: not TOML: {error}") from None
    except ValueError:
        raise SpaceError(f"{path}: holds a whole number of more digits than Python reads") from None
    if not tables:
        raise SpaceError(f"{path}: there is no table, such as [learning_rate], in the file")
    try:
        return Space.from_dict(tables)
    except SpaceError as error:
        raise SpaceError(f"{path}: {error}") from None
