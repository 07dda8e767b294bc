"""Racing against successive halving on trials whose curves are known: is the best one kept, and for how many epochs?"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest, bootstrap

from benchmarks.machine import cores, describe, header
from benchmarks.output import command, give, say, table
from benchmarks.pools import MEASURED, TASKS, Pool, pool
from ikura.search.schedule import Racing, Schedule, StageContext, Standing, SuccessiveHalving
from ikura.search.schedule.racing import field_share, look_epochs

__all__ = ["Known", "Result", "at_equal", "at_once", "main", "places", "replay"]

SHORTEST = (1, 3, 11, 33, 100)
"""Shortest rungs of successive halving with η = 3 at 100 epochs: each gives another ladder, the last one no halving."""


@dataclass(frozen=True)
class Known:
    """A pool under one patience: when each trial would end, and which one is the best then.

    Attributes:
        pool: the trials.
        ends: epochs after which each trial ends on its own, shape (trials,).
        ranks: places of the trials when all are trained until then, 0 the best: by dev score of the kept weights, then
            dev loss, then number, diverged ones last; shape (trials,).
        scores: dev score of the weights kept at the end; minus infinity for diverged trials, shape (trials,).
    """

    pool: Pool
    ends: np.ndarray
    ranks: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(cls, pool: Pool, patience: int | None) -> Known:
        """Follow every trial to its end."""
        trials, epochs = pool.losses.shape
        losses = np.where(np.isfinite(pool.losses), pool.losses, np.inf)
        lowest = np.minimum.accumulate(losses, 1)
        fresh = np.hstack([np.ones((trials, 1), bool), losses[:, 1:] < lowest[:, :-1]])
        best = np.maximum.accumulate(np.where(fresh, np.arange(epochs), 0), 1)
        over = ~np.isfinite(pool.losses)
        if patience is not None:
            over |= np.arange(epochs) - best >= patience
        ends = np.where(over.any(1), over.argmax(1) + 1, epochs)
        last, every = ends - 1, np.arange(trials)
        dead = ~np.isfinite(pool.losses[every, last])
        scores = np.where(dead, -np.inf, pool.scores[every, best[every, last]])
        order = np.lexsort((every, lowest[every, last], -scores))
        return cls(pool, ends, np.argsort(order), scores)


@dataclass(frozen=True)
class Result:
    """What a schedule did to one draw of trials: who was trained to the end, and epochs used in all."""

    kept: list[int]
    epochs: int


def replay(schedule: Schedule, known: Known, drawn: np.ndarray, room: int) -> Result:
    """Carry a schedule's rounds out on trials whose curves are known.

    Args:
        schedule: the schedule.
        known: the trials.
        drawn: which of them take part, in the order in which they begin.
        room: how many are worth training at once.
    """
    pool = known.pool
    most = pool.losses.shape[1]
    plan = StageContext(len(drawn), most, room, 0)
    standings: dict[int, Standing] = {}

    def train(number: int, until: int, before: dict[int, Any]) -> None:
        trial = drawn[number]
        epochs = min(until, int(known.ends[trial]))
        losses, scores = pool.losses[trial, :epochs], pool.scores[trial, :epochs]
        alive = np.isfinite(losses[-1])
        state = "running" if alive and epochs == until < most and until < known.ends[trial] else "complete"
        marks = before | ({epochs: pool.dev_losses[trial, epochs - 1]} if schedule.paired and alive else {})
        standings[number] = Standing(number, state if alive else "diverged", epochs, scores, losses, {}, None, marks)

    while (decided := schedule.next(list(standings.values()), plan)) is not None:
        for number in decided.drop:
            one = standings[number]
            standings[number] = Standing(number, "pruned", one.epochs, one.scores, one.losses, {}, None, one.dev_losses)
        for number, until in decided.train.items():
            train(number, until, dict(standings[number].dev_losses))
        for until in decided.fresh:
            train(len(standings), until, {})
    kept = [int(drawn[number]) for number, one in standings.items() if one.state == "complete"]
    return Result(kept, sum(one.epochs for one in standings.values()))


def contenders() -> dict[str, tuple[Callable[[], Schedule], bool]]:
    """Name to schedule, and whether its trials end by patience."""
    found: dict[str, tuple[Callable[[], Schedule], bool]] = {"racing": (Racing, True)}
    for patience in (False, True):
        for shortest in SHORTEST:
            halving = partial(SuccessiveHalving, 3, shortest)
            found[f"halving from {shortest}{' + patience' * patience}"] = halving, patience
    return found


def _one(
    make: Callable[[], Schedule], known: Known, truth: Known, trials: int, room: int, repetition: int
) -> tuple[bool, bool, int, float]:
    """Whether the best is kept, under its own patience and without any; epochs; what the choice falls short of."""
    drawn = np.random.default_rng(repetition).choice(len(known.pool), trials, replace=False)
    result = replay(make(), known, drawn, room)
    best, ideal = (drawn[one.ranks[drawn].argmin()] for one in (known, truth))
    chosen = max((known.scores[trial] for trial in result.kept), default=-np.inf)
    return bool(best in result.kept), bool(ideal in result.kept), result.epochs, float(truth.scores[ideal] - chosen)


def measure(name: str, trials: int, room: int, repetitions: int, source: Pool) -> list[dict[str, Any]]:
    """Let every contender have the same draws of one task."""
    free, patient = Known.of(source, None), Known.of(source, Racing().patience(source.losses.shape[1]))
    rows = []
    with ProcessPoolExecutor(cores()) as workers:
        for contender, (make, patience) in contenders().items():
            one = partial(_one, make, patient if patience else free, free, trials, room)
            found = list(workers.map(one, range(repetitions), chunksize=10))
            kept, ideal, epochs, regret = (np.array(column, float) for column in zip(*found, strict=True))
            interval = binomtest(int(kept.sum()), len(kept)).proportion_ci(0.95, "wilson")
            rows.append(
                {
                    "task": name,
                    "schedule": contender,
                    "patience": patience,
                    "kept": float(kept.mean()),
                    "interval": [float(interval.low), float(interval.high)],
                    "kept_without_patience": float(ideal.mean()),
                    "epochs": float(epochs.mean()),
                    "epochs_interval": _mean_interval(epochs),
                    "regret": float(regret.mean()),
                }
            )
            say(f"{name}, {contender}: kept {rows[-1]['kept']:.3f}, {rows[-1]['epochs']:.0f} epochs")
    return rows


def one_setting(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each schedule with the same setting for all tasks: lowest rate of keeping the best, mean epochs and regret."""
    found = []
    for name in dict.fromkeys(row["schedule"] for row in rows):
        mine = [row for row in rows if row["schedule"] == name]
        found.append(
            {
                "schedule": name,
                "patience": mine[0]["patience"],
                "lowest": min(row["kept"] for row in mine),
                "kept": float(np.mean([row["kept"] for row in mine])),
                "epochs": float(np.mean([row["epochs"] for row in mine])),
                "regret": float(np.mean([row["regret"] for row in mine])),
            }
        )
    return found


def _mean_interval(values: np.ndarray) -> list[float]:
    if np.ptp(values) == 0:
        return [float(values[0])] * 2
    found = bootstrap((values,), np.mean, n_resamples=1000, method="percentile", rng=0).confidence_interval
    return [float(found.low), float(found.high)]


def at_equal(value: float, ladder: list[tuple[float, float]], rising: bool = True) -> float | None:
    """Epochs at which a mixture of two neighbours of a ladder has the wanted quality in the mean.

    Drawing one of two schedules by lot gives every quality between theirs at epochs in between, so that interpolation
    is a schedule that exists.

    Args:
        value: wanted quality.
        ladder: quality and epochs of each schedule, from the cheapest.
        rising: whether greater is better.

    Returns:
        Epochs; None if no schedule of the ladder is as good.

    Example:
        >>> at_equal(0.9, [(0.5, 100.0), (0.8, 200.0), (1.0, 400.0)])
        300.0
    """
    sign = 1.0 if rising else -1.0
    wanted, steps = sign * value, [(sign * quality, epochs) for quality, epochs in ladder]
    costs = [epochs for quality, epochs in steps if quality >= wanted]
    for (low, cheap), (high, dear) in pairwise(steps):
        if low < wanted <= high:
            costs.append(cheap + (dear - cheap) * (wanted - low) / (high - low))
    return min(costs, default=None)


def compare(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Epochs of successive halving over those of racing, at equal rate of keeping the best and at equal regret."""
    found = []
    for name in dict.fromkeys(row["task"] for row in rows):
        mine = [row for row in rows if row["task"] == name]
        [racing] = [row for row in mine if row["schedule"] == "racing"]
        line: dict[str, Any] = {"task": name}
        for patience in (False, True):
            halving = [row for row in mine if row["schedule"].startswith("halving") and row["patience"] == patience]
            for quality, rising in (("kept", True), ("regret", False)):
                epochs = at_equal(racing[quality], [(row[quality], row["epochs"]) for row in halving], rising)
                key = f"{quality}{', patience' * patience}"
                line[key] = None if epochs is None else epochs / racing["epochs"]
        found.append(line)
    return found


def field(sources: dict[str, Pool], trials: int, repetitions: int) -> list[dict[str, Any]]:
    """Best share of the field that the later best trial was among: by task and look, the 95 % quantile over draws.

    The line of all tasks has the shares among which it was at all looks at once in 95 of 100 draws. The last column is
    the 95 % quantile of its largest ratio to `field_share` over all looks of a draw: where it is at most 1, racing's
    shares alone keep the best in 95 of 100 draws.
    """
    found = {name: places(source, trials, repetitions) for name, source in sources.items()}
    every = np.concatenate(list(found.values()))
    epochs = next(iter(sources.values())).losses.shape[1]
    return [
        *(_shares(name, np.quantile(one, 0.95, axis=0, method="higher"), one, epochs) for name, one in found.items()),
        _shares("all, at once", at_once(every), every, epochs),
    ]


def _shares(name: str, shares: np.ndarray, found: np.ndarray, epochs: int) -> dict[str, Any]:
    ladder = look_epochs(epochs)[:-1]
    ratio = (found / [field_share(look / epochs) for look in ladder]).max(1)
    line = {"task": name} | {str(look): float(share) for look, share in zip(ladder, shares, strict=True)}
    return line | {"of the share": float(np.quantile(ratio, 0.95, method="higher"))}


def places(source: Pool, trials: int, repetitions: int) -> np.ndarray:
    """Share of the field that was ahead of the later best trial at each look, shape (repetitions, looks)."""
    most = source.losses.shape[1]
    known = Known.of(source, Racing().patience(most))
    scores, losses = _kept_scores(source)
    ladder = look_epochs(most)[:-1]
    found = np.zeros((repetitions, len(ladder)))
    for repetition in range(repetitions):
        drawn = np.random.default_rng(repetition).choice(len(source), trials, replace=False)
        best = drawn[known.ranks[drawn].argmin()]
        for column, look in enumerate(ladder):
            if known.ends[best] > look:
                score, loss = scores[:, look - 1], losses[:, look - 1]
                ahead = (score[drawn] > score[best]) | ((score[drawn] == score[best]) & (loss[drawn] < loss[best]))
                found[repetition, column] = ahead.mean()
    return found


def at_once(found: np.ndarray, share: float = 0.95) -> np.ndarray:
    """The lowest quantiles of the columns, all at one level, that hold this share of the rows in every column.

    Args:
        found: shape (rows, columns).
        share: of the rows.

    Returns:
        A limit for each column, shape (columns,).

    Example:
        >>> at_once(np.array([[1, 9], [2, 1], [3, 2], [4, 3]]), 0.5)
        array([3, 3])
    """
    ordered = np.sort(found, axis=0)
    return next(limits for limits in ordered if (found <= limits).all(1).mean() >= share)


def _kept_scores(source: Pool) -> tuple[np.ndarray, np.ndarray]:
    """Score and loss of the weights kept after each epoch; the worst of all after a divergence."""
    losses = np.where(np.isfinite(source.losses), source.losses, np.inf)
    lowest = np.minimum.accumulate(losses, 1)
    fresh = np.hstack([np.ones((len(losses), 1), bool), losses[:, 1:] < lowest[:, :-1]])
    best = np.maximum.accumulate(np.where(fresh, np.arange(losses.shape[1]), 0), 1)
    dead = np.logical_or.accumulate(~np.isfinite(source.losses), 1)
    scores = np.take_along_axis(source.scores, best, 1)
    return np.where(dead, -np.inf, scores), np.where(dead, np.inf, lowest)


def text(rows: list[dict[str, Any]], ratios: list[dict[str, Any]], given: Any) -> str:
    """Lay the figures out."""
    cells = [
        [
            f"{row['task']}{'' if row['task'] in MEASURED else ' (held out)'}: {row['schedule']}",
            row["kept"],
            "{:.3f}-{:.3f}".format(*row["interval"]),
            row["kept_without_patience"],
            row["epochs"],
            "{:.0f}-{:.0f}".format(*row["epochs_interval"]),
            row["regret"],
        ]
        for row in rows
    ]
    names = ["task: schedule", "best kept", "95 %", "no patience", "epochs", "95 %", "regret"]
    columns = list(ratios[0])
    medians = [float(np.median([row[name] for row in ratios if row[name] is not None])) for name in columns[1:]]
    ratio_cells = [[row[name] for name in columns] for row in ratios] + [["median", *medians]]
    overall = one_setting(rows)
    [racing] = [row for row in overall if row["schedule"] == "racing"]
    overall_cells = [
        [row["schedule"], row["lowest"], row["kept"], row["epochs"], row["epochs"] / racing["epochs"], row["regret"]]
        for row in overall
    ]
    overall_names = ["schedule", "lowest kept", "mean kept", "epochs", "of racing's", "regret"]
    return (
        f"{given.trials} trials drawn from {given.pool} of each task, {given.epochs} epochs, room {given.room}, "
        f"{given.repetitions} repetitions ({header()})\n\n{table(names, cells)}\n\n"
        f"epochs of successive halving (η = 3) over racing's, at equal quality\n\n{table(columns, ratio_cells)}\n\n"
        f"one setting for all tasks\n\n{table(overall_names, overall_cells)}"
    )


def main(arguments: list[str] | None = None) -> None:
    """Train or read the pools, and compare."""
    parser = command(
        "racing", __doc__ or "", "--pools /tmp/pools", "--pools /tmp/pools --field --seed 0 --tasks digits wine"
    )
    parser.add_argument("--pools", type=Path, required=True, help="folder in which trained pools are kept")
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS), help="which tasks (all)")
    parser.add_argument("--pool", type=int, default=400, help="trials of a pool (400)")
    parser.add_argument("--epochs", type=int, default=100, help="epochs of a trial (100)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the pools (1); racing's shares come from seed 0")
    parser.add_argument("--trials", type=int, default=64, help="trials of a study (64)")
    parser.add_argument("--room", type=int, default=16, help="trials trained at once (16)")
    parser.add_argument("--repetitions", type=int, default=200, help="studies of each task (200)")
    parser.add_argument("--field", action="store_true", help="show where the later best trials stood instead")
    given = parser.parse_args(arguments)
    sources = {}
    for name in given.tasks:
        sources[name] = pool(name, given.pool, given.epochs, given.seed, given.pools)
        say(f"{name}: {len(sources[name])} trials")
    if given.field:
        shares = field(sources, given.trials, given.repetitions)
        cells = [[row[name] for name in shares[0]] for row in shares]
        give({"shares": shares}, table(list(shares[0]), cells), given.json)
        return
    rows = [
        row
        for name, source in sources.items()
        for row in measure(name, given.trials, given.room, given.repetitions, source)
    ]
    ratios = compare(rows)
    give(
        {"machine": describe(), "rows": rows, "ratios": ratios, "one_setting": one_setting(rows)},
        text(rows, ratios, given),
        given.json,
    )


if __name__ == "__main__":
    main()
