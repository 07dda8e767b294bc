"""The page in a real browser: opened, sorted, brushed, watched while a study grows; nothing in a name is ever run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from ikura.study.record.intervention import Action, Request
from ikura.study.record.interventions import Interventions
from ikura.study.record.store import Store
from tests.web.runs_on_disk import outcome

Make = Callable[..., Store]
Served = Callable[..., Any]
SCRIPT = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"


def test_the_key_is_taken_out_of_the_address(make: Make, served: Served, visit: Any, tmp_path: Path) -> None:
    make(tmp_path / "penguins")
    page = visit(served(), "/study?run=penguins")
    page.wait_for_url("**/study?run=penguins")
    assert page.title() == "penguins · ikura"


def test_without_the_key_the_page_says_what_to_do(served: Served, browser: Any) -> None:
    client = served()
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{client.server.port}/")
    assert "open the address that ikura serve printed" in page.inner_text("body")
    page.close()


def test_an_empty_folder_fills_by_itself(make: Make, served: Served, visit: Any, tmp_path: Path) -> None:
    page = visit(served())
    assert "No runs here yet" in page.inner_text("main")
    make(tmp_path / "first")
    page.wait_for_selector("a[data-run=first]")


def test_a_study_is_watched_while_it_grows(make: Make, served: Served, visit: Any, tmp_path: Path) -> None:
    store = make(tmp_path / "run", trials=20, ended=0)
    page = visit(served(), "/study?run=run")
    page.wait_for_selector("text=0 of 20")
    for ended in (4, 11):
        store.record([outcome(i, 0.3 + i / 50) for i in range(ended)])
        page.wait_for_selector(f"text={ended} of 20")
    page.wait_for_selector("text=0.5000")
    assert page.locator("tbody tr").count() == 20


def test_curves_do_not_wait_for_what_can_be_asked(
    make: Make, served: Served, visit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ikura.web.study_reader.is_live", lambda run: True)
    make(tmp_path / "run", trials=4, ended=3)
    client = served()
    page = visit(client, "/study?run=run")
    asked: list[Any] = []
    page.route("**/api/changeable?*", lambda route: asked.append(route))
    page.reload()
    page.wait_for_selector(".legend a[href*='trial=2']")
    assert len(asked) == 1
    assert page.locator("text=A hand on the search").count() == 0


def test_a_page_that_was_left_writes_nothing_over_the_next(
    make: Make, served: Served, visit: Any, tmp_path: Path
) -> None:
    make(tmp_path / "run", trials=4)
    page = visit(served(), "/study?run=run")
    page.wait_for_selector("tbody tr")
    asked: list[Any] = []
    page.route("**/api/trial?*", lambda route: asked.append(route))
    page.click("tbody a[href*='trial=2']")
    page.wait_for_url("**/trial?run=run&trial=2")
    while not asked:
        page.wait_for_timeout(10)
    page.go_back()
    page.wait_for_selector("tbody tr")
    with page.expect_response("**/api/trial?*"):
        asked[0].continue_()
    page.wait_for_timeout(100)
    assert page.locator("tbody tr").count() == 4
    assert page.title() == "run · ikura"


def test_what_is_asked_meanwhile_is_done_once_when_the_one_before_has_ended(
    make: Make, served: Served, visit: Any, tmp_path: Path
) -> None:
    make(tmp_path / "run")
    page = visit(served(), "/study?run=run")
    page.wait_for_selector("tbody tr")
    log = page.evaluate(
        """async () => {
          const { inTurn } = await import("/static/net.js");
          const log = [];
          let number = 0;
          const does = inTurn(async () => {
            const mine = ++number;
            log.push(`begins ${mine}`);
            await new Promise((done) => setTimeout(done, 20));
            log.push(`ends ${mine}`);
            if (mine === 2) throw new Error("refused");
            return mine;
          });
          const said = (one) => one.then(String, (error) => error.message);
          log.push(...(await Promise.all([does(), does(), does()].map(said))));
          log.push(...(await Promise.all([does(), does()].map(said))));
          return log;
        }"""
    )
    assert log == [
        "begins 1", "ends 1", "begins 2", "ends 2", "1", "refused", "refused",
        "begins 3", "ends 3", "begins 4", "ends 4", "3", "4",
    ]  # fmt: skip


def test_sorting_choosing_and_comparing(make: Make, served: Served, visit: Any, tmp_path: Path) -> None:
    make(tmp_path / "run", trials=40)
    page = visit(served(), "/study?run=run")
    first = page.locator("tbody tr").first
    first.wait_for()
    assert first.get_attribute("data-trial") == "39"
    page.click("th button:has-text('trial')")
    page.wait_for_selector("tbody tr:first-child[data-trial='0']")
    page.click("button:has-text('Next')")
    page.wait_for_selector("text=26 to 40 of 40")
    page.click("tr[data-trial='30'] td:nth-child(4)")
    page.click("tr[data-trial='31'] td:nth-child(4)")
    page.click("text=Compare 30 and 31")
    page.wait_for_selector("h1:has-text('Trials 30 and 31')")
    assert "optimizer" in page.inner_text("main")
    page.go_back()
    page.wait_for_selector("h1:has-text('run')")


def test_a_brush_is_seen_in_all(make: Make, served: Served, visit: Any, tmp_path: Path) -> None:
    make(tmp_path / "run", trials=40)
    page = visit(served(), "/study?run=run")
    box = page.locator(".multiples canvas").first.bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 60, steps=4)
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] - 10, steps=4)
    page.mouse.up()
    page.wait_for_selector(".brushes:not([hidden])")
    page.wait_for_selector(".pager >> text=1 to 20 of 20")
    assert "20 of them brushed" in page.inner_text("main")
    page.keyboard.press("Escape")
    page.wait_for_selector(".pager >> text=1 to 25 of 40")


def test_everything_can_be_reached_with_keys(make: Make, served: Served, visit: Any, tmp_path: Path) -> None:
    make(tmp_path / "run", trials=6)
    page = visit(served(), "/study?run=run")
    page.wait_for_selector("tbody tr")
    page.keyboard.press("t")
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    page.wait_for_selector("tr[data-trial='4'][aria-selected=true]")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Trial 4')")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("h1:has-text('Trial 5')")
    page.keyboard.press("?")
    page.wait_for_selector("dialog")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.wait_for_selector("h1:has-text('Runs')")


@pytest.mark.parametrize("path", ["/", "/study?run={}", "/trial?run={}&trial=1", "/compare?run={}&a=0&b=1"])
def test_a_script_in_every_name_is_only_text(make: Make, served: Served, visit: Any, tmp_path: Path, path: str) -> None:
    from urllib.parse import quote

    name = SCRIPT.replace("/", "∕")
    make(tmp_path / name, trials=6, **{SCRIPT: SCRIPT, "also": f"{SCRIPT}2"})
    page = visit(served(), path.format(quote(name)))
    page.wait_for_selector(".run:visible, .panel:visible")
    page.wait_for_timeout(500)
    assert page.title() != "run"
    assert page.locator("main img").count() == 0
    assert "onerror" in page.inner_text("main")


def test_narrow_screens_need_no_scrolling_to_the_side(make: Make, served: Served, visit: Any, tmp_path: Path) -> None:
    make(tmp_path / "run", trials=6)
    client = served()
    for path in ("/", "/study?run=run", "/trial?run=run&trial=1", "/compare?run=run&a=0&b=1"):
        page = visit(client, path, viewport={"width": 360, "height": 700})
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_two_trials_of_other_lengths_part_where_they_do(make: Make, served: Served, visit: Any, tmp_path: Path) -> None:
    store = make(tmp_path / "run", trials=3, ended=0)
    long, short = outcome(0, 0.5, 5000), outcome(1, 0.5, 3333)
    short.curve[:] = long.curve[:3333]
    short.curve[1600:, :2] += 1.0
    store.record([long, short])
    page = visit(served(), "/compare?run=run&a=0&b=1")
    page.wait_for_selector("text=at epoch 3328, the last that both have")
    page.goto(page.url.replace("a=0&b=1", "a=1&b=0"))
    page.wait_for_selector("text=at epoch 3328, the last that both have")


def test_what_was_set_counts_from_its_epoch_on_whichever_was_asked_first(
    make: Make, served: Served, visit: Any, tmp_path: Path
) -> None:
    asked = Interventions(make(tmp_path / "run", trials=2))
    for trial, epoch, rate in ((0, 4, 0.001), (0, 1, 0.5), (1, 2, 0.3), (1, 2, 0.2), (0, None, 0.7)):
        [number] = asked.add([Request(action=Action.SET, trial=trial, values={"learning_rate": rate})], who="ada")
        if epoch is not None:
            asked.apply(number, epoch)
    page = visit(served(), "/trial?run=run&trial=0")
    page.wait_for_selector(".facts .differs:has-text('1 → 0.001')")
    page.goto(page.url.replace("trial=0", "trial=1"))
    page.wait_for_selector(".facts .differs:has-text('0.1 → 0.2')")
    page.goto(page.url.split("/trial")[0] + "/compare?run=run&a=0&b=1")
    page.wait_for_selector(".differs:has-text('1 → 0.001')")


def test_figures_of_a_trial_that_goes_on_are_those_of_the_epoch_that_is_named(
    make: Make, served: Served, visit: Any, tmp_path: Path
) -> None:
    store = make(tmp_path / "run", trials=2, ended=0)
    once = replace(outcome(0, 0.9, 13), best_epoch=4, dev_score=0.8125)
    store.record([once], going_on=[0])
    page = visit(served(), "/trial?run=run&trial=0")
    page.wait_for_selector(".card:has-text('at epoch 4, of the lowest dev loss'):has-text('0.8125')")
    on = np.vstack([once.curve, [[0.1, 0.75, 0.4375]]])
    store.add_live_points({0: on}, {0: 13})
    page.wait_for_selector(".card:has-text('at the last epoch so far'):has-text('0.4375')")
    store.record([replace(once, curve=on)])
    page.wait_for_selector(".card:has-text('at epoch 4, of the lowest dev loss'):has-text('0.8125')")


def test_a_reason_of_one_long_word_stays_readable_on_a_narrow_screen(
    make: Make, served: Served, visit: Any, tmp_path: Path
) -> None:
    store = make(tmp_path / "run", ended=2)
    Interventions(store).add([Request(action=Action.NOTE, why="é" * 500)], who="ada")
    page = visit(served(), "/log?run=run")
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_selector("tr[data-asked]")
    assert page.locator("tr[data-asked]").bounding_box()["height"] < 740


def test_what_is_not_there_leads_back_and_empty_charts_say_why(
    make: Make, served: Served, visit: Any, tmp_path: Path
) -> None:
    make(tmp_path / "run", ended=0)
    page = visit(served(), "/study?run=run")
    page.wait_for_selector("text=no trial has a score yet; the first appear here by themselves")
    assert not page.is_visible("text=Hyperparameters against the score")
    for address in ("/study?run=nothing", "/trial?run=run&trial=999", "/log?run=..%2F.."):
        page.goto(page.url.split("/", 3)[0] + "//" + page.url.split("/", 3)[2] + address)
        page.click("text=All runs")
        page.wait_for_selector("a[data-run=run]")


def test_a_broken_run_says_what_is_wrong(make: Make, served: Served, visit: Any, tmp_path: Path) -> None:
    make(tmp_path / "run").close()
    (tmp_path / "run" / "study.db").write_bytes(b"nothing")
    page = visit(served(), "/")
    assert "cannot be read" in page.inner_text("main")


def test_a_page_that_only_shows_has_no_controls(make: Make, served: Served, visit: Any, tmp_path: Path) -> None:
    make(tmp_path / "run", ended=2)
    with FileLock(tmp_path / "run" / ".lock", timeout=0):
        page = visit(served(read_only=True), "/trial?run=run&trial=5")
        page.wait_for_selector("text=Hyperparameters")
        assert page.locator("main input:visible").count() == 0


DRAWN = """() => {
  window.drawn = new Map();
  const plain = CanvasRenderingContext2D.prototype.fillText;
  CanvasRenderingContext2D.prototype.fillText = function (words, x, y) {
    const key = this.canvas.getAttribute("aria-label");
    const wide = this.measureText(words).width;
    const left = this.textAlign === "right" ? x - wide : this.textAlign === "center" ? x - wide / 2 : x;
    if (!window.drawn.has(key)) window.drawn.set(key, []);
    window.drawn.get(key).push([words, left, left + wide, y]);
    plain.apply(this, arguments);
  };
  // A page that renews itself draws anew.
  const clear = CanvasRenderingContext2D.prototype.clearRect;
  CanvasRenderingContext2D.prototype.clearRect = function () {
    window.drawn.delete(this.canvas.getAttribute("aria-label"));
    clear.apply(this, arguments);
  };
  const box = document.querySelector("canvas").parentElement;
  box.style.height = `${box.clientHeight + 1}px`;
}"""


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        ([388, 390, 391, 395, 402], "5 requests at 388–402"),
        ([40, 40], "2 requests at 40"),
        ([100, 180, 260], "set learning_rate 0.1"),
        (range(10, 500, 7), None),
    ],
)
def test_labels_of_requests_never_cover_each_other(
    make: Make, served: Served, visit: Any, tmp_path: Path, epochs: Any, expected: str | None
) -> None:
    store = make(tmp_path / "run", trials=2, ended=0)
    store.record([outcome(0, 0.9, 500)])
    asked = Interventions(store)
    request = Request(action=Action.SET, trial=0, values={"learning_rate": 0.1})
    for epoch in epochs:
        [number] = asked.add([request], who="ada")
        asked.apply(number, epoch)
    page = visit(served(), "/trial?run=run&trial=0")
    page.evaluate(DRAWN)
    page.wait_for_function("() => window.drawn.has('training loss and dev loss over epochs')")
    drawn = page.evaluate("() => window.drawn.get('training loss and dev loss over epochs')")
    labels = [one for one in drawn if "request" in one[0] or one[0].startswith("set") or "kept" in one[0]]
    assert "kept weights" in [words for words, *_ in labels]
    assert len(labels) > 1
    if expected:
        assert expected in [words for words, *_ in labels]
    for i, (words, left, right, y) in enumerate(labels):
        assert "…" not in words
        for _, start, end, row in labels[:i]:
            assert row != y or right < start or left > end
