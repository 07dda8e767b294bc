"""Features and targets that are held in memory in one of many forms, as plain tables and arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ikura.data.memory import memory_limit
from ikura.data.network_inputs import NetworkInputs
from ikura.errors import DataError

__all__ = [
    "Pair",
    "as_frame",
    "check_order",
    "is_arrow",
    "names_of",
    "plain_array",
    "plain_features",
    "plain_pair",
    "plain_target",
]

COARSE_UNITS = ("Y", "M", "W", "D", "h", "m")
"""Units of NumPy's datetimes that pandas does not have."""

Features = pd.DataFrame | npt.NDArray[Any]


@dataclass(frozen=True)
class Pair:
    """Features and targets of n examples.

    Args:
        x: a table, or an array of shape (n, …) of numbers, booleans, text or datetimes; or several inputs, or an array
            that stays on disk.
        y: shape (n,), or (n, …) where examples have several values; text is empty where it is missing, numbers are NaN.
        name: what the target was called; None if it had no name.
        notes: sentences for the user.
        names: of the columns of y, where it was a frame of several.
    """

    x: Features | NetworkInputs
    y: npt.NDArray[Any]
    name: str | None
    notes: list[str]
    names: list[str] | None = None


def plain_pair(x: Any, y: Any) -> Pair:
    """Bring (x, y) of any form to plain ones.

    Args:
        x: a frame (pandas, or anything that Arrow reads, such as Polars'), an array, a tensor, a sparse matrix, or
            lists of lists; one row an example.
        y: an array, tensor, list, series, or a frame of one column; of shape (n,), (n, 1) or (1, n).

    Returns:
        The pair.

    Raises:
        DataError: one of them cannot be read with certainty, or they do not fit each other.

    Example:
        >>> pair = plain_pair([[1.0, 2.0], [3.0, 4.0]], [["a"], ["b"]])
        >>> pair.x.shape, pair.y.tolist()
        ((2, 2), ['a', 'b'])
    """
    if isinstance(y, str):
        raise DataError(f"y is the text {y!r}; give the values of the target, or the table alone with target={y!r}")
    features, notes = plain_features(x)
    target, name = plain_target(y)
    rows = len(features)
    wide = not isinstance(features, pd.DataFrame) and features.ndim == 2 and features.shape[1] == target.size
    if len(target) == rows:
        if wide and np.shape(y) == (1, rows):
            raise DataError(
                f"x of shape {features.shape} and y of shape {np.shape(y)} leave open whether examples are rows or "
                "columns; give y of shape (n,), and x with one row for each example"
            )
    elif wide:
        raise DataError(
            f"x of shape {features.shape} has {rows} rows and y has {target.size}; if its examples are columns, give "
            "x.T, with one row for each example"
        )
    else:
        raise DataError(f"x has {rows} rows and y has {len(target)}; they must have the same number")
    if not rows:
        raise DataError("x and y have no rows")
    check_order(x, y)
    return Pair(features, target, name, notes, names_of(y))


def names_of(y: Any) -> list[str] | None:
    """Names of the columns of a frame of several targets that says them; None for all else."""
    frame = as_frame(y)
    if frame is None or frame.shape[1] < 2 or isinstance(frame.columns, pd.RangeIndex):
        return None
    return list(map(str, frame.columns))


def as_frame(value: Any) -> pd.DataFrame | None:
    """A frame of any kind as one of pandas; None for what is none."""
    if isinstance(value, pd.DataFrame):
        return value
    return _from_arrow(value) if is_arrow(value) else None


def plain_features(x: Any) -> tuple[Features, list[str]]:
    """Bring features of any form to a plain table or array.

    Args:
        x: as for `plain_pair`.

    Returns:
        The table, or the array of shape (n, …), and sentences for the user.

    Raises:
        DataError: they cannot be read as such.
    """
    if isinstance(x, pd.DataFrame):
        return x, []
    if isinstance(x, pd.Series):
        return x.to_frame("x0" if x.name is None else str(x.name)), []
    if is_arrow(x):
        return _from_arrow(x), []
    notes: list[str] = []
    if _is_sparse(x):
        x = _dense(x)
        notes = [f"x is sparse and was made dense: {x.nbytes / 1e6:.3g} MB."]
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        notes.append(f"{int(np.ma.count_masked(x))} masked values of x count as missing.")
    array = plain_array(x, "x")
    if array.dtype.names is not None:
        return _of_fields(array), notes
    if array.ndim < 2:
        more = "; for a single feature give x[:, None]" if array.ndim == 1 else ""
        raise DataError(f"x of shape (n, d) is expected, but its shape is {array.shape}{more}")
    if array.ndim > 2 and array.dtype.kind not in "biuf":
        array = _numbers(array)
    if not all(array.shape[1:]):
        raise DataError(f"x of shape {array.shape} holds no numbers; at least one feature is needed")
    if array.dtype == object:
        return pd.DataFrame(array).infer_objects().add_prefix("x"), notes
    return array, notes


def _of_fields(array: npt.NDArray[Any]) -> pd.DataFrame:
    """A structured array as a table, one column a field."""
    fields = {name: plain_array(array[name], f"x[{name!r}]") for name in array.dtype.names or ()}
    for name, field in fields.items():
        if field.ndim != 1 or field.dtype.names is not None:
            raise DataError(f"field {name!r} of x holds more than one value a row; give each as a field of its own")
    return pd.DataFrame(fields)


def plain_target(y: Any) -> tuple[npt.NDArray[Any], str | None]:
    """Bring the values of a target to an array.

    Args:
        y: as for `plain_pair`.

    Returns:
        Shape (n,), or (n, ...) of numbers, and the name that the values had, if any.

    Raises:
        DataError: they cannot be a target.
    """
    if is_arrow(y):
        y = _from_arrow(y) if not hasattr(y, "to_pandas") else y.to_pandas()
    if isinstance(y, pd.DataFrame):
        if not y.shape[1]:
            raise DataError("y has no columns; give the values of the target")
        y = y.iloc[:, 0] if y.shape[1] == 1 else y.to_numpy()
    name = None
    if isinstance(y, pd.Series):
        name = None if y.name is None else str(y.name)
        if isinstance(y.dtype, pd.CategoricalDtype):
            y = y.map(str, na_action="ignore").astype(object)
    array = plain_array(_dense(y) if _is_sparse(y) else y, "y")
    if array.ndim > 1 and array.size == max(array.shape):
        array = array.reshape(-1)
    if array.ndim > 1:
        return _plain_values(array), name
    if array.ndim != 1:
        raise DataError(f"y of shape (n,) is expected, but its shape is {array.shape}; give one value for each example")
    return _plain_objects(array) if array.dtype == object else array, name


def _plain_values(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Targets of several values for each example, as numbers."""
    if array.dtype == object:
        array = _numbers(array)
    if array.dtype.kind not in "biuf":
        raise DataError(f"y of shape {array.shape} holds {array.dtype}; several values for each example are numbers")
    if not all(array.shape[1:]):
        raise DataError(f"y of shape {array.shape} holds no values")
    return array.astype(np.int64) if array.dtype.kind in "bu" else array


def plain_array(value: Any, what: str) -> npt.NDArray[Any]:
    """An array of a plain type in this machine's byte order, detached from whatever computed it.

    Args:
        value: an array, tensor, series, or nested lists.
        what: what it is called in a message.

    Returns:
        Numbers (never of 16 or 128 bits), booleans, text, datetimes, objects or records; masked values are missing.

    Raises:
        DataError: it is no array, or holds complex numbers.

    Example:
        >>> plain_array(np.array([1, 2], ">f4"), "x").dtype
        dtype('float32')
    """
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        value = _of_tensor(value)
    if isinstance(value, np.ma.MaskedArray):
        value = _unmasked(value)
    try:
        array = np.asarray(value)
    except Exception as error:
        raise DataError(_unreadable(value, what, error)) from None
    return _plain_type(array, what)


def is_arrow(value: Any) -> bool:
    """Whether Arrow can read it as a table or a column: frames of Polars and others, not those of pandas."""
    return hasattr(value, "__arrow_c_stream__") and not isinstance(value, pd.DataFrame | pd.Series)


def _from_arrow(value: Any) -> pd.DataFrame:
    import pyarrow as pa

    try:
        frame: pd.DataFrame = pa.table(value).to_pandas(date_as_object=False)
        return frame
    except Exception:
        try:
            frame = pa.chunked_array(value).to_pandas().to_frame("x0")
            return frame
        except Exception as error:
            reason = " ".join(str(error).split())
            raise DataError(f"the {type(value).__name__} cannot be read as a table: {reason}") from None


def _is_sparse(value: Any) -> bool:
    return hasattr(value, "nnz") and (hasattr(value, "toarray") or hasattr(value, "todense"))


def _dense(value: Any) -> npt.NDArray[Any]:
    """A sparse matrix with its zeros, if memory holds it."""
    size = int(np.prod(value.shape)) * value.dtype.itemsize
    if size > memory_limit():
        raise DataError(
            f"x is sparse, of shape {tuple(value.shape)}; with its zeros it takes {size / 1e9:.3g} GB and more than "
            f"{memory_limit() / 1e9:.3g} GB are not taken; choose fewer columns, or reduce them (TruncatedSVD)"
        )
    return np.asarray(value.toarray() if hasattr(value, "toarray") else value.todense())


def _of_tensor(tensor: Any) -> Any:
    """A torch tensor as an array: off its device and graph; NumPy has no bfloat16."""
    if tensor.is_meta:
        raise DataError("the tensor is on the device 'meta' and holds no numbers; give one with numbers")
    tensor = tensor.detach().cpu()
    if str(getattr(tensor, "layout", "torch.strided")) != "torch.strided":
        size = tensor.numel() * tensor.element_size()
        if size > memory_limit():
            raise DataError(f"x is sparse; with its zeros it takes {size / 1e9:.3g} GB; choose fewer columns")
        tensor = tensor.to_dense()
    if str(tensor.dtype) == "torch.bfloat16" or "float8" in str(tensor.dtype):
        tensor = tensor.float()
    return tensor.resolve_conj().resolve_neg().numpy() if hasattr(tensor, "resolve_conj") else tensor


def _unmasked(array: np.ma.MaskedArray[Any, Any]) -> npt.NDArray[Any]:
    """A masked array as a plain one, NaN or None where it is masked."""
    mask = np.ma.getmaskarray(array)
    if not mask.any():
        return array.data
    if array.dtype.kind in "biuf":
        return np.where(mask, np.nan, array.data.astype(array.dtype if array.dtype.kind == "f" else np.float64))
    values = array.data.astype(object)
    values[mask] = None
    return values


def _plain_type(array: npt.NDArray[Any], what: str) -> npt.NDArray[Any]:
    kind = array.dtype.kind
    if kind == "c":
        raise DataError(f"{what} holds complex numbers; give their real and imaginary parts as features of their own")
    if kind == "f" and array.dtype.itemsize not in (4, 8):
        return array.astype(np.float32 if array.dtype.itemsize < 4 else np.float64)
    if kind in "iuf" and not array.dtype.isnative:
        return array.astype(array.dtype.newbyteorder("="))
    if kind == "S":
        try:
            return np.char.decode(array, "utf-8")
        except UnicodeDecodeError:
            raise DataError(f"{what} holds bytes that are no UTF-8 text; decode them first") from None
    if kind == "T":
        return array.astype(object)
    if kind == "M" and np.datetime_data(array.dtype)[0] in COARSE_UNITS:
        return array.astype("datetime64[s]")
    if kind == "V" and array.dtype.names is None:
        raise DataError(f"{what} holds raw memory (dtype {array.dtype}); numbers or text are expected")
    return array


def _numbers(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    try:
        return np.where(pd.isna(array), np.nan, array).astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"x of shape {array.shape} holds {array.dtype}; arrays of more than two dimensions hold numbers"
        ) from None


def _plain_objects(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Python objects as numbers, booleans or text."""
    missing = np.array([bool(np.all(pd.isna(value))) for value in values], bool)
    present = values[~missing]
    if all(isinstance(value, bool | np.bool_) for value in present) and not missing.any():
        return values.astype(bool)
    if all(isinstance(value, int | float | np.number) and not isinstance(value, bool) for value in present):
        whole = not missing.any() and all(isinstance(value, int | np.integer) for value in present)
        fits = whole and all(-(2**63) <= int(value) < 2**63 for value in present)
        return values.astype(np.int64) if fits else np.where(missing, np.nan, values).astype(np.float64)
    return np.array(["" if gone else str(value) for value, gone in zip(values, missing, strict=True)])


def check_order(x: Any, y: Any) -> None:
    """Refuse a table and a column with the same rows in another order, as their index says."""
    if not isinstance(x, pd.DataFrame | pd.Series) or not isinstance(y, pd.DataFrame | pd.Series):
        return
    if x.index.equals(y.index) or not (x.index.is_unique and y.index.is_unique) or x.index.nlevels > 1:
        return
    if len(x.index.difference(y.index, sort=False)) == 0:
        raise DataError("x and y have the same index in another order; give y.loc[x.index], or reset both indexes")


def _unreadable(value: Any, what: str, error: Exception) -> str:
    if isinstance(value, list | tuple) and "inhomogeneous" in str(error):
        lengths = [len(one) if hasattr(one, "__len__") else 0 for one in value]
        other = next((place for place, length in enumerate(lengths) if length != lengths[0]), None)
        if other is not None:
            return f"{what}: row {other + 1} has {lengths[other]} values and row 1 has {lengths[0]}; all need the same"
        return f"{what}: its rows have different shapes; all must have the same"
    return f"{what} cannot be read as an array: {type(error).__name__}: {' '.join(str(error).split())}"
