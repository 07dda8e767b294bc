"""The peak: how fast this machine multiplies the matrices of a workload and nothing else.

Every core runs one process of one thread. Two ways of multiplying are measured at the shapes of sampled trials: NumPy's
`dot` inside compiled code, one network after another (OpenBLAS), and `torch.bmm` over 1, 8 and 32 networks at once. The
peak takes the faster way at each shape.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.cost import flops_of_step, sample, steps, widths
from benchmarks.machine import cores, header
from benchmarks.output import command, give, table
from benchmarks.workload import WORKLOADS

__all__ = ["Shape", "dot_steps", "main", "measure_peak", "shapes_of"]

SECONDS = 0.03
REPEATS = 5
TOGETHER = (1, 8, 32)
SQUARE = 1024


@dataclass(frozen=True)
class Shape:
    """A trial's network and mini-batch, and its steps in an epoch."""

    widths: tuple[int, ...]
    batch: int
    steps: int


def shapes_of(configurations: list[dict[str, Any]], count: int, inputs: int, outputs: int, rows: int) -> list[Shape]:
    """Sample the shapes of a workload's trials."""
    return [
        Shape(tuple(widths(one, inputs, outputs)), min(int(one["batch_size"]), rows), steps(one, rows))
        for one in sample(configurations, count, inputs, outputs)
    ]


def _dot_kernel() -> Callable[..., None]:
    from numba import njit

    @njit(nogil=True)
    def run(x: Any, w: Any, g: Any, a: Any, e: Any, sizes: Any, batch: int, count: int) -> None:
        layers = sizes.shape[0] - 1
        for step in range(count):
            begin = (step * batch) % (x.shape[0] - batch + 1)
            below = x[begin : begin + batch]
            place, here = 0, 0
            for layer in range(layers):
                n_in, n_out = sizes[layer], sizes[layer + 1]
                z = a[here : here + batch * n_out].reshape(batch, n_out)
                np.dot(below, w[place : place + n_in * n_out].reshape(n_out, n_in).T, z)
                below = z
                place += n_in * n_out
                here += batch * n_out
            error = below
            here -= batch * sizes[layers]
            for back in range(layers):
                layer = layers - 1 - back
                n_in, n_out = sizes[layer], sizes[layer + 1]
                place -= n_in * n_out
                slope = g[place : place + n_in * n_out].reshape(n_out, n_in)
                if layer == 0:
                    np.dot(error.T, x[begin : begin + batch], slope)
                else:
                    here -= batch * n_in
                    np.dot(error.T, a[here : here + batch * n_in].reshape(batch, n_in), slope)
                    next_error = e[here : here + batch * n_in].reshape(batch, n_in)
                    np.dot(error, w[place : place + n_in * n_out].reshape(n_out, n_in), next_error)
                    error = next_error

    return run


def dot_steps(x: np.ndarray) -> Callable[[Shape], Callable[[int], None]]:
    """Return, for a shape, what multiplies a number of steps' matrices of one network one after another."""
    kernel = _dot_kernel()

    def of(shape: Shape) -> Callable[[int], None]:
        random = np.random.default_rng(0)
        sizes = np.array(shape.widths)
        w = np.concatenate(
            [random.standard_normal(a * b, np.float32) / np.float32(np.sqrt(a)) for a, b in pairwise(shape.widths)]
        )
        room = shape.batch * sum(shape.widths[1:])
        buffers = np.empty_like(w), np.empty(room, np.float32), np.empty(room, np.float32)
        return lambda count: kernel(x, w, *buffers, sizes, shape.batch, count)

    return of


def _bmm_steps(shape: Shape, together: int) -> Callable[[int], None]:
    """Multiply a number of steps' matrices of several networks at once."""
    import torch

    def random(*size: int) -> torch.Tensor:
        return torch.randn(together, *size)

    inputs = [random(shape.batch, width) for width in shape.widths]
    weights = [random(b, a) / a**0.5 for a, b in pairwise(shape.widths)]
    slopes = [torch.empty_like(w) for w in weights]
    errors = [torch.empty_like(x) for x in inputs]
    errors[-1].copy_(inputs[-1])

    def run(count: int) -> None:
        for _ in range(count):
            for layer, w in enumerate(weights):
                torch.bmm(inputs[layer], w.transpose(1, 2), out=inputs[layer + 1])
            for layer in reversed(range(len(weights))):
                torch.bmm(errors[layer + 1].transpose(1, 2), inputs[layer], out=slopes[layer])
                if layer > 0:
                    torch.bmm(errors[layer + 1], weights[layer], out=errors[layer])

    return run


def seconds_of_step(run: Callable[[int], None], per: int = 1) -> float:
    """Time one step of one network: the best of a few repetitions of about 30 ms."""
    run(1)
    begun = time.perf_counter()
    run(2)
    count = max(1, int(SECONDS / max((time.perf_counter() - begun) / 2, 1e-7)))
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        run(count)
        times.append(time.perf_counter() - begun)
    return min(times) / count / per


def _square() -> float:
    """GFLOP/s of a large square product."""
    import torch

    a, b, out = torch.randn(SQUARE, SQUARE), torch.randn(SQUARE, SQUARE), torch.empty(SQUARE, SQUARE)

    def run(count: int) -> None:
        for _ in range(count):
            torch.mm(a, b, out=out)

    return 2e-9 * SQUARE**3 / seconds_of_step(run)


def _measure(shapes: list[Shape], rows: int, barrier: Any, pipe: Any) -> None:
    import scipy.linalg.cython_blas  # noqa: F401  the library whose threads are to be limited must be loaded
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    with threadpool_limits(1, user_api="blas"):
        x = np.random.default_rng(0).standard_normal((max(rows, shapes[0].batch), shapes[0].widths[0]), np.float32)
        dots = dot_steps(x)
        dots(shapes[0])(1)
        times = []
        for shape in shapes:
            barrier.wait()
            dot = seconds_of_step(dots(shape))
            bmm = [seconds_of_step(_bmm_steps(shape, m), m) for m in TOGETHER]
            times.append((dot, min(bmm)))
        barrier.wait()
        pipe.send((times, _square()))
        pipe.close()


def measure_peak(shapes: list[Shape], rows: int) -> dict[str, Any]:
    """Measure on all cores at once.

    Args:
        shapes: sampled trials.
        rows: of the training set, at most 4,096 of which are used.

    Returns:
        GFLOP/s of the whole machine by dot, by bmm and by the faster one at each shape, each shape weighed by its share
        of the work; GFLOP/s at a large square product; and the floor: microseconds that one core takes for the products
        of one network's step, in the mean over all steps.
    """
    context = multiprocessing.get_context("spawn")
    count = cores()
    barrier, ends, workers = context.Barrier(count), [], []
    for _ in range(count):
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=_measure, args=(shapes, min(rows, 4096), barrier, theirs))
        worker.start()
        theirs.close()
        ends.append(ours)
        workers.append(worker)
    found = [end.recv() for end in ends]
    for worker in workers:
        worker.join()
    work = sum(shape.steps * flops_of_step(shape.widths, shape.batch) for shape in shapes)
    all_steps = sum(shape.steps for shape in shapes)

    def spent(choose: Callable[[tuple[float, float]], float]) -> float:
        """Seconds of one core for an epoch of all shapes, in the mean over cores."""
        sums = [sum(shape.steps * choose(one) for shape, one in zip(shapes, times, strict=True)) for times, _ in found]
        return statistics.mean(sums)

    ways: dict[str, Callable[[tuple[float, float]], float]] = {
        "dot": lambda one: one[0],
        "bmm": lambda one: one[1],
        "peak": min,
    }
    return {
        "gflops": {name: count * work / spent(way) / 1e9 for name, way in ways.items()},
        "square_gflops": sum(square for _, square in found),
        "floor_us": {name: 1e6 * spent(way) / all_steps for name, way in ways.items()},
        "shapes": len(shapes),
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure the peak at a workload's shapes."""
    parser = command("peak", __doc__ or "", "small", "tiny --shapes 8 --json")
    parser.add_argument("workload", choices=list(WORKLOADS))
    parser.add_argument("--shapes", type=int, default=16, help="trials whose shapes are sampled (16)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sizes", type=int, nargs=3, metavar=("INPUTS", "OUTPUTS", "ROWS"), help=(
        "features, classes and training rows, if they are known; otherwise the data are read"
    ))  # fmt: skip
    given = parser.parse_args(arguments)
    workload = WORKLOADS[given.workload]
    if given.sizes:
        inputs, outputs, rows = given.sizes
    else:
        from ikura.data import prepare

        dataset = prepare(workload.data(), seed=given.seed)
        inputs, outputs, rows = dataset.train.x.shape[1], len(dataset.task.classes or [1]), len(dataset.train)
    draws = workload.draws(workload.trials, given.seed)
    figures = measure_peak(shapes_of(draws, given.shapes, inputs, outputs, rows), rows)
    give(figures, text(workload.name, figures), given.json)


def text(name: str, figures: dict[str, Any]) -> str:
    """Lay the figures out."""
    rows = [
        (label, figures["gflops"][way], figures["floor_us"][way])
        for way, label in (("dot", "np.dot, one by one"), ("bmm", "torch.bmm"), ("peak", "the faster at each shape"))
    ]
    rows.append((f"a {SQUARE} x {SQUARE} product", figures["square_gflops"], None))
    title = f"{name}: matrix products alone, all cores, {figures['shapes']} shapes ({header()})"
    return f"{title}\n{table(('way', 'GFLOP/s', 'µs per model and step'), rows)}"


if __name__ == "__main__":
    main()
