"""What is said of where tiles train is checked before anything else happens."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import ikura
from ikura.cli import main
from ikura.engine.workplace import EngineOptions
from ikura.errors import UsageError


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"engine": "rya"}, "engine must be auto or ray, but is 'rya', did you mean 'ray'?"),
        ({"address": "auto"}, "address is of a Ray cluster; give engine='ray' too"),
        ({"workers": 2}, "workers is of a Ray cluster; give engine='ray' too"),
        ({"engine": "ray", "workers": 0}, "workers must be a whole number from 1 to 10000, but is 0"),
        ({"engine": "ray", "workers": True}, "workers must be a whole number from 1 to 10000, but is True"),
        ({"engine": "ray", "address": 6379}, "address must be a text, but is 6379"),
        (
            {"engine": "ray", "address": "head"},
            "address must be auto, local, HOST:PORT or ray://HOST:PORT, but is",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(given: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        EngineOptions(**given)
    assert str(caught.value).startswith(line)
    with pytest.raises(UsageError):
        ikura.tune("iris", **given)


def test_jobs_are_of_this_machine() -> None:
    with pytest.raises(UsageError, match="jobs are of this machine; with engine='ray' give workers"):
        EngineOptions("ray").checked_with(2)


def test_ray_that_is_not_installed_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"Ray is not installed, .* pip install 'ikura\[ray\]'"):
        ikura.tune("iris", engine="ray")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("tune iris --engine rya", "--engine must be one of auto, ray, but got 'rya', did you mean 'ray'?"),
        ("tune iris --address auto", "--address is of a Ray cluster; give --engine ray too"),
        ("tune iris --engine ray --jobs 2", "--jobs is of this machine; with --engine ray give --workers"),
        ("resume x --workers 2", "--workers is of a Ray cluster; give --engine ray too"),
        ("tune iris --engine ray --workers 0", "--workers must be at least 1, but got 0"),
    ],
)
def test_the_command_line_says_it_in_its_own_words(
    arguments: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments.split()) == 2
    assert line in capsys.readouterr().err
