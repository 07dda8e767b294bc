"""The nodes of a cluster, and the workers on them: they come and go while a study trains."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple
from uuid import uuid4

from ikura.engine.cluster.connection import unwrapped
from ikura.engine.cluster.messages import Attempt, Control
from ikura.engine.node_facts import NodeFacts, machine_facts, node_questions, version_fault
from ikura.errors import IkuraError, UsageError
from ikura.files import write_atomically
from ikura.wording import one_line

__all__ = ["Event", "Nodes", "Worker"]

SECONDS_BETWEEN_LOOKS = 2.0
"""How often it is looked which nodes there are."""
SECONDS_TO_LOOK = 60.0
"""How long a node may take to say what it is; the first process on it has to be begun."""
SECONDS_OF_NEWS = 10.0
"""How long a worker that has nothing to tell is waited for before it is asked again."""


@dataclass(eq=False)
class Worker:
    """A long-lived process on a node.

    Attributes:
        node: Ray's name of the node.
        facts: what the node is.
        actor: Ray's handle.
        ready: whether it has been begun; a cluster whose cores others use begins it later.
        attempt: the training that it is at; None for none.
    """

    node: str
    facts: NodeFacts
    actor: Any
    ready: bool = False
    attempt: Attempt | None = None


class Event(NamedTuple):
    """Something that happened to a training.

    Attributes:
        kind: "tile", "news", "fault" (what went wrong in it) or "lost" (its worker ended).
        worker: where.
        attempt: the training.
        found: outcomes and progress, `News`, an exception, or why the worker ended.
    """

    kind: str
    worker: Worker
    attempt: Attempt
    found: Any


@dataclass
class Nodes:
    """Knows the nodes of a cluster that this process is connected to, and keeps workers on each.

    Attributes:
        run: the run folder, by which it is found out which nodes share a disk with the driver.
        per_node: workers on a node at most; None for one for each core, or GPU.
        gpus: whether a worker needs a GPU.
        say: told of nodes that come, go, or cannot be used.
    """

    run: Path
    per_node: int | None
    gpus: bool
    say: Callable[[str], None]
    here: NodeFacts = field(init=False)
    facts: dict[str, NodeFacts] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    stages: int = 0
    _done: SimpleQueue[tuple[str, Worker, Attempt | None, Future[Any]]] = field(default_factory=SimpleQueue)
    _aside: list[Event] = field(default_factory=list)
    _looked: float = -SECONDS_BETWEEN_LOOKS
    _room: dict[str, int] = field(default_factory=dict)
    _unusable: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """Look at all nodes and begin a worker for each core, or GPU.

        Raises:
            UsageError: a node has another version of something, or ikura is not there; or there is no core, or GPU.
        """
        self.here = machine_facts()
        resources = self._alive()
        facts = self._facts_of(list(resources))
        if fault := version_fault(self.here, list(facts.values())):
            raise UsageError(f"nodes of the cluster cannot train this study: {fault}")
        self.facts |= facts
        self._room = {node: self._workers_of(each) for node, each in resources.items()}
        if not any(self._room.values()):
            raise UsageError(f"the cluster has no {'GPU' if self.gpus else 'core'} on any of its {len(facts)} nodes")
        if len({one.computes_as for one in facts.values()}) > 1:
            kinds = ", ".join(sorted({one.processor for one in facts.values()}))
            self.say(f"nodes have different processors ({kinds}): last bits depend on which of them trains a tile")
        self._fill()

    def look(self) -> None:
        """Look, if it is time, which nodes there are; begin workers where some are missing."""
        if time.monotonic() - self._looked < SECONDS_BETWEEN_LOOKS:
            return
        resources = self._alive()
        for worker in [one for one in self.workers if one.node not in resources]:
            self._lose(worker, "its node is gone")
        for node in [one for one in self.facts if one not in resources]:
            self.say(f"node {self.facts.pop(node).host} is gone; its tiles go to others")
            self._room.pop(node, None)
        new = [node for node in resources if node not in self.facts and node not in self._unusable]
        for node, facts in (self._facts_of(new) if new else {}).items():
            if fault := version_fault(self.here, [facts]):
                self._unusable.add(node)
                self.say(f"a node that has come is not used: {fault}")
                continue
            self.facts[node], self._room[node] = facts, self._workers_of(resources[node])
            self.say(f"node {facts.host} has come")
        self._fill()

    def new_stage(self) -> int:
        """Number of a training that begins, which may be within another one."""
        self.stages += 1
        return self.stages

    @property
    def idle(self) -> Iterator[Worker]:
        """Workers that have nothing to train."""
        return (one for one in self.workers if one.ready and one.attempt is None)

    def next_events(self, stage: int, seconds: float) -> list[Event]:
        """What has happened to a training since the last time; waited for so long.

        What happened to others meanwhile is put aside for them.
        """
        while True:
            try:
                done = self._done.get(timeout=seconds) if seconds else self._done.get_nowait()
            except Empty:
                break
            self._aside += self._events_of(*done)
            seconds = 0.0
        found = [one for one in self._aside if one.attempt.stage == stage]
        self._aside = [one for one in self._aside if one.attempt.stage != stage]
        return found

    def when_done(self, kind: str, worker: Worker, reference: Any, attempt: Attempt | None = None) -> None:
        """Make events of what a reference comes to; the reference is not kept.

        Args:
            kind: "ready", "news", "warm" or "tile".
            worker: whose it is.
            reference: Ray's.
            attempt: the training that it is of, or is for.
        """
        future: Future[Any] = reference.future()
        future.add_done_callback(lambda done: self._done.put((kind, worker, attempt, done)))

    def _events_of(self, kind: str, worker: Worker, attempt: Attempt | None, future: Future[Any]) -> list[Event]:
        import ray

        try:
            found = future.result()
        except ray.exceptions.RayTaskError as error:
            cause = unwrapped(error)
            if attempt is None:
                raise IkuraError(f"node {worker.facts.host}: {one_line(str(cause), 300)}") from error
            if kind == "warm":
                cause = UsageError(f"node {worker.facts.host}: {cause}") if isinstance(cause, UsageError) else cause
            elif worker.attempt == attempt:
                worker.attempt = None
            return [Event("fault", worker, attempt, cause)]
        except ray.exceptions.RayError as error:
            self._lose(worker, one_line(str(error).splitlines()[0], 200))
            return []
        if kind in ("ready", "news"):
            worker.ready = True
            news = worker.actor.news.options(concurrency_group="talk").remote(SECONDS_OF_NEWS)
            self.when_done("news", worker, news)
        if kind == "news":
            return [Event(kind, worker, one.attempt, one) for one in found]
        if kind == "tile" and attempt is not None:
            worker.attempt = None if worker.attempt == attempt else worker.attempt
            return [Event(kind, worker, attempt, found)]
        return []

    def _lose(self, worker: Worker, reason: str) -> None:
        """Forget a worker that has ended; another takes its place when nodes are looked at next."""
        attempt, worker.attempt = worker.attempt, None
        self.workers = [one for one in self.workers if one is not worker]
        if attempt is not None:
            self._aside.append(Event("lost", worker, attempt, reason))

    def is_there(self, node: str) -> bool:
        """Whether a node is in the cluster now."""
        return node in self._alive()

    def tell(self, worker: Worker, control: Control) -> None:
        """Tell a worker something of the tile that it trains."""
        worker.actor.control.options(concurrency_group="talk").remote(control)

    def end(self, workers: Sequence[Worker]) -> None:
        """End some workers."""
        import ray

        for worker in workers:
            ray.kill(worker.actor)
        self.workers = [one for one in self.workers if one not in workers]

    def close(self) -> None:
        """End all workers."""
        self.end(list(self.workers))

    def _alive(self) -> dict[str, dict[str, float]]:
        """Resources of the nodes that are there, by Ray's name of each."""
        import ray

        self._looked = time.monotonic()
        return {one["NodeID"]: one["Resources"] for one in ray.nodes() if one["Alive"]}

    def _workers_of(self, resources: dict[str, float]) -> int:
        room = int(resources.get("GPU" if self.gpus else "CPU", 0))
        return room if self.per_node is None else min(room, self.per_node)

    def _facts_of(self, nodes: list[str]) -> dict[str, NodeFacts]:
        """Ask nodes what they are; those that go meanwhile are left out."""
        import ray

        path, contents = self.run / f".shared-{uuid4().hex}", uuid4().hex
        write_atomically(path, contents.encode())
        look, began = ray.remote(num_cpus=0, max_retries=0)(node_questions()), time.time()
        try:
            asked = {n: look.options(scheduling_strategy=_on(n)).remote(str(path), contents) for n in nodes}
            _, silent = ray.wait(list(asked.values()), num_returns=len(asked), timeout=SECONDS_TO_LOOK)
            ended, found = time.time(), {}
            for node, reference in asked.items():
                if reference in silent:
                    raise IkuraError(f"node {node[:8]} of the cluster does not answer within {SECONDS_TO_LOOK:g} s")
                try:
                    answer: dict[str, Any] = ray.get(reference)
                except ray.exceptions.RayTaskError as error:
                    raise IkuraError(f"node {node[:8]}: {one_line(str(unwrapped(error)), 200)}") from error
                except ray.exceptions.RayError:
                    continue
                now = answer.pop("now")
                ahead = now - ended if now > ended else min(now - began, 0.0)
                found[node] = NodeFacts(**answer, clock=ahead)
        finally:
            path.unlink(missing_ok=True)
        return found

    def _fill(self) -> None:
        """Begin workers until each node has as many as it has room for."""
        import ray

        from ikura.engine.cluster.worker import TileWorker

        needs: dict[str, Any] = {"num_cpus": 0, "num_gpus": 1} if self.gpus else {"num_cpus": 1}
        kind = ray.remote(max_restarts=0, max_task_retries=0, concurrency_groups={"talk": 2}, **needs)(TileWorker)
        for node, room in self._room.items():
            for _ in range(room - sum(one.node == node for one in self.workers)):
                worker = Worker(node, self.facts[node], kind.options(scheduling_strategy=_on(node)).remote())
                self.workers.append(worker)
                self.when_done("ready", worker, worker.actor.process.remote())


def _on(node: str) -> Any:
    """On this node and no other."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node, soft=False)
