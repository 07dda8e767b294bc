"""Notebooks: a study shows itself there, renews itself while it trains, and tells its progress in one line."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from typing_extensions import override

from ikura.page.formatting import as_words, count, number, plural, score
from ikura.page.formatting import interval as between
from ikura.page.markup import Html, element, join
from ikura.steer.following import Focus, followed
from ikura.study.record.progress import Progress

if TYPE_CHECKING:
    from ikura.study.record.record import Record

__all__ = ["NotebookProgress", "card", "show", "trains", "usual_progress"]

SECONDS = 1.0
"""How often a view is drawn anew."""
SECONDS_BETWEEN_LINES = 0.25
SECONDS_OF_REST = 30.0
WIDTH, HEIGHT, POINTS = 320, 90, 160
MOST_ROWS = 5
STYLE = "font: 13px/1.5 system-ui, sans-serif; border: 1px solid #8886; border-radius: 8px; padding: 10px 14px"
COLOURS = (("train_loss", "#0072b2", "training loss"), ("dev_loss", "#d55e00", "dev loss"))
"""Colours that colour-blind people can tell apart."""


class Handle(Protocol):
    """What is shown in a notebook, and can be renewed."""

    def update(self, shown: Html) -> None:
        """Show something else in its place."""

    def finish(self, shown: Html) -> None:
        """Show something that stays."""


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook, which can renew what it shows."""
    # A notebook has imported it; otherwise there is no need to.
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def displayed(html: Html) -> Handle:
    """Show something in a notebook."""
    # Where there is no notebook, IPython need not be there.
    library = import_module("IPython.display")
    handle = library.display(library.HTML(html), display_id=True)
    return _Renewed(handle, library.HTML)


@dataclass(frozen=True)
class _Renewed:
    handle: Any
    made: Callable[[str], Any]

    def update(self, shown: Html) -> None:
        self.handle.update(self.made(shown))

    def finish(self, shown: Html) -> None:
        self.update(shown)


def trains(record: Record) -> bool:
    """Whether a study seems to be at work: it has no end, and something was written of it within half a minute."""
    if record.best is not None or not isinstance(record.place, Path):
        return False
    files = [record.place / name for name in ("study.db", "study.db-wal")]
    latest = max((one.stat().st_mtime for one in files if one.exists()), default=0.0)
    return time.time() - latest < SECONDS_OF_REST


def show(record: Record, alive: Callable[[], bool], focus: Focus | None = None) -> None:
    """Show a study that trains, and renew what is shown until it has ended; with a hand on it where widgets are there.

    Args:
        record: the study, opened for this alone.
        alive: says whether it still trains.
        focus: says which trial the view is about; where that has ended, it is about what goes on from there. None for
            the whole study.

    Raises:
        NotImplementedError: this is no notebook, or nothing trains: it is shown as any object is.
    """
    if not in_notebook() or not alive():
        raise NotImplementedError
    handle = _view(record, focus)

    def renew() -> None:
        while alive():
            time.sleep(SECONDS)
            handle.update(card(record, focus))
        handle.finish(card(record, focus))
        record.close()

    Thread(target=renew, name="ikura: view in a notebook", daemon=True).start()


def _view(record: Record, focus: Focus | None) -> Handle:
    # A caller who shows nothing in a notebook needs none of it.
    from ikura.api.notebook_widget import NotebookWidget, widgets_are_there

    shown = card(record, focus)
    return NotebookWidget(record, focus, shown) if widgets_are_there() else displayed(shown)


def card(record: Record, focus: Focus | None = None) -> Html:
    """A study as a small piece of a page: how far it is, the best trials, the curve of the best one, or of another."""
    trials = record.trials
    searched = trials[trials["purpose"] == "search"]
    ended = searched[~searched["state"].isin(["waiting", "running", "paused"])]
    measure = f"dev {as_words(record.setting.metric)}"
    scored = searched.dropna(subset=["dev_score"]).sort_values(
        ["dev_score", "number"], ascending=[record.sign < 0, True], kind="stable"
    )
    head = element("strong", record.called)
    about = f"{count(len(ended))} of {plural(len(searched), 'trial')} ended, {_state(record, searched)}"
    rows = [
        element("tr", *(element("td", one, style="padding-right: 1.5em; text-align: right") for one in row))
        for row in _rows(record, scored, measure)
    ]
    best, test = record.best, record.test
    chosen = None if best is None else f"Chosen: trial {best.number}, {measure} {score(best.dev)}"
    opened = None if test is None else f"Test {as_words(test.metric)} {score(test.value)} ({between(test.interval)})"
    first, line = (None, None) if focus is None else focus(record)
    shown = best.number if best is not None else _shown(record, scored)
    if first is not None:
        going_on = followed(record, first)
        shown = first if going_on is None else going_on
    return element(
        "div",
        head,
        element("div", about, style="opacity: .75"),
        None if line is None else element("div", line),
        element("table", *rows, style="margin: 6px 0") if len(rows) > 1 else None,
        _chart(record, shown) if shown is not None else None,
        *(element("div", line) for line in (chosen, opened) if line is not None),
        style=STYLE,
    )


def _rows(record: Record, scored: Any, measure: str) -> list[list[str]]:
    varied = [name for name in record.space.dimensions if name in scored][:4]
    rows = [["trial", measure, *varied]]
    for one in scored.head(MOST_ROWS).to_dict("records"):
        values = [number(one[name]) if isinstance(one[name], int | float) else str(one[name]) for name in varied]
        rows.append([str(one["number"]), score(one["dev_score"]), *values])
    return rows


def _state(record: Record, searched: Any) -> str:
    if record.test is not None or record.best is not None:
        return "finished"
    if len(searched) and (searched["state"] == "paused").any():
        return "a trial stands still"
    return "in training" if trains(record) else "at rest"


def _shown(record: Record, scored: Any) -> int | None:
    """The trial whose curve is drawn: the best so far, or the first that trains."""
    if len(scored):
        return int(scored["number"].iloc[0])
    live = record.store.in_training()
    return min(live, default=None)


def _chart(record: Record, trial: int) -> Html | None:
    """The losses of a trial over its epochs, on a logarithmic scale."""
    curve = record.curve(trial)
    if not len(curve):
        return None
    curve = curve.iloc[np.unique(np.linspace(0, len(curve) - 1, min(POINTS, len(curve))).astype(int))]
    columns = {name: curve[name].to_numpy(float) for name, _, _ in COLOURS}
    known = np.concatenate([one[np.isfinite(one) & (one > 0)] for one in columns.values()])
    if len(known) < 2:
        return None
    low, high = np.log(known.min()), np.log(known.max())
    epochs = curve["epoch"].to_numpy(float)
    lines = []
    for name, colour, _ in COLOURS:
        drawn = np.isfinite(columns[name]) & (columns[name] > 0)
        x = WIDTH * (epochs[drawn] - 1) / max(epochs[-1] - 1, 1)
        y = HEIGHT - HEIGHT * (np.log(columns[name][drawn]) - low) / max(high - low, 1e-12)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
        lines.append(element("polyline", points=points, fill="none", stroke=colour, stroke_width="1.8"))
    told = [element("span", words, style=f"color: {colour}; margin-right: 1em") for _, colour, words in COLOURS]
    drawing = element("svg", *lines, width=WIDTH, height=HEIGHT + 4, viewBox=f"0 -2 {WIDTH} {HEIGHT + 4}")
    ends = f"trial {trial}, {plural(int(epochs[-1]), 'epoch')}, {number(known.min())} to {number(known.max())}"
    return join(drawing, element("div", *told, element("span", ends, style="opacity: .75")))


def usual_progress(progress: Progress | None) -> Progress | None:
    """Who is told where nobody was named: in a notebook a line that renews itself; nobody elsewhere."""
    return NotebookProgress() if progress is None and in_notebook() else progress


class NotebookProgress(Progress):
    """Tells of a study in one line of a notebook, which renews itself."""

    def __init__(self) -> None:
        self.handle: Handle | None = None
        self.run, self.stage, self.total, self.next = "", "", 0, 0.0

    @override
    def opened(self, run: str | Path) -> None:
        self.run = str(run)

    @override
    def start(self, stage: str, total: int) -> None:
        self.stage, self.total = stage, total
        self._show(f"{stage}: {plural(total, 'epoch')} to train")

    @override
    def update(self, done: int, trials: int, best: float | None) -> None:
        if time.monotonic() < self.next:
            return
        self.next = time.monotonic() + SECONDS_BETWEEN_LINES
        parts = [f"{self.stage}: {count(done)} of {plural(self.total, 'epoch')}", plural(trials, "trial")]
        self._show(", ".join(parts + ([] if best is None else [f"best dev score {score(best)}"])))

    @override
    def finish(self) -> None:
        self._show(f"{self.stage}: done")

    @override
    def count(self, what: str, done: int, total: int) -> None:
        if time.monotonic() >= self.next or done == total:
            self.next = time.monotonic() + SECONDS_BETWEEN_LINES
            self._show(f"{what}: {count(done)} of {count(total)}")

    def _show(self, line: str) -> None:
        html = element("div", element("code", f"{self.run} · {line}" if self.run else line))
        if self.handle is None:
            self.handle = displayed(html)
        else:
            self.handle.update(html)
