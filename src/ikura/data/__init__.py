"""Data: read, type, split, normalise."""

from ikura.data.bundled import load_bundled
from ikura.data.column_schema import describe_columns
from ikura.data.columns import KINDS, Column
from ikura.data.dataset import Dataset, Part, prepare
from ikura.data.drift import find_drift
from ikura.data.encoder import Encoder
from ikura.data.missing import MISSING
from ikura.data.notation import Hints
from ikura.data.read import read_table
from ikura.data.split import Split, held_out_fraction, split
from ikura.data.task import TASKS, Task, class_codes, detect_task

__all__ = [
    "KINDS",
    "MISSING",
    "TASKS",
    "Column",
    "Dataset",
    "Encoder",
    "Hints",
    "Part",
    "Split",
    "Task",
    "class_codes",
    "describe_columns",
    "detect_task",
    "find_drift",
    "held_out_fraction",
    "load_bundled",
    "prepare",
    "read_table",
    "split",
]
