"""A training setup as it is placed once on every node: its arrays, and beside them code and settings."""

from __future__ import annotations

import ctypes
import io
import pickle
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ikura.engine.cluster.own_modules import check_sources, sources
from ikura.errors import DataError, UsageError
from ikura.metric import METRICS, Metric
from ikura.population.encodings import FittedEncodings
from ikura.population.own_networks import OwnNetworks
from ikura.population.setup import TrainingSetup
from ikura.wording import one_line

__all__ = ["PlacedSetup", "place", "taken"]

SAMPLE = 1 << 16
"""Bytes at the beginning, in the middle and at the end of a file by which it is known."""


@dataclass(frozen=True)
class PlacedSetup:
    """A training setup in the form in which it is sent.

    Attributes:
        body: everything but the arrays, pickled by value where it comes from no module.
        arrays: the arrays' bytes.
        sources: digests of the modules from which something is sent by its name.
    """

    body: bytes
    arrays: list[np.ndarray]
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MappedFile:
    """An array that lies in a file, by which it is known where the same file is.

    Attributes:
        path, size, digest: the file.
        offset, shape, strides, dtype: the array in it.
    """

    path: str
    size: int
    digest: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str

    def opened(self) -> np.ndarray:
        """Map the array on this machine.

        Raises:
            DataError: the file is not here, or another one is.
        """
        path = Path(self.path)
        if not path.is_file():
            raise DataError(f"{path} is not there; data mapped from a file must lie at the same path on every node")
        if (path.stat().st_size, _digest(path)) != (self.size, self.digest):
            raise DataError(f"{path} is another file there; data mapped from a file must be the same on every node")
        whole = np.memmap(path, np.uint8, "r")
        return np.ndarray(self.shape, self.dtype, whole, self.offset, self.strides)


def place(setup: TrainingSetup) -> PlacedSetup:
    """Bring a setup into the form in which it is sent; what was found out about networks is found out again there.

    Raises:
        UsageError: something of the caller's cannot be sent.
    """
    from ray import cloudpickle

    modules = set[str]()

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        """Names arrays that lie in a file of the caller's, and ikura's own metrics, in place of sending them."""

        def reducer_override(self, thing: Any) -> Any:
            module = thing.__name__ if isinstance(thing, ModuleType) else getattr(thing, "__module__", None)
            if isinstance(module, str):
                modules.add(module)
            if isinstance(thing, np.ndarray) and (mapped := _mapped(thing)) is not None:
                return MappedFile.opened, (mapped,)
            if isinstance(thing, Metric) and thing.name in METRICS.built_in and METRICS[thing.name] is thing:
                return _metric, (thing.name,)
            return super().reducer_override(thing)

    bare = replace(setup, own=OwnNetworks(), encodings=FittedEncodings())
    buffers: list[pickle.PickleBuffer] = []
    body = io.BytesIO()
    try:
        Pickler(body, protocol=5, buffer_callback=buffers.append).dump(bare)
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise UsageError(f"what the study is given cannot be sent to the nodes of a cluster: {error}") from error
    return PlacedSetup(body.getvalue(), [np.frombuffer(one.raw(), np.uint8) for one in buffers], sources(modules))


def taken(placed: PlacedSetup) -> TrainingSetup:
    """Make a setup of what was placed; its arrays share the node's memory with those of other workers.

    Raises:
        UsageError: a module of the caller's, or a file, is not on this machine, or another one is.
    """
    try:
        setup: TrainingSetup = pickle.loads(placed.body, buffers=[_writable(one) for one in placed.arrays])
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the module {error.name} of what the study is given cannot be imported there; install it on every node, "
            "or name its folder in PYTHONPATH before `ray start`"
        ) from error
    except (ImportError, AttributeError) as error:
        raise UsageError(f"what the study is given is not there: {error}") from error
    except UsageError:
        raise
    except Exception as error:
        reason = one_line(f"{type(error).__name__}: {error}", 300)
        raise UsageError(f"what the study is given cannot be made there: {reason}") from error
    check_sources(placed.sources)
    return setup


def _writable(array: np.ndarray) -> memoryview:
    """The same bytes without the mark that they are read-only, by which compiled code would be told apart.

    Nothing writes into examples.
    """
    if not array.size or array.flags.writeable:
        return memoryview(array.data)
    held = (ctypes.c_char * array.nbytes).from_address(array.ctypes.data)
    held._ikura_owner = array  # type: ignore[attr-defined]
    return memoryview(held).cast("B")


def _mapped(array: np.ndarray) -> MappedFile | None:
    """What an array is in a file that has a name; None where it lies in memory, or in a file without a name."""
    root, outermost = array, None
    while isinstance(root, np.ndarray):
        outermost = root if isinstance(root, np.memmap) else outermost
        root = root.base  # type: ignore[assignment]
    if outermost is None or outermost.filename is None or not Path(str(outermost.filename)).is_file():
        return None
    path = Path(str(outermost.filename)).absolute()
    offset = array.ctypes.data - outermost.ctypes.data + outermost.offset
    return MappedFile(
        str(path), path.stat().st_size, _digest(path), offset, array.shape, array.strides, array.dtype.str
    )


def _digest(path: Path) -> int:
    """A checksum of parts of a file."""
    size, found = path.stat().st_size, 0
    with path.open("rb") as file:
        for start in (0, max(size // 2 - SAMPLE // 2, 0), max(size - SAMPLE, 0)):
            file.seek(start)
            found = zlib.crc32(file.read(SAMPLE), found)
    return found


def _metric(name: str) -> Metric:
    """One of ikura's own metrics, which code knows by their identity."""
    return METRICS[name]
