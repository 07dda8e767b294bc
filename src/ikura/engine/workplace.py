"""Where the tiles of a study train: on this machine, or on the nodes of a cluster."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ikura.engine import Engine, engine_for, worker_count
from ikura.engine.cluster.address import LOCAL, check_address
from ikura.engine.cluster.connection import check_installed, check_reached, connect, disconnect, head_of, leave
from ikura.errors import UsageError, nearest
from ikura.node_facts import NodeFacts, machine_facts
from ikura.population.setup import TrainingSetup
from ikura.wording import one_line

__all__ = ["EngineName", "EngineOptions", "ThisMachine", "Workplace", "workplace_for"]

MOST_WORKERS = 10_000


class EngineName(StrEnum):
    """What trains tiles: what is usual on this machine, or Ray."""

    AUTO = "auto"
    RAY = "ray"


@dataclass(frozen=True)
class EngineOptions:
    """What the caller says of where tiles train; nothing of it changes what they come to.

    Args:
        engine: "auto" for this machine, or "ray".
        address: of the Ray cluster: "auto" for the one of this machine, "HOST:PORT" or "ray://HOST:PORT" for another
            one, "local" for one that ends with the study; None for "local".
        workers: on each node at most; None for one for each core, or GPU.

    Raises:
        UsageError: one of them is none.
    """

    engine: str = "auto"
    address: str | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        names = list(EngineName)
        if self.engine not in names:
            shown = one_line(repr(self.engine), 60)
            raise UsageError(f"engine must be auto or ray, but is {shown}{nearest(str(self.engine), names)}")
        given = [name for name in ("address", "workers") if getattr(self, name) is not None]
        if given and self.engine != EngineName.RAY:
            raise UsageError(f"{given[0]} is of a Ray cluster; give engine='ray' too")
        if self.address is not None:
            if not isinstance(self.address, str):
                raise UsageError(f"address must be a text, but is {one_line(repr(self.address), 60)}")
            check_address(self.address)
        count = self.workers
        whole = isinstance(count, int) and not isinstance(count, bool)
        if count is not None and not (whole and 0 < count <= MOST_WORKERS):
            raise UsageError(
                f"workers must be a whole number from 1 to {MOST_WORKERS}, but is {one_line(repr(count), 60)}"
            )

    def checked_with(self, jobs: int | None) -> EngineOptions:
        """The same, once it is known that nothing else contradicts it.

        Raises:
            UsageError: Ray is not installed, no cluster answers at the address, or `jobs`, which are of this machine,
                were given for a cluster.
        """
        if self.on_ray:
            check_installed()
            check_reached(self.address or LOCAL)
            if jobs is not None:
                raise UsageError("jobs are of this machine; with engine='ray' give workers, those of each node")
        return self

    @property
    def on_ray(self) -> bool:
        """Whether tiles train on a cluster."""
        return self.engine == EngineName.RAY


class Workplace(ABC):
    """Makes engines for the trainings of a study, and knows how many tiles train at once.

    Attributes:
        name: of the engine.
        seconds: that it took to connect to it, and to begin its workers.
        note: told of two trainings of a tile that differ.
    """

    name: EngineName
    seconds = 0.0
    note: Callable[[str], None] = staticmethod(lambda line: None)

    @property
    @abstractmethod
    def workers(self) -> int:
        """Tiles that train at once now."""

    @abstractmethod
    def engine(self, setup: TrainingSetup) -> Engine:
        """Make an engine for tiles of a setup, to be closed after use."""

    @abstractmethod
    def nodes_at_work(self) -> list[tuple[NodeFacts, int]]:
        """The machines that train, each with its workers."""

    @abstractmethod
    def close(self) -> None:
        """Give back what is held."""

    def __enter__(self) -> Workplace:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ThisMachine(Workplace):
    """Threads or processes of this machine.

    Args:
        jobs: how many tiles may train at once; no more do than there are cores.
        say: told where fewer workers than that are to be had.
    """

    name = EngineName.AUTO

    def __init__(self, jobs: int, say: Callable[[str], None] = lambda line: None) -> None:
        self.jobs, self.say = worker_count(jobs, say), say

    @property
    def workers(self) -> int:
        """Tiles that train at once."""
        return self.jobs

    def engine(self, setup: TrainingSetup) -> Engine:
        """Make an engine for tiles of a setup, see `engine_for`."""
        return engine_for(setup, self.jobs, self.say)

    def nodes_at_work(self) -> list[tuple[NodeFacts, int]]:
        """This machine."""
        return [(machine_facts(), self.jobs)]

    def close(self) -> None:
        """Nothing is held."""


class RayCluster(Workplace):
    """The nodes of a Ray cluster.

    Args:
        options: its address, and the workers on each node.
        run: the run folder.
        gpus: whether a worker needs a GPU.
        say: told of nodes that come and go.

    Raises:
        UsageError: nothing answers there, or a node cannot train the study.
    """

    name = EngineName.RAY

    def __init__(
        self,
        options: EngineOptions,
        run: Path,
        gpus: bool,
        say: Callable[[str], None],
    ) -> None:
        from ikura.engine.cluster.nodes import Nodes

        self.options, began = options, time.perf_counter()
        self.connected = connect(options.address or LOCAL, options.workers, gpus)
        self.nodes = Nodes(run, options.workers, gpus, say, head_of(options.address or LOCAL))
        try:
            self.nodes.begin()
        except BaseException:
            self.close()
            raise
        self.seconds = time.perf_counter() - began

    @property
    def workers(self) -> int:
        """Workers that there are now."""
        return max(len(self.nodes.workers), 1)

    def engine(self, setup: TrainingSetup) -> Engine:
        """Make an engine for tiles of a setup, which is placed on the nodes."""
        from ikura.engine.cluster.engine import RayEngine

        made, first = RayEngine(setup, self.nodes, self.note), not self.nodes.stages
        if first:
            made.warm_up()
        return made

    def nodes_at_work(self) -> list[tuple[NodeFacts, int]]:
        """The nodes, each with its workers."""
        nodes = self.nodes
        return [(facts, sum(w.node == node for w in nodes.workers)) for node, facts in nodes.facts.items()]

    def close(self) -> None:
        """End the workers, and the connection if it was made here."""
        self.nodes.close()
        if self.connected and self.nodes.silent:
            leave()
        elif self.connected:
            disconnect()


def workplace_for(
    options: EngineOptions,
    setup: TrainingSetup,
    jobs: int,
    run: Path,
    say: Callable[[str], None],
) -> Workplace:
    """Find the place that the caller wants tiles to train at.

    Args:
        options: what they said.
        setup: what the study is trained with.
        jobs: tiles that train at once on this machine.
        run: the run folder.
        say: told what there is to know.

    Raises:
        UsageError: there is no such place.
    """
    if not options.on_ray:
        return ThisMachine(jobs, say)
    return RayCluster(options, run, setup.device.startswith("cuda"), say)
