"""Where the driver of a cluster becomes the limit: a discrete simulation with given or measured costs.

One driver hands tiles to workers one after another, takes their results, and writes each to the store; a worker trains
a tile, and from time to time tells how far it is. Times of tiles are drawn log-normal around their mean. The costs are
assumed; with --measure they are those of the machine at hand, through a local Ray, and what is assumed stands beside
them. Out comes, for each number of workers, how busy they are, what share of its time the driver works, how many trials
an hour there are, and how many workers a driver keeps busy.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from dataclasses import asdict, dataclass, replace

from benchmarks.cluster_costs import measured_costs
from benchmarks.machine import describe, header
from benchmarks.output import command, give, table

__all__ = ["Costs", "Load", "main", "simulate"]

MOST_TILES = 400_000
"""Tiles that are simulated at most; what comes behind them is like what came before."""


@dataclass(frozen=True)
class Costs:
    """Seconds that the driver works.

    Attributes:
        begin: to make a job and send it.
        take: to take the outcomes of a tile.
        store: to record one trial.
        news: to take one piece of news.
    """

    begin: float = 3e-3
    take: float = 2e-3
    store: float = 0.15e-3
    news: float = 0.15e-3


@dataclass(frozen=True)
class Load:
    """What is to be trained.

    Attributes:
        trials: of the study.
        members: of a tile.
        seconds: that a tile trains, on average.
        spread: standard deviation of the logarithm of these.
        rounds: after how many equal parts all workers wait for the last one, as between stages or rungs.
        news: seconds between two pieces of news of a worker.
        most_news: that the driver takes in a second, beyond which workers tell seldomer.
    """

    trials: int
    members: int = 64
    seconds: float = 30.0
    spread: float = 0.5
    rounds: int = 6
    news: float = 0.5
    most_news: float = 500.0


def simulate(workers: int, load: Load, costs: Costs, seed: int = 0) -> dict[str, float]:
    """Let a study run through.

    Args:
        workers: that train.
        load: what they train.
        costs: of the driver.
        seed: of the tiles' times.

    Returns:
        Seconds in all, share of the workers' time in training, share of the driver's time at work, trials an hour.

    Example:
        >>> found = simulate(1, Load(128, members=64, seconds=10.0, spread=0.0, rounds=1), Costs(0, 0, 0, 0))
        >>> found["seconds"], found["workers busy"]
        (20.0, 1.0)
    """
    draw = random.Random(seed)
    whole = max(-(-load.trials // load.members), 1)
    tiles = min(whole, MOST_TILES)
    mean = -(load.spread**2) / 2
    every = max(load.news, workers / load.most_news)
    now = driver = trained = 0.0
    for part in range(load.rounds):
        waiting = tiles * (part + 1) // load.rounds - tiles * part // load.rounds
        idle, running = deque(range(workers)), list[tuple[float, int, float]]()
        while waiting or running:
            if waiting and idle and (not running or running[0][0] > now):
                # The driver gives the next tile to a worker that has none.
                worker = idle.popleft()
                now += costs.begin
                driver += costs.begin
                seconds = load.seconds * draw.lognormvariate(mean, load.spread) if load.spread else load.seconds
                heapq.heappush(running, (now + seconds, worker, seconds))
                waiting -= 1
                continue
            end, worker, seconds = heapq.heappop(running)
            now = max(now, end)
            # What this worker told on the way was taken between other things.
            spent = costs.take + load.members * costs.store + seconds / every * costs.news
            now += spent
            driver += spent
            trained += seconds
            idle.append(worker)
    return {
        "seconds": now * whole / tiles,
        "workers busy": trained / (now * workers),
        "driver busy": driver / now,
        "trials an hour": tiles * load.members / now * 3600,
    }


def limit(load: Load, costs: Costs) -> float:
    """Workers that one driver keeps busy at most, but for waiting at the end of rounds.

    Example:
        >>> round(limit(Load(1), Costs(begin=0.0, take=0.0, store=0.15e-3, news=0.0)))
        3125
    """
    each = (costs.begin + costs.take + load.members * costs.store) / load.seconds
    telling = 1.0 / (each + costs.news / load.news)
    return telling if telling <= load.news * load.most_news else (1.0 - load.most_news * costs.news) / each


def _milliseconds(costs: Costs) -> str:
    return ", ".join(f"{name} {value * 1e3:.3g}" for name, value in asdict(costs).items())


def main(arguments: list[str] | None = None) -> None:
    """Simulate studies on 10 to 10,000 workers."""
    parser = command("cluster_simulation", __doc__ or "", "", "--trials 1000000 --seconds 60", "--measure --json")
    parser.add_argument("--workers", type=int, nargs="+", default=[10, 100, 1000, 3000, 10_000], metavar="N")
    parser.add_argument("--trials", type=int, default=10_000_000, help="of the study (10,000,000)")
    parser.add_argument("--members", type=int, default=64, help="trials in a tile (64)")
    parser.add_argument("--seconds", type=float, default=30.0, help="that a tile trains, on average (30)")
    parser.add_argument("--store", type=float, default=0.15, help="milliseconds to record a trial (0.15)")
    parser.add_argument("--measure", action="store_true", help="simulate with costs that are measured here before")
    given = parser.parse_args(arguments)
    assumed = replace(Costs(), store=given.store / 1e3)
    found = measured_costs(given.members) if given.measure else None
    costs = assumed if found is None else Costs(found.begin, found.take, found.store, found.news)
    base = Load(given.trials, given.members, given.seconds)
    cases = {
        "as given": (base, costs),
        "tiles of twice the time": (replace(base, seconds=2 * base.seconds), costs),
        "store at a third of the cost": (base, replace(costs, store=costs.store / 3)),
        "news every 10 s": (replace(base, news=10.0), costs),
    }
    rows = []
    for name, (load, own) in cases.items():
        for workers in given.workers:
            row = simulate(workers, load, own)
            rows.append({"case": name, "workers": workers, "limit": limit(load, own), **row})
    names = ("case", "workers", "seconds", "workers busy", "driver busy", "trials an hour", "limit")
    lines = [header(), f"costs of the driver, ms, assumed: {_milliseconds(assumed)}"]
    if found is not None:
        lines.append(f"costs of the driver, ms, measured here: {_milliseconds(costs)}")
        lines.append(f"placing data, ms for each MB, measured here: {found.place * 1e3:.3g}")
    lines += ["", table(names, [[row[name] for name in names] for row in rows])]
    measured = None if found is None else asdict(found)
    figures = {
        "machine": describe(),
        "costs": asdict(costs),
        "assumed": asdict(assumed),
        "measured": measured,
        "rows": rows,
    }
    give(figures, "\n".join(lines), given.json)


if __name__ == "__main__":
    main()
