"""In a notebook a study shows itself, renews itself while it trains, and tells its progress in one line."""

from __future__ import annotations

import ast
import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import ikura
from ikura.api.notebook import NotebookProgress, card, show, usual_progress
from ikura.api.notebook_widget import NotebookWidget
from ikura.page.markup import Html
from ikura.study.record.interventions import Interventions

from ..study.unreported import short_report

TUNE = """
import ikura
study = ikura.tune("iris", trials=3, epochs=4, finalists=0, space={"learning_rate": ikura.log(1e-3, 1e-1)}, out="tuned")
study
"""
TRAIN = """
run = ikura.train("iris", hyperparameters={"learning_rate": 0.01}, epochs=1_000_000, checks=False, out="trained")
run.start()
"""
WITHOUT_WIDGETS = """
sys.modules["anywidget"] = None
plain = ikura.train("iris", hyperparameters={"learning_rate": 0.01}, epochs=1_000_000, checks=False, out="plain")
plain.start()
"""
STOP = """
plain.stop()
plain.wait()
await asyncio.sleep(1.5)
"""
BEGUN = """
import asyncio, sys
assert asyncio.get_running_loop().is_running()
while not len(run.curve):
    await asyncio.sleep(0.1)
"""
TOLD = """
import gc
[one.told for one in gc.get_objects() if type(one).__name__ == "StudyView"]
"""
BACK = """
while len(run.study.interventions) < 3 or run.study.interventions[2].state.open:
    await asyncio.sleep(0.1)
[view] = [one for one in gc.get_objects() if type(one).__name__ == "StudyView"]
back = run.rewind(2, learning_rate=0.002)
back
"""
LIVE = """
while view.hand["whom"] != "trial 1":
    await asyncio.sleep(0.1)
seen = [one.value for one in view.hand["actions"]]
back.stop()
study = run.wait()
await asyncio.sleep(1.5)
study.replay(1).equals(study.curve(1)), [one.state.value for one in study.interventions], seen
"""


@dataclass(frozen=True)
class Notebook:
    """A notebook that a real kernel has run.

    Attributes:
        cells: with all that was shown in their places.
        told: what the view of the run said to each request that its buttons sent.
        hand: what could be asked of it in the end.
    """

    cells: list[Any]
    told: list[str]
    hand: dict[str, Any]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Notebook:
    """A notebook of a tuned study and of two runs under a hand, the second where there are no widgets."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    folder = tmp_path_factory.mktemp("notebook")
    book = nbformat.v4.new_notebook()
    sources = (TUNE, TRAIN, BEGUN, BACK, LIVE, WITHOUT_WIDGETS, STOP, TOLD)
    book.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    spec = folder / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = f'["{sys.executable}", "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"]'
    (spec / "kernel.json").write_text(f'{{"argv": {argv}, "display_name": "python3", "language": "python"}}')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder / "jupyter"))
        patch.setenv("OMP_NUM_THREADS", "1")
        client = nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}})
        # A test in a browser may have left an event loop running in this thread.
        with ThreadPoolExecutor(1) as thread:
            told, hand = thread.submit(lambda: asyncio.run(worked_with(client))).result()
    return Notebook(list(book.cells), told, hand)


REQUESTS = (
    {"action": "set", "values": {"learning_rate": -1}},
    {"action": "set", "values": {"units": 5}},
    {"action": "go-on", "values": {}},
    {"action": "inject", "values": {}},
    {"action": ["set"], "values": {}},
    {"nothing": 1},
    {"action": "set", "values": {"learning_rate": 0.003}},
    {"action": "pause", "values": {}},
    {"action": "go-on", "values": {}},
)


async def worked_with(client: Any) -> tuple[list[str], dict[str, Any]]:
    """Run a notebook, and send what the buttons of the view of a run send; return what it says, and its last state."""
    told: list[str] = []
    async with client.async_setup_kernel(env=dict(os.environ)):
        for index, cell in enumerate(client.nb.cells):
            await client.async_execute_cell(cell, index)
            if cell.source == BEGUN:
                [view] = [key for key, one in client.widget_state.items() if "markup" in one]
                for request in REQUESTS:
                    data = {"method": "custom", "content": request}
                    client.kc.shell_channel.send(client.kc.session.msg("comm_msg", {"comm_id": view, "data": data}))
                    told.append(await said(client))
    return told, client.widget_state[view]["hand"]


async def said(client: Any) -> str:
    """What the view says, once the kernel has done all that it was sent."""
    cell = await client.async_execute_cell(client.nb.cells[-1], len(client.nb.cells) - 1)
    [result] = [one for one in cell.outputs if one.output_type == "execute_result"]
    [told] = ast.literal_eval(result["data"]["text/plain"])
    return str(told)


def htmls(cell: Any) -> list[str]:
    return ["".join(one["data"]["text/html"]) for one in cell.outputs if "text/html" in one.get("data", {})]


@pytest.mark.filterwarnings("ignore")
def test_a_study_tells_its_progress_in_one_line_and_shows_itself(notebook: Notebook) -> None:
    line, shown = htmls(notebook.cells[0])
    assert line.count("<code>") == 1
    assert "done" in line
    assert "3 of 3 trials ended, finished" in shown
    assert "<polyline" in shown
    assert "Test accuracy" in shown


@pytest.mark.filterwarnings("ignore")
def test_a_run_shows_itself_while_it_trains_and_is_steered_beside_a_running_loop(notebook: Notebook) -> None:
    [live] = htmls(notebook.cells[1])
    assert "2 of 2 trials ended, finished" in live
    assert "Chosen: trial" in live
    [fork] = htmls(notebook.cells[3])
    assert "fork of trial 0: trial 1<" in fork
    [told] = [one["data"]["text/plain"] for one in notebook.cells[4].outputs if one.output_type == "execute_result"]
    assert ast.literal_eval(told) == (True, ["applied"] * 6, ["set", "pause", "stop"])


@pytest.mark.filterwarnings("ignore")
def test_the_hand_of_a_view_asks_and_is_told_what_is_wrong(notebook: Notebook) -> None:
    assert notebook.told[0].startswith("learning_rate must be")
    assert "units stays as it is while a network trains" in notebook.told[1]
    assert [one.startswith("the view can not ask for") for one in notebook.told[2:5]] == [True] * 3
    assert notebook.told[5:] == ["a request has an action and values", "", "", ""]
    assert notebook.hand["values"]["learning_rate"] == 0.002
    assert (notebook.hand["whom"], notebook.hand["actions"]) == ("trial 1", [])
    said = [line.split(" · ")[0] for line in notebook.hand["log"]]
    assert said == ["trial 0: fork learning_rate=0.002", "trial 0: stop", "trial 1: stop"]


@pytest.mark.filterwarnings("ignore")
def test_a_saved_notebook_keeps_what_was_shown_and_no_widget(notebook: Notebook) -> None:
    for place, trials in ((1, "2 of 2 trials"), (3, "2 of 2 trials"), (5, "1 of 1 trial")):
        [shown] = [one for one in notebook.cells[place].outputs if "text/html" in one.get("data", {})]
        assert f"{trials} ended, finished" in shown["data"]["text/html"]
        assert "application/vnd.jupyter.widget-view+json" not in shown["data"]


def test_without_a_notebook_nothing_is_shown_and_nobody_told(tmp_path: Path) -> None:
    with short_report():
        study = ikura.tune("iris", trials=2, epochs=2, finalists=0, out=tmp_path / "run")
    assert usual_progress(None) is None
    with pytest.raises(NotImplementedError):
        show(study, lambda: True)
    assert card(study).startswith("<div")
    assert card(study) == study._repr_html_()


def test_names_are_only_text(tmp_path: Path) -> None:
    with short_report():
        study = ikura.tune("iris", trials=1, epochs=1, finalists=0, out=tmp_path / "<script>")
    assert "<script>" not in card(study)


def test_a_view_scales_what_is_in_effect_or_asked_for_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Widget:
        def __init__(self, **traits: Any) -> None:
            self.hand = traits["hand"]

        def on_msg(self, heard: Any) -> None:
            """Nobody presses a button."""

        def _repr_mimebundle_(self) -> tuple[dict[str, str], dict[str, str]]:
            return {}, {}

    pytest.importorskip("IPython")
    monkeypatch.setattr("ikura.api.notebook_widget._widget_class", lambda: Widget)
    values = {"units": 8, "learning_rate": 0.1}
    run = ikura.train("iris", hyperparameters=values, epochs=900, checks=False, out=tmp_path / "run")
    study = ikura.open_study(run.run)
    view = NotebookWidget(study, lambda record: (0, None), Html(""))
    late = study.steer.set(0, at=300, learning_rate=0.001)
    Interventions(study.store).accept(late.number)
    view.update(Html(""))
    assert view.widget.hand["values"]["learning_rate"] == 0.1
    assert view.widget.hand["log"] == ["trial 0: set learning_rate=0.001 · accepted, after epoch 300"]
    study.steer.set(0, learning_rate=0.2)
    view.update(Html(""))
    assert view.widget.hand["values"]["learning_rate"] == 0.2
    assert view.widget.hand["log"][-1] == "trial 0: set learning_rate=0.2 · asked"


def test_a_line_is_renewed_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    class Renewed:
        def update(self, html: str) -> None:
            shown[-1] = html

    def displayed(html: str) -> Renewed:
        shown.append(html)
        return Renewed()

    monkeypatch.setattr("ikura.api.notebook.displayed", displayed)
    progress = NotebookProgress()
    progress.opened("runs/<b>")
    progress.start("coarse", 10)
    progress.update(4, 1, 0.5)
    assert shown == ["<div><code>runs/&lt;b&gt; · coarse: 4 of 10 epochs, 1 trial, best dev score 0.5000</code></div>"]
    progress.finish()
    progress.count("measures", 2, 2)
    assert len(shown) == 1
