"""Edits of a run folder: every field of its files deleted, or set to what it cannot be; rows, tables and bytes changed.

They are made of what the folder holds, so that a new field is edited without a word here.
"""

from __future__ import annotations

import copy
import json
import sqlite3
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import tomli_w

Place = tuple[Any, ...]
Edit = dict[str, Any]
"""An edit in JSON values: what is done to which file."""

VALUES = ["three", -1, 10**18, float("nan"), "", [], {}, None, True, 0.5, [[1]], {"a": {"b": 1}}, "x" * 5000, "../../x"]
"""What fields are set to, in turn: another type, negative, huge, no number, empty, nested."""
TEXTS = ("", "{", "[" * 5000, "nan")
"""What is no JSON."""
END = "# the end"


def places(value: Any, above: Place = ()) -> Iterator[Place]:
    """Fields and their parts, down to the first elements of lists."""
    if above:
        yield above
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from places(one, (*above, name))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*above, 0))


def edits(run: Path, of_values: int = 2) -> list[Edit]:
    """Edits of a run folder, each with the file, and the words that name what it does.

    Args:
        run: the folder.
        of_values: how many wrong values each field is set to.
    """
    turn = count()
    found: list[Edit] = []

    def fields(file: str, content: Any, **more: Any) -> None:
        for place in places(content):
            found.append({"file": file, "do": "delete", "place": place, **more})
            for _ in range(of_values):
                value = VALUES[next(turn) % len(VALUES)]
                if value is not None or not file.endswith("toml"):
                    found.append({"file": file, "do": "set", "place": place, "value": value, **more})

    fields("config.toml", tomllib.loads((run / "config.toml").read_text()))
    if (run / "model" / "model.json").is_file():
        fields("model/model.json", json.loads((run / "model" / "model.json").read_text()))
    with closing(sqlite3.connect(run / "study.db")) as connection:
        for name, text in connection.execute("select name, value from facts order by name").fetchall():
            fields("study.db", json.loads(text), fact=name)
            found += [{"file": "study.db", "do": "text", "fact": name, "value": value} for value in TEXTS]
            found.append({"file": "study.db", "do": "forget", "fact": name})
        found += tables(connection)
    for path in sorted(run.rglob("*")):
        if path.suffix in (".safetensors", ".parquet", ".npz", ".db", ".json", ".toml"):
            name = str(path.relative_to(run))
            found += [{"file": name, "do": how} for how in ("remove", "cut", "empty", "junk", "flip", "folder")]
    return found


def tables(connection: sqlite3.Connection) -> Iterator[Edit]:
    """Edits of tables, columns and rows."""
    known = connection.execute("select name from sqlite_master where type = 'table' order by name")
    names = [name for (name,) in known.fetchall()]
    for name in names:
        yield {"file": "study.db", "do": "sql", "sql": f"drop table {name}"}
        yield {"file": "study.db", "do": "sql", "sql": f"delete from {name}"}
        if not connection.execute(f"select count(*) from {name}").fetchone()[0]:
            continue
        one = f"rowid in (select rowid from {name} limit 1)" if name not in ("curves",) else "epoch = 1 and trial = 0"
        yield {"file": "study.db", "do": "sql", "sql": f"delete from {name} where {one}"}
        for _, column, *_ in connection.execute(f"pragma table_info({name})").fetchall():
            yield {"file": "study.db", "do": "sql", "sql": f"alter table {name} rename column {column} to other"}
            for value in ("'three'", "-1", "1e18", "9e999", "x'00ff'", "''", "zeroblob(140000000)"):
                if "zeroblob" not in value or column in ("value", "content"):
                    yield {"file": "study.db", "do": "sql", "sql": f"update {name} set {column} = {value} where {one}"}


def put(content: Any, place: Place, value: Any, delete: bool) -> Any:
    """A copy of some content with one field otherwise."""
    changed = copy.deepcopy(content)
    inner = changed
    for part in place[:-1]:
        inner = inner[part]
    if delete:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return changed


def carry_out(edit: Edit, run: Path) -> None:
    """Edit a run folder.

    Raises:
        sqlite3.Error: the database refuses the edit, as nobody could make it.
    """
    path, how = run / edit["file"], edit["do"]
    place = tuple(edit.get("place", ()))
    if how in ("delete", "set") and "fact" not in edit:
        toml = path.suffix == ".toml"
        old = tomllib.loads(path.read_text()) if toml else json.loads(path.read_text())
        new = put(old, place, edit.get("value"), how == "delete")
        path.write_text(f"{tomli_w.dumps(new)}\n{END}\n" if toml else json.dumps(new))
    elif how in ("delete", "set", "text", "forget", "sql"):
        with closing(sqlite3.connect(path)) as connection:
            if how == "sql":
                connection.execute(edit["sql"])
            elif how == "forget":
                connection.execute("delete from facts where name = ?", (edit["fact"],))
            else:
                [[text]] = connection.execute("select value from facts where name = ?", (edit["fact"],)).fetchall()
                if how != "text":
                    text = json.dumps(put(json.loads(text), place, edit.get("value"), how == "delete"))
                else:
                    text = edit["value"]
                connection.execute("update facts set value = ? where name = ?", (text, edit["fact"]))
            connection.commit()
            connection.execute("pragma wal_checkpoint(truncate)")
    else:
        content = path.read_bytes()
        path.unlink()
        if how == "folder":
            path.mkdir()
        elif how != "remove":
            middle = len(content) // 2
            flipped = content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :] if content else b"x"
            path.write_bytes({"cut": content[:middle], "empty": b"", "junk": b"junk" * 500, "flip": flipped}[how])
