"""Transfer learning on Fashion-MNIST: from five classes to the other five, by number of examples and what is frozen."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from benchmarks.fashion import fashion_mnist
from benchmarks.machine import describe, header
from benchmarks.output import command, give, say, table

__all__ = ["WAYS", "draw", "main", "split_classes"]

WAYS = ("all", "most", "none", "auto", "scratch")
"""What is frozen of the pretrained network; scratch begins without one."""

OLD = (0, 2, 4, 6, 8)
"""T-shirt, pullover, coat, shirt, bag; the new classes are trouser, dress, sandal, sneaker, ankle boot."""

TRAINING = 60_000


def split_classes() -> tuple[
    tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]
]:
    """Training images of the old classes, training images of the new ones, test images of the new ones."""
    x, y = fashion_mnist()
    images = (x.reshape(-1, 1, 28, 28) / 255).astype(np.float32)
    old, training = np.isin(y, OLD), np.arange(len(y)) < TRAINING
    return tuple((images[some], y[some]) for some in (old & training, ~old & training, ~old & ~training))  # type: ignore[return-value]


def draw(x: np.ndarray, y: np.ndarray, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw as many examples of each class, `size` in all."""
    random = np.random.default_rng(seed)
    each = size // len(np.unique(y))
    rows = np.concatenate([random.choice(np.flatnonzero(y == one), each, replace=False) for one in np.unique(y)])
    return x[rows], y[rows]


def interval(values: list[float]) -> tuple[float, float]:
    """95 % interval of a mean over seeds, by Student's t."""
    if len(values) < 2:
        return float("nan"), float("nan")
    half = float(stats.t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
    return statistics.mean(values) - half, statistics.mean(values) + half


def chosen(old: Path, new: tuple[np.ndarray, np.ndarray], seed: int) -> tuple[str, float]:
    """What `auto` freezes, and the seconds it takes to decide; the study that follows is that way's own."""
    import ikura
    from ikura.data import prepare
    from ikura.study.freezing import choose_freezing

    begun = time.perf_counter()
    start = ikura.pretrained(old)
    data = prepare(new, seed=seed, fitted=start.encoder)
    found = choose_freezing(start, data, folded=True, seed=seed, dtype="float32").chosen
    return found, time.perf_counter() - begun


def run(
    way: str, old: Path, new: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray], seed: int, given: Any
) -> dict[str, Any]:
    """Tune one way on the drawn examples; its accuracy on the test images of the new classes."""
    import ikura

    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        study = ikura.tune(
            new,
            network="cnn" if way == "scratch" else ikura.pretrained(old, way),
            trials=given.trials,
            epochs=given.epochs,
            finalists=2,
            seed=seed,
            out=Path(folder) / "run",
        )
        seconds = time.perf_counter() - begun
        accuracy = float((study.model.predict(test[0]) == test[1]).mean())
    return {"way": way, "examples": len(new[1]), "seed": seed, "accuracy": accuracy, "seconds": seconds}


def text(runs: list[dict[str, Any]], source: dict[str, float]) -> str:
    """Lay the figures out: one row for each size and way."""
    rows = []
    for size in sorted({one["examples"] for one in runs}):
        scratch = {one["seed"]: one["accuracy"] for one in runs if (one["examples"], one["way"]) == (size, "scratch")}
        for way in (way for way in WAYS if any(one["way"] == way for one in runs)):
            mine = [one for one in runs if one["examples"] == size and one["way"] == way]
            values = [one["accuracy"] for one in mine]
            low, high = interval(values)
            name = f"{way} ({', '.join(one['frozen'] for one in mine)})" if way == "auto" else way
            seconds = statistics.median(one["seconds"] for one in mine)
            more = [one["accuracy"] - scratch[one["seed"]] for one in mine if one["seed"] in scratch]
            gain = (statistics.mean(more), *interval(more)) if more and way != "scratch" else ("-", "-", "-")
            rows.append((size, name, statistics.mean(values), low, high, *gain, seconds))
    names = ("examples", "frozen", "test accuracy", "95 % from", "to", "over scratch", "from", "to", "s a study")
    return "\n".join(
        [
            f"Fashion-MNIST, from classes {OLD} to the other five ({header()})",
            f"pretrained in {source['seconds']:.0f} s, test accuracy on its own classes {source['test']:.4f}",
            "",
            table(names, rows),
        ]
    )


def main(arguments: list[str] | None = None) -> None:
    """Pretrain once, then tune every way at every size with every seed."""
    import ikura

    parser = command("transfer", __doc__ or "", "", "--sizes 50 --seeds 2 --ways all scratch")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[50, 500, 5000], help="examples to tune on (50 500 5000)"
    )
    parser.add_argument("--seeds", type=int, default=5, help="draws of these examples (5)")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS), help="what is frozen (every way)")
    parser.add_argument("--trials", type=int, default=8, help="trials of a study (8)")
    parser.add_argument("--epochs", type=int, default=20, help="epochs of a trial (20)")
    parser.add_argument("--pretraining", type=int, default=8, help="epochs of the pretraining (8)")
    given = parser.parse_args(arguments)
    old, new, test = split_classes()
    runs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "old"
        begun = time.perf_counter()
        study = ikura.tune(old, network="cnn", trials=2, epochs=given.pretraining, finalists=0, out=source)
        figures = {"seconds": time.perf_counter() - begun, "test": study.test.value if study.test else float("nan")}
        say(f"pretrained in {figures['seconds']:.0f} s, test {figures['test']:.4f}")
        for size in given.sizes:
            for seed in range(given.seeds):
                drawn = draw(*new, size, seed)
                done: dict[str, dict[str, Any]] = {}
                for way in sorted(given.ways, key=WAYS.index):
                    frozen, seconds = chosen(source, drawn, seed) if way == "auto" else (way, 0.0)
                    if frozen not in done:
                        done[frozen] = run(frozen, source, drawn, test, seed, given)
                    found = done[frozen] | {"way": way, "seconds": done[frozen]["seconds"] + seconds, "frozen": frozen}
                    runs.append(found)
                    say(f"{size} examples, seed {seed}, {way}: {runs[-1]['accuracy']:.4f}, {runs[-1]['seconds']:.1f} s")
    give({"machine": describe(), "source": figures, "runs": runs}, text(runs, figures), given.json)


if __name__ == "__main__":
    main()
