"""The script of the view in a notebook, in a browser: what it shows, what it sends, and what it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ikura.api

SCRIPT = Path(ikura.api.__file__).with_name("notebook_widget.js")
PAGE = """
<!doctype html><title>notebook</title><body><div id="here"></div>
<script type="module">
  %s
  const changes = {};
  const state = %s;
  window.sent = [];
  window.model = {
    get: (name) => state[name],
    on: (event, does) => { changes[event] = does; },
    send: (content) => window.sent.push(content),
    put: (name, value) => { state[name] = value; changes[`change:${name}`](); },
  };
  view.render({ model: window.model, el: document.getElementById("here") });
  document.title = "ready";
</script>
"""
HAND = {
    "whom": "trial 0",
    "actions": ["set", "pause", "stop"],
    "values": {"learning_rate": 0.01, "l2": 0.001},
    "log": ["set <b>x</b>=1 · refused"],
}


@pytest.fixture
def view(browser: Any) -> Iterator[Any]:
    """The view of a trial that trains, as a notebook draws it."""
    script = SCRIPT.read_text().replace("export default", "const view =")
    state = json.dumps({"markup": "<p>trial 0</p>", "hand": HAND, "told": ""})
    page = browser.new_page()
    page.set_content(PAGE % (script, state))
    page.wait_for_function("document.title === 'ready'")
    yield page
    page.close()


def put(page: Any, name: str, value: Any) -> None:
    page.evaluate("([name, value]) => model.put(name, value)", [name, value])


def sent(page: Any) -> list[Any]:
    found: list[Any] = page.evaluate("sent")
    return found


def test_a_value_is_set_by_the_button_and_by_the_key(view: Any) -> None:
    field = view.get_by_label("new value")
    assert field.get_attribute("placeholder") == "0.01"
    field.fill("0.003")
    view.get_by_role("button", name="Set").click()
    view.get_by_label("hyperparameter").select_option("l2")
    assert field.get_attribute("placeholder") == "0.001"
    field.fill("1e-4")
    field.press("Enter")
    field.fill("  ")
    field.press("Enter")
    field.fill("much")
    field.press("Enter")
    values = [{"learning_rate": 0.003}, {"l2": 1e-4}, {"l2": "much"}]
    assert sent(view) == [{"action": "set", "values": one} for one in values]


def test_buttons_are_those_of_what_can_be_done_now(view: Any) -> None:
    view.get_by_role("button", name="Pause").click()
    put(view, "hand", {**HAND, "actions": ["set", "go-on", "stop"]})
    view.get_by_role("button", name="Go on").click()
    assert view.get_by_role("button", name="Pause").count() == 0
    put(view, "hand", {"whom": "", "actions": ["pause", "end"], "values": {}, "log": []})
    assert [one.inner_text() for one in view.get_by_role("button").all()] == ["Pause", "End the search"]
    put(view, "hand", {"whom": "trial 1", "actions": [], "values": {}, "log": []})
    assert view.get_by_role("button").count() == 0
    assert [one["action"] for one in sent(view)] == ["pause", "go-on"]


def test_what_somebody_writes_is_left_alone_while_the_view_renews_itself(view: Any) -> None:
    view.get_by_label("hyperparameter").select_option("l2")
    field = view.get_by_label("new value")
    field.type("0.00")
    put(view, "markup", "<p>trial 0, epoch 9</p>")
    put(view, "hand", {**HAND, "values": {"learning_rate": 0.02, "l2": 0.002}})
    field.type("5")
    field.press("Enter")
    assert sent(view) == [{"action": "set", "values": {"l2": 0.005}}]
    assert "epoch 9" in view.inner_text("body")
    assert field.get_attribute("placeholder") == "0.002"


def test_words_of_others_are_only_ever_text(view: Any) -> None:
    put(view, "told", "<img src=x onerror=alert(1)> stays as it is")
    assert "<img src=x onerror=alert(1)> stays" in view.get_by_role("status").inner_text()
    assert "set <b>x</b>=1" in view.inner_text("body")
    assert view.locator("b, img").count() == 0
