"""What is asked of a study through the page: looked at, put on record, and told; what is wrong is refused in a line."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ikura.errors import RunError, UsageError
from ikura.steer import Steering
from ikura.study.record.intervention import Action, Request
from ikura.study.record.interventions import Interventions
from ikura.study.record.store import Store
from ikura.study.record.study_tables import trials_of
from ikura.study.steered import StoreListener
from ikura.web import request_body, worker
from ikura.web.helper_process import HelperProcess
from ikura.web.requests import ACTIONS, UNTOUCHED, interventions, request_of
from tests.web.conftest import serving
from tests.web.runs_on_disk import make_run

Make = Callable[..., Store]
Served = Callable[..., Any]


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of a folder with a run whose trials wait, which nothing changes, beside one that is not served."""
    folder = tmp_path_factory.mktemp("asked")
    make_run(folder / "outside", ended=2).close()
    with closing(make_run(folder / "runs" / "run", ended=2)), serving() as serve:
        yield serve(folder / "runs")


def post(client: Any, body: bytes, path: str = "/api/ask", **headers: str) -> tuple[int, str]:
    given = {"origin": f"http://127.0.0.1:{client.server.port}", "content_type": "application/json"} | headers
    status, _, found = client(path, "POST", body, **given)
    return status, found.decode()


def test_what_can_be_asked_is_what_a_hand_can_do() -> None:
    assert set(ACTIONS) - {"rewind", "stop-worst"} == set(Action) - {Action.TIME_LIMIT}
    assert all(hasattr(Steering, name.replace("-", "_")) for name in ACTIONS)
    assert set(UNTOUCHED) == {one for one in Action if not one.touches}


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ([], "a request must be an object"),
        ({"run": "run", "action": "explode"}, "action must be one of set"),
        ({"run": "run"}, "action must be one of set"),
        ({"run": "run", "action": ["set"]}, "action must be one of set"),
        ({"run": "run", "action": "set", "trial": "3"}, "trial must be a whole number"),
        ({"run": "run", "action": "set", "trial": -1}, "trial must be a whole number"),
        ({"run": "run", "action": "set", "trial": True}, "trial must be a whole number"),
        ({"run": "run", "action": "set", "trial": 1, "at": 1e300}, "at must be a whole number"),
        ({"run": "run", "action": "set", "trial": 1, "values": [1]}, "values must be an object"),
        ({"run": "run", "action": "set", "trial": 1, "values": {"x": {}}}, "values must be an object"),
        ({"run": "run", "action": "set", "trial": 1, "why": "x" * 501}, "why must be a text"),
        ({"run": "run", "action": "range", "values": {"name": "l2", "low": 10**400}}, "values must be an object"),
        ({"run": "run", "action": "stop-worst", "values": {"share": -(10**309)}}, "values must be an object"),
        ({"run": "run", "action": "add", "values": {"optimizer": "half \ude00"}}, "values must be an object"),
        ({"run": "run", "action": "note", "why": "half \ud83d"}, "why must be a text"),
        ({"run": "run", "action": "replay"}, "replay needs a trial"),
        ({"run": "run", "action": "replay", "trial": None}, "replay needs a trial"),
        ({"run": "run", "action": "set", "trial": 1, "more": 1}, "a request has no field 'more'"),
    ],
)
def test_a_request_of_another_form_is_refused_in_a_line(client: Any, form: Any, words: str) -> None:
    status, text = post(client, json.dumps(form).encode())
    assert status == 400
    assert words in text
    assert "\n" not in text


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 60_000, b"null null", b'{"a": NaN'])
def test_a_body_that_is_no_json_is_refused_in_a_line(client: Any, body: bytes) -> None:
    assert post(client, body) == (400, "the body is no JSON")


def test_infinities_are_no_values() -> None:
    for text in ("NaN", "Infinity", "1e999"):
        with pytest.raises(UsageError, match="values must be"):
            request_of(json.loads(f'{{"action": "set", "trial": 1, "values": {{"x": {text}}}}}'))


def test_a_large_body_is_refused(client: Any) -> None:
    status, text = post(client, b" " * 70_000)
    assert (status, text) == (413, "the body is too large; at most 65,536 bytes are taken")


def test_a_body_of_another_kind_is_refused(client: Any) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert post(client, b"{}", content_type=kind)[0] == 415


def test_a_body_that_does_not_come_is_not_waited_for(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "SECONDS", 0.3)
    lines = [
        "POST /api/ask HTTP/1.1", "Host: localhost", f"Cookie: {client.headers['cookie']}", "Origin: http://localhost",
        "Content-Type: application/json", "Content-Length: 100", "", "{",
    ]  # fmt: skip
    with socket.create_connection(("127.0.0.1", client.server.port), timeout=20) as connection:
        connection.sendall("\r\n".join(lines).encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"cookie": "x=1"}, {"host": "evil.example"}])
def test_nobody_else_asks(client: Any, headers: dict[str, str]) -> None:
    form = {"run": "run", "action": "set", "trial": 3, "values": {"learning_rate": 0.1}}
    assert post(client, json.dumps(form).encode(), **headers)[0] in (401, 403, 421)
    assert interventions(client.server.answers.folders.folder / "run") == []


def test_a_page_that_only_shows_takes_no_request(make: Make, served: Served, tmp_path: Path) -> None:
    make(tmp_path / "run", ended=2)
    client = served(read_only=True)
    status, text = post(client, b'{"run": "run", "action": "set", "trial": 3}')
    assert status == 403
    assert "only shows" in text
    assert json.loads(client("/api/changeable?run=run")[2]) == {"names": [], "values": {}, "actions": []}


def test_a_run_elsewhere_is_not_asked(client: Any) -> None:
    outside = client.server.answers.folders.folder.parent / "outside"
    for run in ("../outside", str(outside), "", "/etc"):
        form = {"run": run, "action": "set", "trial": 3, "values": {"learning_rate": 0.1}}
        assert post(client, json.dumps(form).encode()) == (404, "no such run in the folder that is served")
    assert interventions(outside) == []


def test_the_log_is_that_of_the_record(make: Make, served: Served, tmp_path: Path) -> None:
    store = make(tmp_path / "run", ended=2)
    for trial in (3, 4, 3):
        request = Request(action=Action.SET, trial=trial, values={"learning_rate": 0.5}, at=3, why="<b>why</b>")
        Interventions(store).add([request], who="ada")
    client = served()
    found = json.loads(client("/api/log?run=run")[2])["interventions"]
    recorded = [one.to_json() for one in Interventions(store).every()][::-1]
    for told, one in zip(found, recorded, strict=True):
        assert {name: told[name] for name in ("number", "trial", "action", "values", "at", "who", "why", "state")} == {
            name: one[name] for name in ("number", "trial", "action", "values", "at", "who", "why", "state")
        }
    assert len(json.loads(client("/api/log?run=run&trial=3")[2])["interventions"]) == 2
    assert json.loads(client("/api/study?run=run")[2])["asked"] == 3


def test_a_study_without_the_table_has_an_empty_log(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path / "run", ended=2)
    store.write(lambda connection: connection.exec_driver_sql("DROP TABLE interventions"))
    assert interventions(tmp_path / "run") == []


def test_a_worker_that_ends_or_is_slow_is_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    helper = HelperProcess()
    with pytest.raises(RunError, match="gave no answer"):
        helper.ask({"what": "nothing"}, 60)
    with pytest.raises(RunError, match="it took too long"):
        helper.ask({"what": "changeable", "run": "nowhere"}, 0.01)
    with pytest.raises(UsageError, match="not a run folder"):
        helper.ask({"what": "changeable", "run": "nowhere"}, 120)
    helper.close()


def test_a_worker_that_was_ended_is_begun_by_no_question() -> None:
    helper = HelperProcess()
    helper.close()
    with pytest.raises(RunError, match="the server has ended"):
        helper.ask({"what": "changeable", "run": "nowhere"}, 60)
    assert helper._process is None


def test_what_cannot_be_asked_is_said(tmp_path: Path) -> None:
    found = worker.answer({"what": "changeable", "run": str(tmp_path / "nothing")})
    assert "not a run folder of ikura" in found["refused"]


def test_trials_that_train_or_stand_still_are_shown_so(make: Make, served: Served, tmp_path: Path) -> None:
    store = make(tmp_path / "run", ended=2)
    store.add_live_points({3: np.array([[0.7, 0.6, 0.5], [0.4, 0.3, 0.99]])}, {3: 0})
    asked = Interventions(store)
    pause, again, on = asked.add(
        [Request(action=one, trial=4) for one in (Action.PAUSE, Action.PAUSE, Action.GO_ON)], who="ada"
    )
    asked.apply(pause, 0)

    def states() -> list[str]:
        client = served()
        found: list[str] = json.loads(client("/api/trials?run=run&sort=number&down=0")[2])["columns"]["state"]
        return found

    assert states() == ["complete", "complete", "waiting", "running", "paused", *["waiting"] * 3]
    columns = json.loads(served()("/api/trials?run=run&sort=number&down=0")[2])["columns"]
    reached = [columns[name][3] for name in ("epochs", "train_loss", "dev_loss", "dev_score")]
    assert reached == [2, 0.4, 0.3, 0.99]
    study = json.loads(served()("/api/study?run=run")[2])
    assert study["ended"] == 2
    # No epoch of the third is kept yet.
    assert study["best"]["number"] == 1
    asked.apply(again, 0)
    asked.apply(on, 0)
    assert states()[4] == "waiting"


def test_a_trial_that_stands_still_while_its_neighbours_train_is_paused(
    make: Make, served: Served, tmp_path: Path
) -> None:
    """Its epochs are recorded when its tile ends; one that trains again after a kill is on its way to the pause."""
    store = make(tmp_path / "run", ended=2)
    curve = np.full((6, 3), 0.5)
    store.add_live_points({2: curve, 3: curve[:4], 4: curve[:2]}, {2: 0, 3: 0, 4: 0})
    asked = Interventions(store)
    for number in asked.add([Request(action=Action.PAUSE, trial=trial) for trial in (3, 4)], who="ada"):
        asked.apply(number, 4)
    columns = json.loads(served()("/api/trials?run=run&sort=number&down=0")[2])["columns"]
    expected = ["complete", "complete", "running", "paused", "running", *["waiting"] * 3]
    assert columns["state"] == expected
    assert json.loads(served()("/api/trial?run=run&trial=3")[2])["trial"]["state"] == "paused"
    assert trials_of(store, (), ())["state"].tolist() == expected


def test_the_curve_of_a_trial_is_shown_to_its_end_as_soon_as_it_stands_still(make: Make, tmp_path: Path) -> None:
    store = make(tmp_path / "run", ended=2)
    listener = StoreListener(store)
    [number] = Interventions(store).add([Request(action=Action.PAUSE, trial=3)], who="ada")
    assert not listener.due
    [change] = listener([3], 2, lambda change: "")
    assert (change.pauses, change.epoch, Interventions(store).one(number).epoch, listener.due) == (True, 2, 2, True)


def test_what_a_hand_made_of_the_budget_is_what_is_planned(make: Make, served: Served, tmp_path: Path) -> None:
    store = make(tmp_path / "run", ended=2)
    [number] = Interventions(store).add([Request(action=Action.BUDGET, values={"trials": 20})], who="ada")
    assert json.loads(served()("/api/study?run=run")[2])["planned"] == 8
    Interventions(store).apply(number, 8)
    assert json.loads(served()("/api/study?run=run")[2])["planned"] == 20


def test_the_direction_of_a_metric_of_ones_own_is_on_record(make: Make, served: Served, tmp_path: Path) -> None:
    make(tmp_path / "run", metric="my_loss")
    config = tmp_path / "run" / "config.toml"
    assert json.loads(served()("/api/study?run=run")[2])["greater"] is True
    config.write_text(config.read_text().replace("seed = 0", "seed = 0\ngreater_is_better = false"))
    found = json.loads(served()("/api/study?run=run")[2])
    assert (found["greater"], found["best"]["number"]) == (False, 0)
