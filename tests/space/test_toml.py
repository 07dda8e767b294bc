from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ikura.errors import SpaceError
from ikura.space import Space, choice, default_space, fixed, integer, linear, load_space, log, log_complement, when

EVERYTHING = Space(
    when(optimizer=("adam", "rmsprop"), beta2=log_complement(0.9, 0.999)),
    when(optimizer="sgd", nesterov=choice(True, False)),
    learning_rate=log(1e-4, 1),
    dropout=linear(0, 0.5),
    layers=integer(1, 3),
    units=integer(8, 128, log=True),
    optimizer=choice("sgd", "rmsprop", "adam"),
    activation=fixed("relu"),
)


def written(space: Space) -> str:
    def value(one: Any) -> str:
        if isinstance(one, dict):
            return "{" + ", ".join(f"{key} = {value(part)}" for key, part in one.items()) + "}"
        return json.dumps(one)

    return "\n".join(
        "\n".join([f"[{name}]", *(f"{key} = {value(part)}" for key, part in table.items())])
        for name, table in space.as_dict().items()
    )


@pytest.mark.parametrize("space", [EVERYTHING, *(default_space(n, 344, 7).space for n in (1, 16, 48, 512))])
def test_round_trip(space: Space, tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_text(written(space), encoding="utf-8")
    assert load_space(file) == space
    assert list(load_space(str(file))) == list(space)


def test_short_forms(tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_bytes(b'\xef\xbb\xbflayers = 2\n[units]\nscale="choice"\nchoices=[8, 16]\n[l2]\nscale="fixed"\nvalue=0')
    assert load_space(file) == Space(layers=2, units=choice(8, 16), l2=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no table, such as [learning_rate], in the file"),
        ("[a]\nscale = log", "not TOML: "),
        ("[a]\nlow = 1\n[a]\nhigh = 2\n", "not TOML: "),
        ('[a]\nscale = "log"\nlow = 0\nhigh = 1', "[a] a log scale needs `low > 0`, but got (low=0, high=1)"),
        ('[a]\nscale = "log"\nlow = 1\nhigh = 0.1', "[a] `low < high` must hold, but got (low=1, high=0.1)"),
        ('[a]\nscale = "log"\nlow = 1e-4', "[a] high is missing: a log table has low and high"),
        ('[a]\nscale = "log"\nlow = "x"\nhigh = 1', "[a] low must be a number, but got 'x'"),
        ('[a]\nscale = "linear"\nlow = nan\nhigh = 1', "[a] low must be finite, but got nan"),
        (
            '[a]\nscale = "log-complment"\nlow = 1\nhigh = 2',
            "[a] unknown scale 'log-complment', did you mean 'log-complement'?",
        ),
        ("[a]\nscale = 3\nlow = 1\nhigh = 2", "[a] unknown scale 3: use linear, log, log-complement, integer, int"),
        ("[a]\nlow = 1\nhigh = 2", "[a] a table needs scale = one of linear, log"),
        ("[a]\nchoices = [1, 2]\nchoice = 1", "[a] unknown key 'choice', did you mean 'choices'?"),
        ("[a]\nchoices = []", "[a] a choice needs at least one option"),
        ('[a]\nchoices = ["x", "x"]', "[a] option 'x' is given twice"),
        ("[a]\nvalue = 2024-01-01", "[a] a value is a string, a number or true/false, but got datetime.date"),
        ("a = [1, 2]", "[a] a list is no range: write choice(1, 2), in TOML choices = [1, 2]"),
        ('[a]\nvalue = 1\nwhen = "b"', "[a] when is a table such as"),
        ("[a]\nvalue = 1\nwhen = {b = 2}", "[a] depends on an unknown parameter 'b'"),
        ("[a]\nvalue = 1\nwhen = {b = 2}\n[b]\nchoices = [1, 3]", "[a] 'b' is never 2"),
        ("[a]\nvalue = 1\nwhen = {b = 2}\n[b]\nvalue = 2\nwhen = {a = 1}", "depends on itself in a circle: "),
    ],
)
def test_error_names_file_and_table(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_text(text)
    with pytest.raises(SpaceError) as caught:
        load_space(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_bytes(b'[a]\nvalue = "\xff"')
    with pytest.raises(SpaceError, match=r"byte 13 is not UTF-8"):
        load_space(tmp_path / "space.toml")
    with pytest.raises(SpaceError, match=r"spaec\.toml: no such file, did you mean 'space\.toml'\?"):
        load_space(tmp_path / "spaec.toml")
    with pytest.raises(SpaceError, match=r"nowhere/space\.toml: no such file$"):
        load_space(tmp_path / "nowhere" / "space.toml")
    with pytest.raises(SpaceError, match=r": cannot be read: Is a directory$"):
        load_space(tmp_path)


def test_widening_is_switched_off_for_all_or_for_one(tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_text('widen = false\n[dropout]\nscale = "linear"\nlow = 0\nhigh = 0.5\n')
    assert not load_space(file).widens("dropout")
    file.write_text(
        '[dropout]\nscale = "linear"\nlow = 0\nhigh = 0.5\nwiden = false\n[l2]\nscale="log"\nlow=1\nhigh=2\n'
    )
    assert not load_space(file).widens("dropout")
    assert load_space(file).widens("l2")
    assert Space.from_dict(load_space(file).as_dict()) == load_space(file)
    file.write_text('[dropout]\nscale = "linear"\nlow = 0\nhigh = 0.5\nwiden = "no"\n')
    with pytest.raises(SpaceError, match=r"\[dropout\] widen must be true or false, but got 'no'"):
        load_space(file)
    file.write_text('widen = ["dropuot"]\n[dropout]\nscale = "linear"\nlow = 0\nhigh = 0.5\n')
    with pytest.raises(SpaceError, match="did you mean 'dropout'"):
        load_space(file)
