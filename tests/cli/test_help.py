"""Help, version and the reference page: complete, quick and true."""

from __future__ import annotations

import io
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ikura
from ikura.cli import main
from ikura.cli.app import EXAMPLES, command
from ikura.cli.reference import markdown

COMMANDS = ["ikura", *command().commands]
HEAVY = ("torch", "pandas", "sklearn", "scipy", "plotly", "sqlalchemy", "pyarrow", "numpy")
PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def click_command(name: str) -> Any:
    root = command()
    return root if name == "ikura" else root.commands[name]


def parameters() -> Iterator[tuple[str, Any]]:
    for name in COMMANDS:
        for parameter in click_command(name).params:
            yield name, parameter


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "ikura", *arguments], capture_output=True, text=True, check=False)


def test_the_installed_commands_are_the_known_ones() -> None:
    known = (
        "tune train predict resume report importance export reproduce check diagnose explain scale measure steer serve "
        "warm-up"
    )
    assert ["ikura", *known.split()] == COMMANDS


@pytest.mark.parametrize(("name", "parameter"), list(parameters()), ids=lambda value: getattr(value, "name", value))
def test_every_parameter_has_a_help_text(name: str, parameter: Any) -> None:
    assert parameter.help
    assert parameter.help.endswith(".")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_says_what_the_command_does_and_ends_with_its_examples(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["--help"] if name == "ikura" else [name, "--help"]) == 0
    out = capsys.readouterr().out
    assert click_command(name).help.splitlines()[0] in out
    ending = out[out.index("Example") :]
    assert EXAMPLES[name]
    for example in EXAMPLES[name]:
        assert example in ending
        assert f"ikura {'' if name == 'ikura' else name}" in example


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_shows_each_text_as_it_is_written(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words in brackets are no markup."""
    monkeypatch.setenv("COLUMNS", "5000")
    main(["--help"] if name == "ikura" else [name, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for one in (click_command(name), *click_command(name).params):
        assert " ".join(one.help.replace("\\[", "[").split()) in shown


def test_what_a_budget_takes_is_in_the_help(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "5000")
    main(["steer", "--help"])
    assert "budget [trials=N] [epochs=E] [time_limit=TIME]" in capsys.readouterr().out


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("example", [line for lines in EXAMPLES.values() for line in lines])
def test_every_example_is_accepted(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for folder in ("runs/houses", "runs/photos", "runs/patients", "RUN"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "config.toml").touch()
    for name in ("new.csv", "new.png", "penguins.csv", "houses.parquet"):
        (tmp_path / name).write_text("x,y\n1,2\n2,3\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x,y\n1,2\n")))
    words = shlex.split(example.split("|")[-1].split(">")[0])
    assert words[0] == "ikura"
    assert main(words[1:]) == 0


def test_without_arguments_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    without = capsys.readouterr().out
    assert main(["--help"]) == 0
    assert without.split() == capsys.readouterr().out.split()


def test_version_in_a_process_of_its_own() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"ikura {ikura.__version__}\n", "")


def test_help_in_a_process_of_its_own() -> None:
    done = run("tune", "--help")
    assert done.returncode == 0
    assert "--time-limit" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", [["--help"], ["tune", "--help"], ["tune", "x.csv", "--trials", "0"]])
def test_help_and_mistakes_import_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys; from ikura.cli import main; main(sys.argv[1:]); "
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_the_reference_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), "python -m ikura.cli.reference > docs/cli.md"


@pytest.mark.parametrize(("name", "parameter"), list(parameters()), ids=lambda value: getattr(value, "name", value))
def test_the_reference_page_names_every_parameter(name: str, parameter: Any) -> None:
    heading = f"## ikura {name}" if name != "ikura" else "## ikura"
    section = PAGE.read_text(encoding="utf-8").split(f"{heading}\n")[1].split("\n## ")[0]
    names = [parameter.metavar] if parameter.param_type_name == "argument" else parameter.opts
    for one in names:
        assert f"`{one}" in section
