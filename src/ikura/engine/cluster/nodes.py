"""The nodes of a cluster, and the workers on them: they come and go while a study trains."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from shlex import quote
from typing import Any, NamedTuple
from uuid import uuid4

from ikura.engine.cluster.connection import unwrapped
from ikura.engine.cluster.messages import Attempt, Control
from ikura.engine.cluster.question import status_of
from ikura.errors import IkuraError, RunError, UsageError
from ikura.files import shown, write_atomically
from ikura.node_facts import NodeFacts, machine_facts, node_questions, version_fault
from ikura.wording import one_line

__all__ = ["Event", "Nodes", "Worker"]

TOKEN = ".shared"
"""A file in the run folder by which it is found out which nodes see that."""
SECONDS_BETWEEN_LOOKS = 2.0
"""How often it is looked which nodes there are."""
SECONDS_FOR_ALL, SECONDS_FOR_ONE = 20.0, 180.0
"""How long a study waits for all nodes to say what they are, and for any; those that are late join later."""
SECONDS_TO_ANSWER, SECONDS_WITHOUT_HEAD = 2.0, 15.0
"""How long the head may take to answer, and may be silent before the cluster counts as lost. Ray itself waits for it
where it asks it for something, and ends the process after a minute."""
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
        kind: "tile" (it ended), "news", "warm" (its worker is prepared), "fault" (it failed), "lost" (with its worker).
        worker: where.
        attempt: the training.
        found: outcomes and progress, `News`, nothing, an exception, or why the worker ended.
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
        head: where the cluster's head answers, as for `status_of`.
        lost: whether it has not for too long, so that nothing can be asked of Ray any more.
    """

    run: Path
    per_node: int | None
    gpus: bool
    say: Callable[[str], None]
    head: str
    here: NodeFacts = field(init=False)
    facts: dict[str, NodeFacts] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    stages: int = 0
    lost: bool = False
    _done: SimpleQueue[Callable[[], list[Event]]] = field(default_factory=SimpleQueue)
    _aside: list[Event] = field(default_factory=list)
    _looked: float = -SECONDS_BETWEEN_LOOKS
    _room: dict[str, int] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)
    _unusable: dict[str, str] = field(default_factory=dict)
    _begun: bool = False
    _silent: float | None = None
    _token: str = ""

    def begin(self) -> None:
        """Ask all nodes what they are, and begin a worker for each core, or GPU.

        Raises:
            UsageError: a node has another version of something, or ikura is not there; or there is no core, or GPU.
            IkuraError: no node answers.
        """
        self.here, self._token = machine_facts(), uuid4().hex
        write_atomically(self.run / TOKEN, self._token.encode())
        resources, began = self._alive(), time.monotonic()
        if not any(map(self._workers_of, resources.values())):
            raise UsageError(
                f"the cluster has no {'GPU' if self.gpus else 'core'} on any of its {len(resources)} nodes"
            )
        self._ask(resources)
        while self._asked:
            self._aside += self._happened(0.2)
            waited = time.monotonic() - began
            if self.facts and waited > SECONDS_FOR_ALL:
                break
            if waited > SECONDS_FOR_ONE:
                raise IkuraError(f"no node of the cluster has said within {SECONDS_FOR_ONE:g} seconds what it is")
        if fault := "; ".join(self._unusable.values()):
            raise UsageError(f"nodes of the cluster cannot train this study: {fault}")
        if len({one.computes_as for one in self.facts.values()}) > 1:
            kinds = ", ".join(sorted({one.processor for one in self.facts.values()}))
            self.say(f"nodes have different processors ({kinds}): last bits depend on which of them trains a tile")
        self._begun = True
        self._fill()

    def look(self) -> None:
        """Look, if it is time, which nodes there are; begin workers where some are missing.

        Raises:
            RunError: the head of the cluster has not answered for too long.
        """
        if time.monotonic() - self._looked < SECONDS_BETWEEN_LOOKS:
            return
        if not self._head_answers():
            self._looked = time.monotonic()
            return
        resources = self._alive()
        for worker in [one for one in self.workers if one.node not in resources]:
            self._lose(worker, "its node is gone")
        for node in [one for one in self.facts if one not in resources]:
            self.say(f"node {self.facts.pop(node).host} is gone; its tiles go to others")
        known = {*self.facts, *self._unusable, *self._asked}
        self._ask({node: each for node, each in resources.items() if node not in known})
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
        self._aside += self._happened(seconds)
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
        future.add_done_callback(lambda done: self._done.put(lambda: self._events_of(kind, worker, attempt, done)))

    def _happened(self, seconds: float) -> list[Event]:
        """Everything that has happened since the last time; waited for so long."""
        found: list[Event] = []
        while True:
            try:
                found += self._done.get(timeout=seconds)() if seconds else self._done.get_nowait()()
            except Empty:
                return found
            seconds = 0.0

    def _events_of(self, kind: str, worker: Worker, attempt: Attempt | None, future: Future[Any]) -> list[Event]:
        import ray

        try:
            found = future.result()
        except ray.exceptions.RayTaskError as error:
            cause = unwrapped(error)
            if attempt is None:
                raise IkuraError(f"node {worker.facts.host}: {one_line(str(cause), 300)}") from error
            if isinstance(cause, UsageError):
                cause.args = (f"node {worker.facts.host}: {cause}",)
            if kind != "warm" and worker.attempt == attempt:
                worker.attempt = None
            return [Event("fault", worker, attempt, cause)]
        except ray.exceptions.RayError as error:
            self._lose(worker, one_line(str(error).splitlines()[0], 200))
            return []
        if kind in ("ready", "news"):
            worker.ready = True
            news = worker.actor.news.remote(SECONDS_OF_NEWS)
            self.when_done("news", worker, news)
        if kind == "news":
            return [Event(kind, worker, one.attempt, one) for one in found]
        if attempt is not None:
            worker.attempt = None if kind == "tile" and worker.attempt == attempt else worker.attempt
            return [Event(kind, worker, attempt, found)]
        return []

    def _lose(self, worker: Worker, reason: str) -> None:
        """Forget a worker that has ended; another takes its place when nodes are looked at next."""
        attempt, worker.attempt = worker.attempt, None
        self.workers = [one for one in self.workers if one is not worker]
        if attempt is not None:
            self._aside.append(Event("lost", worker, attempt, reason))

    def is_there(self, node: str) -> bool:
        """Whether a node is in the cluster now, as far as is known."""
        return self._head_answers() and node in self._alive()

    @property
    def silent(self) -> bool:
        """Whether the head of the cluster has not answered when it was asked last."""
        return self._silent is not None

    def _head_answers(self) -> bool:
        """Whether the head of the cluster answers; Ray must be asked for nothing while it does not.

        Raises:
            RunError: it has not for too long.
        """
        if status_of(self.head, None, SECONDS_TO_ANSWER):
            self._silent = None
            return True
        now = time.monotonic()
        self._silent = now if self._silent is None else self._silent
        if now - self._silent > SECONDS_WITHOUT_HEAD:
            self.lost = True
            raise RunError(
                f"the head of the Ray cluster at {self.head} has not answered for {SECONDS_WITHOUT_HEAD:g} seconds, "
                "so the cluster is lost; what was recorded is kept: begin a cluster again, and "
                f"`ikura resume {quote(shown(self.run))} --engine ray` goes on"
            )
        return False

    def tell(self, worker: Worker, control: Control) -> None:
        """Tell a worker something of the tile that it trains."""
        worker.actor.control.remote(control)

    def end(self, workers: Sequence[Worker]) -> None:
        """End some workers."""
        import ray

        for worker in workers:
            ray.kill(worker.actor)
        self.workers = [one for one in self.workers if one not in workers]

    def close(self) -> None:
        """End all workers; those of a cluster that is lost end by themselves."""
        with suppress(RunError):
            if not self.lost and self._head_answers():
                self.end(list(self.workers))
        (self.run / TOKEN).unlink(missing_ok=True)

    def _alive(self) -> dict[str, dict[str, float]]:
        """Resources of the nodes that are there, by Ray's name of each."""
        import ray

        self._looked = time.monotonic()
        return {one["NodeID"]: one["Resources"] for one in ray.nodes() if one["Alive"]}

    def _workers_of(self, resources: dict[str, float]) -> int:
        room = int(resources.get("GPU" if self.gpus else "CPU", 0))
        return room if self.per_node is None else min(room, self.per_node)

    def _ask(self, resources: dict[str, dict[str, float]]) -> None:
        """Ask nodes what they are."""
        import ray

        if not resources:
            return
        look = ray.remote(num_cpus=0, max_retries=0)(node_questions())
        for node, each in resources.items():
            self._asked.add(node)
            self._room[node] = self._workers_of(each)
            asked = look.options(scheduling_strategy=_on(node)).remote(str(self.run / TOKEN), self._token)
            taken = partial(self._take_facts, node, time.time())
            asked.future().add_done_callback(lambda done, taken=taken: self._done.put(partial(taken, done)))

    def _take_facts(self, node: str, began: float, future: Future[dict[str, Any]]) -> list[Event]:
        """Take what a node says that it is; one that is gone meanwhile is asked again when it is back."""
        import ray

        ended = time.time()
        self._asked.discard(node)
        try:
            answer = future.result()
        except ray.exceptions.RayTaskError as error:
            self._unusable[node] = f"{node[:8]}: {one_line(str(unwrapped(error)), 200)}"
        except ray.exceptions.RayError:
            return []
        else:
            now = answer.pop("now")
            facts = NodeFacts(**answer, clock=now - ended if now > ended else min(now - began, 0.0))
            if fault := version_fault(self.here, [facts]):
                self._unusable[node] = fault
            else:
                self.facts[node] = facts
        if self._begun:
            late = self._unusable.get(node)
            self.say(f"node {self.facts[node].host} has come" if late is None else f"a node is not used: {late}")
            self._looked = -SECONDS_BETWEEN_LOOKS
        return []

    def _fill(self) -> None:
        """Begin workers until each node has as many as it has room for."""
        import ray

        from ikura.engine.cluster.worker import TALK, TileWorker

        needs: dict[str, Any] = {"num_cpus": 0, "num_gpus": 1} if self.gpus else {"num_cpus": 1}
        kind = ray.remote(max_restarts=0, max_task_retries=0, concurrency_groups={TALK: 2}, **needs)(TileWorker)
        for node in self.facts:
            for _ in range(self._room[node] - sum(one.node == node for one in self.workers)):
                worker = Worker(node, self.facts[node], kind.options(scheduling_strategy=_on(node)).remote())
                self.workers.append(worker)
                self.when_done("ready", worker, worker.actor.process.remote())


def _on(node: str) -> Any:
    """On this node and no other."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node, soft=False)
