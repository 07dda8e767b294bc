"""The script that draws charts: in the page, shared by the pages of several runs, or left out and said in words."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import ikura
from ikura.cli import main
from ikura.errors import StorageError, UsageError
from ikura.page.chart_script import ChartScript
from ikura.report import write_report
from ikura.study.record.setting import Setting

from .reading import Page

Make = Callable[..., Any]
WHOLE = 1 << 22
"""Bytes that the script has at least."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A browser without a window."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as session:
        found = session.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield found
        found.close()


def opened(browser: Any, path: Path) -> tuple[Any, list[str]]:
    """A page opened from disk at its full height, and what it asked for."""
    page = browser.new_page(viewport={"width": 1280, "height": 12_000})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_timeout(500)
    return page, asked


def placed(study: Any, run: Path) -> Any:
    """The study in a run folder of its own."""
    run.mkdir(parents=True)
    study.run = run
    return study


def test_two_runs_share_one_file(make_study: Make, tmp_path: Path, browser: Any) -> None:
    pages = []
    for name in ("first", "second"):
        study = placed(make_study(trials=12), tmp_path / "runs" / name)
        pages.append(write_report(study.run / "report.html", study, script=ChartScript.SHARED))
    [shared] = [path for path in (tmp_path / "runs").iterdir() if path.is_file()]
    assert re.fullmatch(r"plotly-\d+\.\d+\.\d+\.min\.js", shared.name)
    assert shared.stat().st_size > WHOLE > 4 * pages[0].stat().st_size
    for path in pages:
        charts = len(Page(path.read_text(encoding="utf-8")).charts)
        page, asked = opened(browser, path)
        page.wait_for_function(f"document.querySelectorAll('.plot.js-plotly-plot').length === {charts}")
        assert charts > 10
        assert sorted(asked) == sorted([path.as_uri(), shared.as_uri()])
        assert f"this file and ../{shared.name} hold everything they show" in page.inner_text("footer")
        page.close()


def test_a_page_elsewhere_has_it_beside_itself(make_study: Make, tmp_path: Path, browser: Any) -> None:
    study = placed(make_study(trials=12), tmp_path / "runs" / "first")
    path = write_report(tmp_path / "pages" / "first.html", study, script=ChartScript.SHARED)
    [shared] = path.parent.glob("*.js")
    assert not list((tmp_path / "runs").glob("*.js"))
    page, _ = opened(browser, path)
    page.wait_for_selector(".plot.js-plotly-plot")
    page.close()
    shared.unlink()
    page, _ = opened(browser, path)
    said = page.locator(".plot").all_inner_texts()
    assert set(said) == {f"This chart needs the file {shared.name}, which is not there."}
    page.close()


def test_what_is_there_is_not_written_again(make_study: Make, tmp_path: Path) -> None:
    study = placed(make_study(trials=3), tmp_path / "run")
    write_report(study.run / "report.html", study, script=ChartScript.SHARED)
    [shared] = tmp_path.glob("*.js")
    before = shared.stat()
    write_report(study.run / "report.html", study, script=ChartScript.SHARED)
    assert shared.stat().st_ino == before.st_ino
    shared.write_text("cut off")
    write_report(study.run / "report.html", study, script=ChartScript.SHARED)
    assert shared.stat().st_size == before.st_size


def test_left_out_charts_are_said_in_words(make_study: Make, tmp_path: Path, browser: Any) -> None:
    study = placed(make_study(trials=12), tmp_path / "run")
    whole = Page(write_report(tmp_path / "whole.html", study).read_text(encoding="utf-8"))
    path = write_report(study.run / "report.html", study, script=ChartScript.NONE)
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < WHOLE / 20
    assert text.count("A chart is left out here: ") == len(whole.charts) > 10
    assert "Plotly = " not in text
    assert 'class="plot"' not in text
    page, asked = opened(browser, path)
    words = page.inner_text("main")
    assert "The charts are left out" in words
    assert "A chart is left out here: dev accuracy against learning_rate." in words
    assert asked == [path.as_uri()]
    assert not list(tmp_path.glob("*.js"))
    page.close()


def test_the_whole_page_asks_for_nothing_else(make_study: Make, tmp_path: Path, browser: Any) -> None:
    path = write_report(tmp_path / "report.html", make_study(trials=12))
    page, asked = opened(browser, path)
    page.wait_for_selector(".plot.js-plotly-plot")
    assert asked == [path.as_uri()]
    page.close()


def test_a_study_keeps_where_its_report_has_the_script(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "runs" / "iris"
    small = ["--trials", "4", "--epochs", "2", "--finalists", "0"]
    assert main(["tune", "iris", *small, "--out", str(run), "--report-script", "shared", "-q"]) == 0
    assert Setting.load(run).report_script == "shared"
    assert len(list(run.parent.glob("plotly-*.min.js"))) == 1
    assert (run / "report.html").stat().st_size < WHOLE
    assert main(["report", str(run), "--report-script", "inline"]) == 0
    assert (run / "report.html").stat().st_size > WHOLE
    assert main(["report", str(run)]) == 0
    assert (run / "report.html").stat().st_size < WHOLE
    capfd.readouterr()
    assert main(["report", str(run), "--report-script", "elsewhere"]) == 2
    assert "'elsewhere'" in capfd.readouterr().err
    study = ikura.open_study(run)
    assert study.report(tmp_path / "no.html", report_script="none").stat().st_size < WHOLE
    with pytest.raises(UsageError, match="report_script must be 'inline', 'shared' or 'none', but is 'each'"):
        study.report(report_script="each")


@pytest.mark.parametrize("form", ["people", "json"])
def test_the_result_is_printed_before_the_report_is_written(
    form: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> Path:
        print("a stray print")
        raise StorageError("no room for it")

    run = tmp_path / "iris"
    small = ["--trials", "4", "--epochs", "2", "--finalists", "0", "--out", str(run)]
    with monkeypatch.context() as patch:
        patch.setattr("ikura.report.write_report", refused)
        assert main(["tune", "iris", *small, *(["--json"] if form == "json" else [])]) != 0
    out, err = capfd.readouterr()
    assert ("Best trials by dev accuracy" in out) if form == "people" else json.loads(out)["best"]["number"] in range(4)
    assert "a stray print" not in out
    assert "no room for it" in err
    assert not (run / "report.html").exists()
    assert main(["resume", str(run), "-q"]) == 0
    assert (run / "report.html").is_file()
    assert "Best trials by dev accuracy" in capfd.readouterr().out
    assert main(["resume", str(run), "-q"]) == 0
    assert "Best trials by dev accuracy" in capfd.readouterr().out


def test_a_result_that_cannot_be_printed_does_not_cost_the_report(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> int:
        raise OSError("nobody listens")

    monkeypatch.setattr("ikura.cli.print_result.present", broken)
    run = tmp_path / "iris"
    assert main(["tune", "iris", "--trials", "4", "--epochs", "2", "--finalists", "0", "--out", str(run)]) != 0
    assert "nobody listens" in capfd.readouterr().err
    assert (run / "report.html").is_file()
