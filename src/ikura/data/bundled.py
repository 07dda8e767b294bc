"""The bundled data sets: small, known, and there without a network connection."""

from __future__ import annotations

import pandas as pd

from ikura.built_in import BUNDLED
from ikura.errors import DataError, nearest

__all__ = ["load_bundled"]


def load_bundled(name: str) -> tuple[pd.DataFrame, str]:
    """Load a bundled data set.

    Args:
        name: one of `BUNDLED`.

    Returns:
        The table and the name of its target column.

    Raises:
        DataError: there is no bundled data set of that name.

    Example:
        >>> frame, target = load_bundled("iris")
        >>> frame.shape, sorted(set(frame[target]))
        ((150, 5), ['setosa', 'versicolor', 'virginica'])
    """
    if name not in BUNDLED:
        raise DataError(f"no bundled data set {name!r}{nearest(name, BUNDLED)} (there are {', '.join(BUNDLED)})")
    from sklearn import datasets  # takes a second, and most data are not bundled

    options = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(datasets, f"load_{name}")(as_frame=True, **options)
    frame = bunch.frame.rename(columns=lambda column: str(column).replace(" (cm)", "").replace(" ", "_"))
    if name not in ("digits", "diabetes"):
        frame["target"] = pd.Series([str(bunch.target_names[code]) for code in bunch.target], index=frame.index)
    return frame, "target"
