"""Names that come with ikura, that packages bring and that callers register."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

import ikura.built_in
from ikura.errors import UsageError
from ikura.registry import Registry

REGISTRIES = [one for one in vars(ikura.built_in).values() if isinstance(one, Registry)]


@pytest.fixture
def colours() -> Registry[str]:
    return Registry("colour", "colours", {"black": "string:digits", "white": "string:punctuation"}, reserved=("none",))


def package(folder: Path, name: str, points: str) -> None:
    """Lay out an installed package with entry points."""
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[ikura.colours]\n{points}\n")


NONE = ("callbacks", "training_steps")
"""Of these none comes with ikura."""


@pytest.mark.parametrize("registry", REGISTRIES, ids=lambda one: one.group)
def test_all_that_comes_with_ikura_is_there(registry: Registry[object]) -> None:
    assert bool(registry.built_in) == (registry.group not in NONE)
    for name in registry.built_in:
        assert registry[name] is not None
        assert registry.origin(name) is None


def test_names_are_unknown_or_taken(colours: Registry[str]) -> None:
    with pytest.raises(UsageError, match=r"unknown colour 'blak', did you mean 'black'\?: use black, white"):
        colours.look_up("blak")
    for name in ("black", "none"):
        with pytest.raises(UsageError, match=f"the colour '{name}' exists already"):
            colours.register(name, "x")
    with pytest.raises(UsageError, match="a name of a colour is letters"):
        colours.register("my:colour", "x")
    colours.register("red", int)
    assert list(colours) == ["black", "white", "red"]
    assert colours.origin("red") == "builtins:int"
    colours.register("pink", SimpleNamespace(function=package))
    assert colours.origin("pink") == f"{package.__module__}:package"


def test_packages_bring_names(colours: Registry[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "ikura-green", "green = string:hexdigits\nbroken = no_such_module:x")
    monkeypatch.syspath_prepend(tmp_path)
    assert colours["green"] == "0123456789abcdefABCDEF"
    assert colours.origin("green") == "ikura-green 1.0"
    assert list(colours) == ["black", "white", "green", "broken"]
    with pytest.raises(UsageError, match=r"of the package ikura-green 1.0 cannot be loaded: ModuleNotFoundError"):
        colours.look_up("broken")
    with pytest.raises(UsageError, match="exists already"):
        colours.register("green", "x")


def test_a_package_cannot_take_a_name(colours: Registry[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "ikura-black", "black = string:hexdigits")
    monkeypatch.syspath_prepend(tmp_path)
    assert colours["black"] == "0123456789"
    with pytest.raises(UsageError, match=r"ikura-black 1.0 offers the colour 'black', a name that ikura has taken"):
        list(colours)


def test_names_that_come_with_ikura_cost_no_look_at_the_packages(colours: Registry[str]) -> None:
    assert "black" in colours
    assert colours["black"]
    assert "installed" not in vars(colours)


def test_a_name_with_a_parameter_is_made_by_its_family() -> None:
    found = Registry("number", "numbers", {"pi": "math:pi"}, families={"of": "tests.test_registry:after_colon"})
    assert found["of:3"] == "3"
    assert found["of:3"] is found["of:3"]
    assert found.origin("of:3") is None
    assert ("of" in found, "of:3" in found, "pi:3" in found) == (False, True, False)
    assert list(found) == ["pi"]


def after_colon(text: str) -> str:
    return text.partition(":")[2]
