"""`ikura predict`: use the model of a run on new rows."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ikura.cli.option_helpers import Quiet, Run, Store, Verbose, begin, folder_of, option
from ikura.errors import DataError, UsageError, nearest
from ikura.files import check_target, run_files, shown

if TYPE_CHECKING:
    from pandas import DataFrame

    from ikura.study.record.model import Model

__all__ = ["predict"]

EXAMPLES = (
    "ikura predict runs/houses new.csv -o predictions.csv",
    "cut -d, -f1-8 new.csv | ikura predict runs/houses - > predictions.csv",
    "ikura predict runs/photos new.png",
    "ikura predict runs/patients new.csv --cost ill:healthy=20",
    "ikura predict runs/houses new.csv --interval 0.9",
)
STDIN = STDOUT = "-"
FORMATS = (".csv", ".parquet")
ARRAYS = ".npz"


def predict(
    context: typer.Context,
    run: Run,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="The rows to predict: a table with the columns of training, - for CSV from stdin, .npz for a run on "
            "arrays. For a network of images: an image, a folder of images, an IDX or .npz file.",
        ),
    ],
    out: Annotated[
        str,
        typer.Option("--out", "-o", metavar="FILE", help="Where to write: .csv or .parquet; - is CSV on stdout."),
    ] = STDOUT,
    cost: Annotated[
        list[str] | None,
        option(
            "TRUTH:ANSWER=COST",
            "What a mistake costs, of classes: then the answer that costs least is predicted; mistakes not named cost "
            "1; repeatable.",
        ),
    ] = None,
    interval: Annotated[
        float | None,
        option(
            "SHARE",
            "Of values: also the columns lower and upper, between which so many of new rows' values lie, such as 0.9.",
        ),
    ] = None,
    store: Store = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Predict new rows with the model of a run.

    Writes one row per row of DATA: the column prediction, for classes also the probability of each class, for values
    with --interval also lower and upper; for image files their names come first.
    """
    session = begin(context, quiet, verbose)
    costs = _costs(cost) if cost else None
    with session.work():
        import ikura

        folder = folder_of(run, store, "model/")
        target = None if out == STDOUT else _target(out, data, *run_files(folder))

        model = ikura.load(folder)
        remarks: list[str] = []
        try:
            takes_images = _takes_images(model)
            if takes_images:
                predictions = model.predict_frame(_images(data), costs, interval)
            else:
                predictions = _predicted(model, data, remarks, costs, interval)
        except DataError:
            _check_format(folder, data)
            raise
        if costs and _weighs_classes(folder):
            remarks.append(
                "ikura: warning: this model was trained with --class-weight, and its probabilities are those of "
                "classes that occur as often as they weigh; costs need them as they are: tune without --class-weight"
            )
        if target is not None:
            from ikura.exchange.table_files import write_table

            write_table(predictions, target)
    for remark in remarks:
        session.say(remark)
    if target is None:
        from ikura.exchange.table_files import formula_note

        if note := formula_note(predictions):
            session.say(f"ikura: warning: {note}")
        session.emit_bytes(predictions.to_csv(index=False).encode())
    else:
        session.say(f"{len(predictions)} predictions in {shown(target)}")
    return 0


def _target(out: str, *inputs: str | Path) -> Path:
    """Check where the predictions are to go, before anything is computed."""
    path = check_target(out, *inputs)
    if path.suffix.lower() not in FORMATS:
        raise UsageError(
            f"-o takes a .csv or .parquet file, or - for CSV on stdout, but got {out!r}{nearest(path.suffix, FORMATS)}"
        )
    folder = path.absolute().parent
    if not folder.is_dir():
        raise UsageError(f"cannot write {out}: there is no folder {folder}")
    return path


def _check_format(folder: Path, data: str) -> None:
    """Refuse rows of a format that is not here, where the run names what packages brought."""
    from ikura.plugins import KINDS
    from ikura.study.record.setting import Setting

    suffix = Path(data).suffix[1:]
    if suffix and suffix not in KINDS["format"] and (folder / "config.toml").is_file():
        Setting.load(folder)


def _weighs_classes(folder: Path) -> bool:
    """Whether the run's classes had weights in the loss; not known of a model without its run."""
    import tomllib

    try:
        return "class_weight" in tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def _takes_images(model: Model) -> bool:
    from ikura.data.encoder import ImageEncoder

    return isinstance(model.encoder, ImageEncoder)


def _images(data: str) -> str:
    if data == STDIN:
        raise UsageError("the network takes images, which are not read from stdin; name an image or a folder of images")
    return data


def _costs(given: list[str]) -> dict[tuple[str, str], float]:
    """Read what mistakes cost.

    Raises:
        UsageError: a text is no truth, answer and cost.
    """
    found = {}
    for text in given:
        pair, equals, cost = text.rpartition("=")
        truth, colon, answer = pair.partition(":")
        try:
            number = float(cost)
        except ValueError:
            equals = ""
        if not (equals and colon and truth and answer):
            raise UsageError(f"--cost takes TRUTH:ANSWER=COST, such as ill:healthy=20, but got {text!r}")
        found[truth, answer] = number
    return found


def _predicted(
    model: Model,
    data: str,
    remarks: list[str],
    costs: dict[tuple[str, str], float] | None,
    interval: float | None,
) -> DataFrame:
    """Predict the rows of a table or of arrays; what is wrong with them is said with their name.

    What training lacked is added to the remarks.
    """
    from ikura.data.encoder import TableEncoder
    from ikura.data.error_location import located

    if Path(data).suffix.lower() == ARRAYS:
        from ikura.data.encoder.several_inputs import InputsEncoder
        from ikura.data.images.archive import read_array, read_inputs

        several = isinstance(model.encoder, InputsEncoder)
        rows: Any = read_inputs(Path(data)) if several else read_array(Path(data))
    else:
        rows = _read(data, model)
    with located("stdin" if data == STDIN else data):
        predictions = model.predict_frame(rows, costs, interval)
        if isinstance(model.encoder, TableEncoder):
            remarks += model.encoder.remarks(rows)
        return predictions


def _read(data: str, model: Model) -> DataFrame:
    """Read the rows as training's were; what comes on stdin goes through a file, so that both are read alike."""
    from ikura.data.encoder import TableEncoder
    from ikura.data.read import open_table, read_table

    def read(path: str | Path) -> DataFrame:
        encoder = model.encoder
        return open_table(path, wanted=encoder.used) if isinstance(encoder, TableEncoder) else read_table(path)

    if data != STDIN:
        return read(data)
    with tempfile.TemporaryDirectory(prefix="ikura-") as folder:
        copy = Path(folder) / "stdin.csv"
        with copy.open("wb") as file:
            while block := sys.stdin.buffer.read(1 << 20):
                file.write(block)
        try:
            return read(copy)
        except DataError as error:
            raise DataError(str(error).replace(str(copy), "stdin")) from None
