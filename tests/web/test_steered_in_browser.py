"""A hand on a study that trains, from the page: asked, refused, accepted, applied, and on record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

import ikura
from ikura.study.record.intervention import Status
from ikura.study.record.progress import Progress
from ikura.web.study_reader import StudyReader

Served = Callable[..., Any]
Resume = Callable[[Path], Future[ikura.Study]]
SPACE: dict[str, Any] = {"learning_rate": ikura.log(1e-3, 1e-1), "optimizer": "momentum", "units": 8, "batch_size": 16}
ASK = "text=Ask for these values"


class LeftError(Exception):
    """A study is left in the middle."""


class Leaving(Progress):
    """Leaves a study when its first stage begins."""

    def start(self, stage: str, total: int) -> None:
        raise LeftError


@pytest.fixture
def resume() -> Iterator[Resume]:
    """Resumes a study in a thread, while the page is looked at in this one."""
    with ThreadPoolExecutor(1) as threads:
        yield lambda run: threads.submit(ikura.resume, run, progress=Progress())


@pytest.fixture
def waiting(tmp_path: Path) -> Path:
    """The folder of a study whose trials wait for somebody to train them."""
    run = tmp_path / "runs" / "iris"
    with pytest.raises(LeftError):
        ikura.tune(
            "iris", space=SPACE, trials=3, epochs=8, search="random", schedule="none", finalists=1, jobs=1, out=run,
            progress=Leaving(),
        )  # fmt: skip
    return run


def test_a_change_is_asked_for_refused_and_applied(waiting: Path, resume: Resume, served: Served, visit: Any) -> None:
    client = served(waiting.parent)
    with FileLock(waiting / ".lock", timeout=0):
        page = visit(client, "/trial?run=iris&trial=1")
        page.set_default_timeout(180_000)
        page.fill("input[name=learning_rate]", "0,3")
        page.click(ASK)
        page.wait_for_selector("text=learning_rate must be a number")
        page.fill("input[name=learning_rate]", "-1")
        page.click(ASK)
        page.wait_for_selector("[role=status]:has-text('learning_rate must')")
        page.fill("input[name=learning_rate]", "0.03")
        page.fill("input[name=at]", "3")
        page.fill("input[name=why]", "<b>it has levelled off</b>")
        page.click(ASK)
        page.wait_for_selector("tr[data-state=asked]:has-text('set learning_rate 0.03')")
        page.fill("input[name=at]", "6")
        page.click("text=Stop this trial")
        page.wait_for_selector("tr[data-state=asked]:has-text('stop')")
        page.goto(page.url.replace("trial=1", "trial=2"))
        page.fill("input[name=learning_rate]", "0.02")
        page.click("text=Go back with them")
        page.wait_for_selector("text=say after which epoch")
        page.fill("input[name=at]", "4")
        page.click("text=Fork with them")
        page.wait_for_selector("tr[data-state]:has-text('fork learning_rate 0.02')")
        page.goto(page.url.replace("trial=2", "trial=1"))
    resumed = resume(waiting)
    page.wait_for_selector("tr[data-state=applied]:has-text('set learning_rate 0.03')")
    page.wait_for_selector("tr[data-state=applied]:has-text('applied after epoch 6')")
    page.wait_for_selector(".facts .differs:has-text('→ 0.03')")
    page.wait_for_selector(".badge:has-text('stopped'), .badge:has-text('complete')")
    resumed.result(300)
    study = ikura.open_study(waiting)
    assert [(one.trial, one.state, one.epoch, one.why) for one in study.interventions] == [
        (1, Status.APPLIED, 3, "<b>it has levelled off</b>"),
        (1, Status.APPLIED, 6, ""),
        (2, Status.APPLIED, 4, ""),
    ]
    made = study.interventions[2].made
    page.keyboard.press("s")
    page.wait_for_selector("tr[data-trial='1'] a:has-text('✎')")
    page.click("text=3 requests")
    page.click(f"text=→ trial {made}")
    page.wait_for_selector(f"h1:has-text('Trial {made}')")
    page.click("text=compare")
    page.wait_for_selector(".differs:has-text('0.02')")


def test_what_the_space_does_not_name_can_be_set_too(waiting: Path, served: Served, visit: Any) -> None:
    client = served(waiting.parent)
    with FileLock(waiting / ".lock", timeout=0):
        page = visit(client, "/trial?run=iris&trial=1")
        page.set_default_timeout(180_000)
        page.fill("input[name=l1]", "0.001")
        assert page.get_attribute("input[name=label_smoothing]", "placeholder") == "0"
        others = page.locator("select[name=another] option").all_inner_texts()
        assert "gradient_noise" in others
        # Neither those that have a field nor those that would not act.
        assert not {"l1", "learning_rate", "beta1", "pretrained_rate"} & set(others)
        page.select_option("select[name=another]", "gradient_noise")
        page.fill("input[name=gradient_noise]", "0.01")
        page.click(ASK)
        page.wait_for_selector("tr[data-state=asked]:has-text('set')")
        assert "gradient_noise" not in page.locator("select[name=another] option").all_inner_texts()
    [asked] = ikura.open_study(waiting).interventions
    assert dict(asked.values) == {"l1": 0.001, "gradient_noise": 0.01}


def test_the_shape_of_the_schedule_is_chosen_from_a_list(waiting: Path, served: Served, visit: Any) -> None:
    client = served(waiting.parent)
    with FileLock(waiting / ".lock", timeout=0):
        page = visit(client, "/trial?run=iris&trial=1")
        page.set_default_timeout(180_000)
        page.select_option("select[name=another]", "schedule_shape")
        assert page.locator("select[name=schedule_shape] option").all_inner_texts()[:2] == ["inverse_time", "constant"]
        page.select_option("select[name=another]", "pieces")
        page.select_option("select[name=schedule_shape]", "pieces")
        page.click(ASK)
        page.wait_for_selector("[role=status]:has-text('schedule_shape pieces is the same as constant without pieces')")
        page.fill("input[name=pieces]", "2:0.5 5:0.1")
        page.click(ASK)
        page.wait_for_selector("[role=status]:has-text('set schedule_shape pieces pieces 2:0.5 5:0.1 final_share 0')")
        page.select_option("select[name=schedule_shape]", "constant")
        page.click(ASK)
        page.wait_for_selector("[role=status]:has-text('pieces 2:0.5 5:0.1 has no effect with schedule_shape')")
    values = [dict(one.values) for one in ikura.open_study(waiting).interventions]
    first = {"schedule_shape": "pieces", "pieces": "2:0.5 5:0.1", "final_share": 0.0}
    assert values == [first, {"schedule_shape": "constant"}]


def test_a_configuration_of_ones_own_is_tried_and_the_search_ended(waiting: Path, served: Served, visit: Any) -> None:
    client = served(waiting.parent)
    with FileLock(waiting / ".lock", timeout=0):
        page = visit(client, "/study?run=iris")
        page.set_default_timeout(180_000)
        page.fill("input[name=configuration]", "learning_rate")
        page.click("text=Try this configuration")
        page.wait_for_selector("[role=status]:has-text('NAME=VALUE is needed')")
        page.fill("input[name=configuration]", "learning_rat=0.05")
        page.click("text=Try this configuration")
        page.wait_for_selector("[role=status]:has-text(\"did you mean 'learning_rate'\")")
        page.fill("input[name=configuration]", "learning_rate=0.05")
        page.click("text=Try this configuration")
        page.wait_for_selector("[role=status]:has-text('asked: inject learning_rate 0.05')")
        page.click("text=End the search")
        page.wait_for_selector("[role=status]:has-text('asked: end')")
    asked = ikura.open_study(waiting).interventions
    assert [(one.action, one.trial, dict(one.values)) for one in asked] == [
        ("inject", None, {"learning_rate": 0.05}),
        ("end", None, {}),
    ]


def test_the_search_is_changed_and_trials_pinned_noted_and_put_first(
    waiting: Path, resume: Resume, served: Served, visit: Any
) -> None:
    client = served(waiting.parent)
    with FileLock(waiting / ".lock", timeout=0):
        page = visit(client, "/study?run=iris")
        page.set_default_timeout(180_000)

        def said(words: str) -> None:
            page.wait_for_selector(f"[role=status]:has-text('{words}')")

        page.fill("input[name=change]", "learning_rate 0.01")
        page.click("text=Set the range")
        said("NAME LOW HIGH is needed")
        page.fill("input[name=change]", "learning_rate 0.01 0.05")
        page.click("text=Set the range")
        said("all 3 trials are proposed already")
        page.fill("input[name=budget]", "trials=4 time_limit=1000")
        page.click("text=Change the budget")
        said("asked: budget trials 4, time-limit seconds 1000")
        page.fill("input[name=change]", "learning_rate 0.01 0.05")
        page.click("text=Set the range")
        said("asked: range learning_rate low 0.01 high 0.05")
        page.fill("input[name=change]", "optimizer=adam")
        page.click("text=Ban the option")
        page.wait_for_selector("[role=status]:has-text(\"optimizer is never 'adam'\")")
        page.click("text=Add the option")
        said("asked: add optimizer adam")
        page.fill("input[name=worst]", "30%")
        page.click("text=Stop the worst")
        said("no trial is in training")
        page.fill("input[name=why]", "a good day")
        page.click("text=Keep as a note")
        said("asked: note")
        page.goto(page.url.replace("/study?run=iris", "/trial?run=iris&trial=2"))
        page.click("text=Pin")
        said("asked: pin")
        page.click("text=Begin next")
        said("asked: prioritise")
        page.click("text=Pause")
        said("waits and has not begun to train")
        page.fill("input[name=at]", "3")
        page.click("text=Pause")
        said("asked: pause")
        page.fill("input[name=epochs]", "12")
        page.click("text=Train longer")
        said("asked: longer epochs 12")
        page.goto(page.url.replace("trial=2", "trial=1"))
        page.fill("input[name=learning_rate]", "0.02")
        page.fill("input[name=at]", "4")
        page.click("text=Go back with them")
        said("asked: fork learning_rate 0.02, stop")
    resumed = resume(waiting)
    page.goto(page.url.replace("trial=1", "trial=2"))
    page.wait_for_selector(".badge:has-text('paused')")
    page.click("text=Go on")
    page.wait_for_selector("tr[data-state=applied]:has-text('go-on')")
    resumed.result(300)
    study = ikura.open_study(waiting)
    assert {one.state for one in study.interventions} == {Status.APPLIED}
    rows = study.trials.set_index("number")
    [fork, longer] = [one.made for one in study.interventions if one.action in ("fork", "longer")][::-1]
    assert rows["epochs"].loc[[1, 2, fork, longer]].tolist() == [4, 8, 8, 12]
    assert rows["learning_rate"].loc[rows["stage"] == 1].between(0.01, 0.05).all()


def test_going_back_needs_an_epoch_and_no_values(waiting: Path, served: Served, visit: Any) -> None:
    client = served(waiting.parent)
    with FileLock(waiting / ".lock", timeout=0):
        page = visit(client, "/trial?run=iris&trial=1")
        page.set_default_timeout(180_000)
        page.fill("input[name=at]", "4")
        page.click("text=Go back with them")
        page.wait_for_selector("[role=status]:has-text('asked: fork, stop')")
    asked = ikura.open_study(waiting).interventions
    assert [(one.action, one.at, dict(one.values)) for one in asked] == [("fork", 4, {}), ("stop", 4, {})]


def test_a_study_stands_still_and_goes_on_and_forks_are_compared(
    waiting: Path, resume: Resume, served: Served, visit: Any
) -> None:
    study = ikura.open_study(waiting)
    study.steer.fork(1, learning_rate=0.08, at=3)
    study.steer.pause()
    client = served(waiting.parent)
    resumed = resume(waiting)
    page = visit(client, "/study?run=iris")
    page.set_default_timeout(180_000)
    page.wait_for_selector(".badge:has-text('paused')")
    page.click("text=Let the study go on")
    resumed.result(300)
    page.wait_for_selector(".badge:has-text('finished')")
    assert not page.is_visible("text=A hand on the search")
    assert [(one.action, one.trial) for one in study.interventions[1:]] == [("pause", None), ("go-on", None)]
    made = study.interventions[0].made
    page.goto(page.url.replace("/study?run=iris", f"/compare?run=iris&a={made}&b=1"))
    page.wait_for_selector(f"text=dev loss of trial {made} minus trial 1, in pairs over dev examples")
    assert StudyReader(waiting).parted(int(made or 0), 1) == 4
    last = study.compare(1, int(made or 0)).iloc[-1]
    told = page.inner_text("main").replace("−", "-")
    assert f"at epoch 8 (95 % interval {last['low']:.3g} to {last['high']:.3g})" in told
    page.goto(page.url.split("/compare")[0] + f"/trial?run=iris&trial={made}")
    page.click("button:has-text('Replay')")
    page.wait_for_selector(".badge:has-text('replayed: same bits')")
    assert study.replayed(int(made or 0)) is True
    assert study.replayed(1) is None
