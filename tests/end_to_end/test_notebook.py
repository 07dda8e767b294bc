"""In a notebook a study shows itself, renews itself while it trains, and tells its progress in one line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

import ikura
from ikura.api.notebook import NotebookProgress, card, show, usual_progress

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
LIVE = """
import asyncio
assert asyncio.get_running_loop().is_running()
run.set(learning_rate=0.003)
while run.study.interventions[0].state.open:
    await asyncio.sleep(0.1)
run.stop()
study = run.wait()
await asyncio.sleep(1.5)
study.replay(0).equals(study.curve(0)), [one.state.value for one in study.interventions]
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The outputs of each cell of a notebook that a real kernel has run, each with all that was shown in its place."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    folder = tmp_path_factory.mktemp("notebook")
    book = nbformat.v4.new_notebook()
    book.cells = [nbformat.v4.new_code_cell(source) for source in (TUNE, TRAIN, LIVE)]
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    spec = folder / "jupyter" / "kernels" / "python3"
    spec.mkdir(parents=True)
    argv = f'["{sys.executable}", "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"]'
    (spec / "kernel.json").write_text(f'{{"argv": {argv}, "display_name": "python3", "language": "python"}}')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder / "jupyter"))
        patch.setenv("OMP_NUM_THREADS", "1")
        client = nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}})
        client.execute(env=dict(os.environ))
    return list(book.cells)


def htmls(cell: Any) -> list[str]:
    return ["".join(one["data"]["text/html"]) for one in cell.outputs if "text/html" in one.get("data", {})]


@pytest.mark.filterwarnings("ignore")
def test_a_study_tells_its_progress_in_one_line_and_shows_itself(cells: list[Any]) -> None:
    line, shown = htmls(cells[0])
    assert line.count("<code>") == 1
    assert "done" in line
    assert "3 of 3 trials ended, finished" in shown
    assert "<polyline" in shown
    assert "Test accuracy" in shown


@pytest.mark.filterwarnings("ignore")
def test_a_run_shows_itself_while_it_trains_and_is_steered_beside_a_running_loop(cells: list[Any]) -> None:
    [live] = htmls(cells[1])
    assert "1 of 1 trial ended, finished" in live
    assert "Chosen: trial 0" in live
    [told] = [one["data"]["text/plain"] for one in cells[2].outputs if one.output_type == "execute_result"]
    assert told == "(True, ['applied', 'applied'])"


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
