"""The card of a model: README.md beside it says what it is, how good it is, how it is used, and where it ends."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ikura.data.encoder import ImageEncoder, TableEncoder
from ikura.export.raw_columns import ColumnRecord, column_records
from ikura.files import write_atomically
from ikura.page.formatting import count, interval, number, score
from ikura.study.record.model import Model
from ikura.study.record.record import Record
from ikura.version import __version__
from ikura.wording import one_line

__all__ = ["model_card", "write_card"]

CARD = "README.md"
MOST_LEVELS = 12
SPECIAL = str.maketrans({one: f"\\{one}" for one in "\\`*_[]<>|#"})


def write_card(record: Record, model: Model) -> Path:
    """Write the card of a study's model to its folder."""
    path = record.run / "model" / CARD
    write_atomically(path, model_card(record, model).encode())
    return path


def model_card(record: Record, model: Model) -> str:
    """Write the card of a study's model in Markdown, its first lines as model hubs read them.

    Args:
        record: the study.
        model: its model.
    """
    parts = [
        _front(record, model),
        f"# {_text(record.run.name)}",
        _what(record, model),
        "## How good it is",
        *_scores(record),
        "## Hyperparameters",
        _table(("name", "value"), _hyperparameters(record)),
        "## Data",
        *_data(record),
        "## How it is used",
        _use(record, model),
        "## Limits",
        "\n".join(f"- {line}" for line in _limits(record, model)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _text(value: Any) -> str:
    """Text that is nothing but text in Markdown."""
    return one_line(str(value), 200).translate(SPECIAL)


def _table(head: tuple[str, ...], rows: Iterable[Iterable[Any]]) -> str:
    lines = [head, ("---",) * len(head), *([str(one) for one in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _front(record: Record, model: Model) -> str:
    kind = "image" if isinstance(model.encoder, ImageEncoder) else "tabular"
    task = "regression" if record.task == "regression" else "classification"
    tags = ["ikura", "pytorch", *([f"{kind}-{task}"] if isinstance(model.encoder, TableEncoder | ImageEncoder) else [])]
    return f"---\nlibrary_name: ikura\ntags: {json.dumps(tags)}\nmetrics: {json.dumps([record.metric.name])}\n---"


def _what(record: Record, model: Model) -> str:
    weights = count(model.weights)
    named = record.setting.target
    target = named if named is None or isinstance(named, str) else ", ".join(named)
    task = {
        "binary": "one of two classes",
        "multiclass": f"one of {len(model.classes or [])} classes",
        "multilabel": "labels, each of which holds or not",
        "own": "what a loss of its author's teaches",
    }
    aim = f" ({_text(target)})" if target else ""
    of = f": {', '.join(_text(one) for one in (model.classes or [])[:MOST_LEVELS])}" if model.classes else ""
    of += ", …" if len(model.classes or []) > MOST_LEVELS else ""
    what = "A neural network that predicts"
    if members := len(model.members):
        what = f"An ensemble of {count(members)} neural networks, whose predictions are averaged, for"
    network = "MLP" if model.arrays is not None else type(model.module).__name__
    one = "a value" if "target_shape" not in model.description else "several values"
    return (
        f"{what} {task.get(record.task, one)}{aim}{of}. Network: "
        f"{network} ({_text(record.setting.network)}), {weights} weights. Chosen from "
        f"{count(record.store.count())} trained by ikura {__version__}, seed {record.setting.seed}."
    )


def _scores(record: Record) -> list[str]:
    best, test = record.best, record.test
    rows, lines = [], []
    sizes = record.summary.get("parts", {})
    if best is not None:
        rows.append(("dev, which chose it", count(sizes.get("dev")), score(best.dev), interval(best.interval)))
        if best.dev_corrected is not None:
            ends = interval(best.corrected_interval)
            rows.append(("dev, corrected for the choice", count(sizes.get("dev")), score(best.dev_corrected), ends))
    if test is not None:
        rows.append(("test, opened once", count(sizes.get("test")), score(test.value), interval(test.interval)))
        lines += [_text(test.note)] if test.note else []
    if (one := record.against_one) is not None:
        rows.append(("test, one network", count(sizes.get("test")), score(one.value), interval(one.interval)))
    return [*_ensemble(record), _table(("set", "rows", record.metric.name, "95 % interval"), rows), *lines]


def _ensemble(record: Record) -> list[str]:
    """What the ensemble is and gains; nothing where the model is one network."""
    found, parts = record.ensemble, record.summary.get("parts")
    if found is None or not found.used or not parts:
        return []
    told = found.sentence(record.metric.name, parts["train"] + parts["dev"], len(record.refitted))
    return [f"Ensemble of {_text(told)}. The dev scores of the table are of one network of the chosen configuration."]


def _hyperparameters(record: Record) -> list[tuple[str, str]]:
    found = {} if record.best is None else record.best.hyperparameters
    return [(_text(name), _text(number(value))) for name, value in found.items()]


def _data(record: Record) -> list[str]:
    summary = record.summary
    parts = summary["parts"]
    source = _text(summary.get("source") or "Given in memory")
    lines = [
        f"{source}, {count(summary['rows'])} rows: {count(parts['train'])} for training, {count(parts['dev'])} for "
        f"choosing, {count(parts['test'])} for the test."
    ]
    if classes := summary.get("classes"):
        lines.append(_table(("class", "rows"), [(_text(one["name"]), count(one["rows"])) for one in classes]))
    left = [f"{_text(one['name'])} ({_text(one['reason'])})" for one in summary.get("left_out") or []]
    return [*lines, *([f"Left out: {', '.join(left[:MOST_LEVELS])}."] if left else [])]


def _use(record: Record, model: Model) -> str:
    own = "" if model.recorded is not None or not record.setting.custom else ", network=factory"
    code = [
        "import ikura",
        "",
        f"model = ikura.load({record.run.name!r}{own})  # the run's folder, or this one",
        "model.predict(rows)",
        'model.export("model.onnx")  # for others, with its preprocessing; or .pt2',
        "model.module  # plain PyTorch",
    ]
    lines = ["```python\n" + "\n".join(code) + "\n```"]
    if isinstance(model.encoder, TableEncoder):
        records = column_records(model.encoder)
        rows = [(_text(one["name"]), one["kind"], _levels(one)) for one in records]
        lines.append(_table(("column", "kind", "levels"), rows))
    elif isinstance(model.encoder, ImageEncoder):
        channels, height, width = model.encoder.shape
        lines.append(f"Images of {width} x {height} pixels and {channels} channels.")
    return "\n\n".join(lines)


def _levels(one: ColumnRecord) -> str:
    levels = one.get("levels", [])
    more = ", …" if len(levels) > MOST_LEVELS else ""
    return ", ".join(_text(level) for level in levels[:MOST_LEVELS]) + more


def _limits(record: Record, model: Model) -> list[str]:
    found = ["The scores hold for rows from where the test rows are from; elsewhere they say nothing."]
    if record.test is not None and record.summary.get("parts"):
        found.append(
            f"The interval is that of {count(record.summary['parts']['test'])} test rows and of this one model."
        )
    if isinstance(model.encoder, TableEncoder):
        found.append(
            "A category that training lacked counts as none; a missing value as the mean, or as marked missing."
        )
    drift = sorted({one["column"] for one in record.summary.get("drift") or []})
    if drift:
        found.append(f"Distributed otherwise in dev or test than in training: {', '.join(map(_text, drift))}.")
    return [*found, *(_text(note) for note in record.summary.get("notes") or [])]
