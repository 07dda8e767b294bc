"""Who was how fast: medians of times of which some are only known to be longer than the limit, ratios, table, plot."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contest import Contender
from benchmarks.machine import header
from benchmarks.runs import Run, best_known, target

__all__ = ["draw", "quartiles", "ratio", "standings", "text"]

RESAMPLES = 2_000


def quartiles(times: Sequence[float]) -> tuple[float, float, float]:
    """Return the quartiles of times, infinite where a run took longer than the limit.

    The median lies in the middle between the two middle times when their number is even, so it is infinite if one of
    them is; the other two are times of runs.

    Example:
        >>> quartiles([1.0, 2.0, 3.0, math.inf])
        (1.0, 2.5, 3.0)
        >>> quartiles([1.0, 2.0, math.inf, math.inf])[1]
        inf
    """
    ordered = sorted(times)
    first, last = (ordered[max(math.ceil(share * len(ordered)) - 1, 0)] for share in (0.25, 0.75))
    return first, statistics.median(ordered), last


def ratio(theirs: float, ours: float, limit: float) -> tuple[float, str] | None:
    """Divide two medians: how many times faster we are, and "≥" or "≤" where it is a bound, as one is beyond the limit.

    Returns:
        None if both are beyond the limit.

    Example:
        >>> ratio(6.0, 2.0, 20.0), ratio(math.inf, 2.0, 20.0), ratio(6.0, math.inf, 20.0)
        ((3.0, ''), (10.0, '≥'), (0.3, '≤'))
    """
    if math.isinf(theirs) and math.isinf(ours):
        return None
    sign = "≥" if math.isinf(theirs) else "≤" if math.isinf(ours) else ""
    return min(theirs, limit) / min(ours, limit), sign


def _median(times: np.ndarray, limit: float) -> np.ndarray:
    """Medians over the last axis, those beyond the limit as the limit."""
    return np.minimum(np.median(np.minimum(times, 2 * limit), axis=-1), limit)


def _resampled(times: Sequence[float], limit: float, random: np.random.Generator) -> np.ndarray:
    """Medians of resamples, shape (RESAMPLES,)."""
    return _median(random.choice(np.asarray(times), (RESAMPLES, len(times))), limit)


def _interval(values: np.ndarray) -> list[float]:
    return [float(one) for one in np.quantile(values, (0.025, 0.975))]


def _place(runs: list[Run], score: float, limit: float, seeds: int) -> dict[str, Any]:
    """What one contender did on one task."""
    found = sorted((one for one in runs if one.seed < seeds), key=lambda one: one.seed)
    times, imports = [], []
    for one in found:
        at = one.reached(score)
        times.append(math.inf if at is None or at > limit else at)
        imports.append(one.events.get("imported", math.nan))
    after = [t - i for t, i in zip(times, imports, strict=True)]
    return {
        "seeds": [one.seed for one in found],
        "times": times,
        "after_imports": after,
        "imports": statistics.median(imports) if imports else None,
        "ready": statistics.median([r.events["ready"] for r in found])
        if all("ready" in r.events for r in found)
        else None,
        "quartiles": quartiles(times) if times else None,
        "quartiles_after_imports": quartiles(after) if after else None,
        "reached": sum(map(math.isfinite, times)),
        "failed": sum(bool(one.failure) for one in found),
        "unsettled": sum(not one.settled(score) for one in found),
        "best": max((one.best for one in found if one.best is not None), default=None),
    }


def standings(
    runs: list[Run], tasks: Sequence[str], contenders: Sequence[Contender], seeds: int, limit: float
) -> dict[str, Any]:
    """Compute every figure.

    Args:
        runs: all runs.
        tasks: names of the tasks.
        contenders: who took part; the first ikura is compared with all others.
        seeds: seeds 0, 1, … that count.
        limit: seconds beyond which times are not known.

    Returns:
        For each task the best known and the target score, each contender's times, and the ratios.
    """
    ours = next((who.name for who in contenders if who.ours), None)
    rows: dict[str, Any] = {}
    drawn: list[np.ndarray] = []
    for task in tasks:
        best = best_known(runs, task)
        timed = [one for one in runs if one.task == task and one.purpose == "timed"]
        places = {
            who.name: _place([one for one in timed if one.contender == who.name], target(best), limit, seeds)
            for who in contenders
        }
        row: dict[str, Any] = {"best_known": best, "target": target(best), "contenders": places, "ratios": {}}
        rows[task] = row
        if ours is None or not places[ours]["times"]:
            continue
        random = np.random.default_rng(0)
        medians = {n: _resampled(p["times"], limit, random) for n, p in places.items() if p["times"]}
        mine = places[ours]["quartiles"][1]
        for who in contenders:
            if who.name != ours and places[who.name]["times"]:
                found = ratio(places[who.name]["quartiles"][1], mine, limit)
                row["ratios"][who.name] = found and {
                    "value": found[0],
                    "bound": found[1],
                    "interval": _interval(medians[who.name] / medians[ours]),
                }
        peers = [who.name for who in contenders if not who.ours and places[who.name]["times"]]
        if peers:
            nearest = min(peers, key=lambda n: (places[n]["quartiles"][1], -places[n]["reached"]))
            against = np.min([medians[name] for name in peers], axis=0) / medians[ours]
            found = ratio(places[nearest]["quartiles"][1], mine, limit)
            if found:
                drawn.append(against)
            row["best_peer"] = nearest
            row["against_best_peer"] = found and {
                "value": found[0],
                "bound": found[1],
                "interval": _interval(against),
            }
    values = [row["against_best_peer"]["value"] for row in rows.values() if row.get("against_best_peer")]
    return {
        "limit": limit,
        "ours": ours,
        "labels": {who.name: who.label for who in contenders},
        "tasks": rows,
        "median_ratio": statistics.median(values) if values else None,
        "median_ratio_interval": _interval(np.median(drawn, axis=0)) if drawn else None,
        "lost": [task for task, row in rows.items() if (row.get("against_best_peer") or {}).get("value", 1) < 1],
    }


def _seconds(value: float, limit: float) -> str:
    return f"> {limit:g}" if math.isinf(value) else f"{value:.2f}"


def _cell(place: dict[str, Any], which: str, limit: float) -> str:
    if not place["times"]:
        return "–"
    first, middle, last = (_seconds(value, limit) for value in place[which])
    count = f"{place['reached']}/{len(place['times'])}"
    failed = f", {place['failed']} failed" if place["failed"] else ""
    unsettled = f", {place['unsettled']} to run again" if place["unsettled"] else ""
    return f"{middle} ({first} to {last}), {count}{failed}{unsettled}"


def _ratio(found: dict[str, Any] | None) -> str:
    if not found:
        return "–"
    low, high = found["interval"]
    return f"{found['bound']} {found['value']:.2f} ({low:.2f} to {high:.2f})".strip()


def _markdown(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [names, ["---", *["---:"] * (len(names) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def text(figures: dict[str, Any]) -> str:
    """Lay the figures out in Markdown."""
    limit, labels, tasks = figures["limit"], figures["labels"], figures["tasks"]
    head = ["task", "best known", "target", *labels.values()]

    def times(which: str) -> str:
        rows = [
            [task, f"{row['best_known']:.4f}", f"{row['target']:.4f}"]
            + [_cell(row["contenders"][name], which, limit) for name in labels]
            for task, row in tasks.items()
        ]
        return _markdown(head, rows)

    parts = [
        header(),
        "Seconds until the dev score is within 1 % of the best known, from the start of the process: "
        f"median (quartiles), runs that got there within {limit:g} s",
        times("quartiles"),
        "The same from the end of the imports",
        times("quartiles_after_imports"),
    ]
    if figures["ours"]:
        others = [name for name in labels if name != figures["ours"]]
        rows = [
            [task, labels.get(row.get("best_peer"), "–"), _ratio(row.get("against_best_peer"))]
            + [_ratio(row["ratios"].get(name)) for name in others]
            for task, row in tasks.items()
        ]
        parts += [
            f"How many times faster {labels[figures['ours']]} is: ratio of the medians (95 % bootstrap interval over "
            f"seeds, times beyond the limit taken as the limit); ≥ where the other's median is beyond the limit",
            _markdown(["task", "best peer", "against it", *(f"against {labels[name]}" for name in others)], rows),
        ]
        if figures["median_ratio"] is not None:
            low, high = figures["median_ratio_interval"]
            parts.append(
                f"Median over the tasks on which either got there: {figures['median_ratio']:.2f} ({low:.2f} to "
                f"{high:.2f}) times the best peer's speed; slower on {', '.join(figures['lost']) or 'no task'}."
            )
    return "\n\n".join(parts)


def draw(figures: dict[str, Any], path: Path) -> None:
    """Plot for each task the share of the seeds that are within 1 %, against seconds."""
    from plotly import colors
    from plotly.graph_objects import Figure, Scatter
    from plotly.subplots import make_subplots

    tasks, labels, limit = figures["tasks"], figures["labels"], figures["limit"]
    columns = min(3, len(tasks))
    titles = [f"{task}: {row['target']:.4f}" for task, row in tasks.items()]
    figure: Figure = make_subplots(
        rows=-(-len(tasks) // columns), cols=columns, subplot_titles=titles, shared_yaxes=True
    )
    for i, row in enumerate(tasks.values()):
        for j, (name, label) in enumerate(labels.items()):
            times = sorted(row["contenders"][name]["times"])
            within = [at for at in times if math.isfinite(at)]
            shares = [k / max(len(times), 1) for k in range(len(within) + 1)]
            figure.add_trace(
                Scatter(
                    x=[0.1, *within, limit],
                    y=[*shares, shares[-1]],
                    name=label,
                    legendgroup=label,
                    showlegend=i == 0,
                    line={"shape": "hv", "color": colors.qualitative.Plotly[j % 10]},
                ),
                row=i // columns + 1,
                col=i % columns + 1,
            )
    figure.update_xaxes(type="log", title="seconds")
    figure.update_yaxes(range=[0, 1.02])
    figure.update_layout(
        title="Share of seeds within 1 % of the best known dev score", height=420 * -(-len(tasks) // columns)
    )
    figure.write_html(path, include_plotlyjs=True)
