"""What is asked of every node before anything trains there: versions, processor, and whether it shares the disk."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from ikura.process_state import processor
from ikura.version import __version__

__all__ = ["NodeFacts", "differences", "machine_facts", "node_questions", "version_fault"]

LIBRARIES = ("ray", "torch", "numpy", "numba")
"""Besides ikura and Python what must be of one version everywhere: results, and what is sent, depend on them."""


@dataclass(frozen=True)
class NodeFacts:
    """What a node, or the machine that leads the study, is.

    Attributes:
        host: its name.
        versions: of ikura, Python and `LIBRARIES`, by name.
        processor: the kind of its processor.
        features: what the processor can do, as the compiler names it.
        clock: how many seconds its clock is ahead of the driver's.
        shared: whether it sees the run folder of the driver.
        fault: why nothing can be trained there; empty where it can.
    """

    host: str
    versions: dict[str, str]
    processor: str = ""
    features: str = ""
    clock: float = 0.0
    shared: bool = False
    fault: str = ""

    @property
    def computes_as(self) -> tuple[str, str]:
        """What bits depend on besides versions."""
        return self.processor, self.features


def version_fault(here: NodeFacts, nodes: Sequence[NodeFacts]) -> str:
    """Name what is of another version on some nodes than here, or missing; empty where nothing is.

    Example:
        >>> here = NodeFacts("laptop", {"ikura": "1.0", "ray": "2.50"})
        >>> version_fault(here, [here, NodeFacts("h2", {"ikura": "0.9", "ray": "2.50"})])
        'h2 has ikura 0.9 (laptop, which leads the study, has 1.0)'
        >>> version_fault(here, [NodeFacts("h3", {}, fault="No module named 'ikura'")])
        "h3: No module named 'ikura'"
    """
    faults = []
    for node in nodes:
        others = [name for name, own in here.versions.items() if node.versions.get(name, own) != own]
        for name in others:
            faults.append(
                f"{node.host} has {name} {node.versions[name]} ({here.host}, which leads the study, has "
                f"{here.versions[name]})"
            )
        if node.fault and not others:
            faults.append(f"{node.host}: {node.fault}")
    return "; ".join(dict.fromkeys(faults))


def differences(one: NodeFacts, other: NodeFacts) -> str:
    """Say in what that bits depend on two machines differ; empty where nothing of it does, as far as it is known.

    Example:
        >>> a = NodeFacts("h1", {"numpy": "2.1"}, "EPYC", "avx,avx512f")
        >>> differences(a, a), differences(a, NodeFacts("h2", {"numpy": "2.2"}, "EPYC", "avx"))
        ('', "h1's processor alone can do avx512f; h1 has numpy 2.1, h2 2.2")
    """
    found, versions = [], one.versions.keys() & other.versions.keys()
    if one.processor and other.processor and one.processor != other.processor:
        found.append(f"{one.host} has the processor {one.processor}, {other.host} {other.processor}")
    elif one.features and other.features:
        for can, cannot in ((one, other), (other, one)):
            if more := set(can.features.split(",")) - set(cannot.features.split(",")):
                found.append(f"{can.host}'s processor alone can do {', '.join(sorted(more))}")
    found += [
        f"{one.host} has {name} {one.versions[name]}, {other.host} {other.versions[name]}"
        for name in sorted(versions)
        if one.versions[name] != other.versions[name]
    ]
    return "; ".join(found)


def machine_facts() -> NodeFacts:
    """What the machine is that this runs on.

    Example:
        >>> list(machine_facts().versions)[:2]
        ['ikura', 'python']
    """
    import socket

    found = {"ikura": __version__, "python": platform.python_version(), **_installed()}
    return NodeFacts(socket.gethostname(), found, processor(), _features())


@cache
def _installed() -> Mapping[str, str]:
    """Versions of `LIBRARIES`, of those that are installed; they take milliseconds to look up."""
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return MappingProxyType(found)


@cache
def _features() -> str:
    """What the processor can do, as the compiler names it."""
    from llvmlite import binding

    return ",".join(sorted(name for name, there in binding.get_host_cpu_features().items() if there))


def node_questions() -> Callable[[str, str], dict[str, Any]]:
    """Make the function that looks at a node; it is sent whole, so that it answers where no ikura is, or another.

    Returns:
        A function of the path and the contents of a file in the run folder, which returns fields of `NodeFacts`; in
        place of `clock` it has `now`, the time there.
    """
    libraries = ("python", *LIBRARIES)

    def look(path: str, contents: str) -> dict[str, Any]:
        import platform
        import socket
        import time
        from importlib.metadata import PackageNotFoundError, version

        host = socket.gethostname()
        versions: dict[str, str] = {}
        found: dict[str, Any] = {"shared": False}
        try:
            for name in libraries:
                versions[name] = platform.python_version() if name == "python" else version(name)
            from ikura.version import __version__

            versions["ikura"] = __version__
            from ikura.node_facts import machine_facts

            own = machine_facts()
            found |= {"processor": own.processor, "features": own.features}
        except PackageNotFoundError as error:
            found["fault"] = f"{error.name} is not installed there"
        except Exception as error:
            found["fault"] = f"ikura cannot be imported there: {error}"
        try:
            with open(path, encoding="utf-8") as file:
                found["shared"] = file.read() == contents
        except OSError:
            pass
        return {"host": host, "versions": versions, "now": time.time(), **found}

    return look
