"""The live page of a large study: how long its first view, sorting and brushing take, and what the server needs.

The study is made up, not trained; its database is written by ikura's own store. The server is a process of its own, the
browser is Chromium without a window. "first view" is from the request to table and charts drawn, "sort" from the
click to the sorted rows, "brush" from the end of the drag to the filtered rows; each is the median of several.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import describe, header, ikura_command
from benchmarks.output import command, give, say, table

__all__ = ["main"]

CONFIG = """
task = "multiclass"
trials = {trials}
epochs = {epochs}
search = "random"
schedule = "none"
metric = "accuracy"
network = "mlp"

[data]
kind = "made up"

[space]
learning_rate = {{ scale = "log", low = 1e-4, high = 1.0 }}
momentum = {{ scale = "log-complement", low = 0.9, high = 0.999 }}
units = {{ scale = "integer-log", low = 8, high = 512 }}
layers = {{ scale = "integer", low = 1, high = 4 }}
dropout = {{ scale = "linear", low = 0.0, high = 0.5 }}
l2 = {{ scale = "log", low = 1e-6, high = 0.01 }}
batch_size = {{ choices = [16, 32, 64, 128] }}
activation = {{ choices = ["relu", "tanh", "gelu"] }}
optimizer = {{ choices = ["adam", "momentum", "sgd"] }}

# the end
"""
GOALS = {"start": 1.0, "first view": 1.5, "sort": 0.3, "brush": 0.3, "memory": 400.0}
AT_ONCE = 5000
ROWS = "tbody tr"


def make_study(run: Path, trials: int, epochs: int, seed: int = 0) -> None:
    """Write the run folder of a study that was never trained."""
    from ikura.population.outcome import Outcome
    from ikura.study.record.facts import DONE, SECONDS, STAGES, StageRecord
    from ikura.study.record.store import Store
    from ikura.study.record.trial import Purpose, Trial
    from ikura.trial_state import State

    run.mkdir(parents=True)
    (run / "config.toml").write_text(CONFIG.format(trials=trials, epochs=epochs))
    random = np.random.default_rng(seed)
    store = Store(run / "study.db", create=True)
    store.set_facts({SECONDS: {"coarse": 1.0}, STAGES: [StageRecord(0, "coarse", trials, epochs)]})
    for first in range(0, trials, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, trials))
        given = [_configuration(random) for _ in numbers]
        store.add_trials([Trial(n, Purpose.SEARCH, 0, 0, one) for n, one in zip(numbers, given, strict=True)])
        outcomes = []
        for n, one in zip(numbers, given, strict=True):
            score = 0.97 - 0.1 * abs(np.log10(one["learning_rate"]) + 2) - 0.2 * one["dropout"] ** 2
            curve = np.clip(score + 0.02 * random.standard_normal((epochs, 3)), 0.01, 1)
            dev = float(curve[-1, 2])
            outcomes.append(Outcome(n, 0, n, State.COMPLETE, curve, epochs, 1 - dev, dev, 1 - dev, dev, 0.2))
        store.record(outcomes)
    store.set_fact(DONE, True)
    store.close()


def _configuration(random: np.random.Generator) -> dict[str, Any]:
    return {
        "learning_rate": float(10 ** random.uniform(-4, 0)),
        "momentum": float(1 - 10 ** random.uniform(-3, -1)),
        "units": int(2 ** random.uniform(3, 9)),
        "layers": int(random.integers(1, 5)),
        "dropout": float(random.uniform(0, 0.5)),
        "l2": float(10 ** random.uniform(-6, -2)),
        "batch_size": int(random.choice([16, 32, 64, 128])),
        "activation": str(random.choice(["relu", "tanh", "gelu"])),
        "optimizer": str(random.choice(["adam", "momentum", "sgd"])),
    }


def memory(process: int) -> float:
    """The most memory that a process has had resident, in MB."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def timed(does: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    begun = time.perf_counter()
    does()
    return time.perf_counter() - begun


def measure(run: Path, repeats: int) -> dict[str, float]:
    """Serve a run and look at it; return the figures."""
    begun = time.perf_counter()
    server = subprocess.Popen(
        [*ikura_command(), "serve", str(run), "--port", "0", "-q"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        url = server.stdout.readline().strip()
        figures = {"start": time.perf_counter() - begun}
        figures |= _looked_at(url, run.name, repeats)
        return figures | {"memory": memory(server.pid)}
    finally:
        server.terminate()
        server.wait()


def _looked_at(url: str, name: str, repeats: int) -> dict[str, float]:
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise SystemExit("benchmarks.serve needs Chromium: apt-get install chromium")
    with sync_playwright() as session:
        browser = session.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1320, "height": 900})
        page.goto(url)
        page.wait_for_selector(ROWS)
        first: list[float] = []
        for _ in range(repeats):
            page.goto("about:blank")
            first.append(
                timed(lambda: (page.goto(f"{url.partition('/?')[0]}/study?run={name}"), page.wait_for_selector(ROWS)))
            )
        page.wait_for_timeout(2000)
        sorts = [_sort(page, column) for column in ("learning_rate", "dev loss", "optimizer")[:repeats]]
        brushes = [_brush(page, share) for share in (0.3, 0.5, 0.7)[:repeats]]
        browser.close()
    return {
        "first view": statistics.median(first),
        "sort": statistics.median(sorts),
        "brush": statistics.median(brushes),
    }


def _sort(page: Any, column: str) -> float:
    before = page.locator(ROWS).first.get_attribute("data-trial")

    def click() -> None:
        page.click(f"th button:has-text('{column}')")
        page.wait_for_selector(f"{ROWS}:first-child:not([data-trial='{before}'])")

    return timed(click)


def _brush(page: Any, share: float) -> float:
    canvas = page.locator(".multiples canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    before = page.inner_text(".pager span")
    page.mouse.move(box["x"] + 50, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] - 6, steps=3)

    def let_go() -> None:
        page.mouse.up()
        while page.inner_text(".pager span") == before:
            time.sleep(0.005)

    return timed(let_go)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = command("serve", str(__doc__), "", "--trials 5000 --repeats 1")
    parser.add_argument("--trials", type=int, default=50_000, help="trials of the study")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of each trial")
    parser.add_argument("--repeats", type=int, default=3, help="times that each figure is taken, at most 3")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="ikura-") as folder:
        run = Path(folder) / "study"
        say(f"making a study of {options.trials:,} trials")
        make_study(run, options.trials, options.epochs)
        say("looking at it")
        figures = measure(run, options.repeats)
    rows = [[name, value, GOALS[name], "MB" if name == "memory" else "s"] for name, value in figures.items()]
    text = f"{options.trials:,} trials; {header()}\n{table(['', 'measured', 'goal', 'unit'], rows)}"
    give({"machine": describe(), "trials": options.trials, **figures}, text, options.json)


if __name__ == "__main__":
    main()
