"""The JSON form of encoders: what a model's file must hold of them."""

from __future__ import annotations

from typing import Annotated, Literal, NotRequired

from annotated_types import Gt, Le, MaxLen, MinLen
from typing_extensions import TypedDict

from ikura.schema import Count, Finite, Share, Short

__all__ = ["EncoderForm"]

Spread = Annotated[Finite, Gt(0)]
Mark = Annotated[str, MaxLen(64)]
Side = Annotated[Count, Le(10_000_000)]


class StandardForm(TypedDict):
    """Mean and standard deviation."""

    mean: Finite
    std: Spread


class NumberRecord(TypedDict):
    """A column of numbers."""

    type: Literal["number"]
    name: Short
    boolean: bool
    standard: StandardForm
    marks_missing: bool
    constant: NotRequired[bool]


class CategoryRecord(TypedDict):
    """A column of categories."""

    type: Literal["category"]
    name: Short
    levels: list[Short]
    marks_missing: bool


class DatetimeRecord(TypedDict):
    """A column of moments in time."""

    type: Literal["moment"]
    name: Short
    parts: dict[Literal["year", "month", "day", "weekday", "hour", "minute", "second"], StandardForm]
    marks_missing: bool


class WrittenNumberRecord(TypedDict):
    """How numbers are written."""

    form: Literal["number"]
    decimal: Literal[".", ","]
    thousands: Literal["", ",", ".", "'", " "]
    before: Mark
    after: Mark
    plural: bool
    brackets: Literal["", "negative", "all"]


class WrittenBooleanRecord(TypedDict):
    """How truths are written."""

    form: Literal["truth"]


class WrittenDatetimeRecord(TypedDict):
    """How moments are written."""

    form: Literal["moment"]
    order: Literal["year", "day", "month", "short-year", "clock", "compact"]
    zone: bool


class WrittenDurationRecord(TypedDict):
    """How durations are written."""

    form: Literal["duration"]


class WrittenLabelRecord(TypedDict):
    """What labels stand for."""

    form: Literal["label"]
    of: Literal["text", "numbers", "truths", "moments"]


class TableRecord(TypedDict):
    """A table."""

    type: Literal["table"]
    inputs: list[Short]
    encodings: list[NumberRecord | CategoryRecord | DatetimeRecord]
    notations: NotRequired[
        dict[
            Short,
            WrittenNumberRecord
            | WrittenBooleanRecord
            | WrittenDatetimeRecord
            | WrittenDurationRecord
            | WrittenLabelRecord,
        ]
    ]
    missing: NotRequired[list[Short]]


class ArrayRecord(TypedDict):
    """An array."""

    type: Literal["array"]
    shape: Annotated[list[Side], MaxLen(32)]
    mean: Finite
    std: Spread
    channels_last: NotRequired[bool]


class GivenRecord(TypedDict):
    """An array that reaches a network as it is."""

    type: Literal["given"]
    shape: Annotated[list[Side], MaxLen(32)]
    integers: bool
    channels_last: bool
    booleans: NotRequired[bool]


class VectorRecord(TypedDict):
    """An array of two dimensions, each column with statistics of its own."""

    type: Literal["vector"]
    mean: list[Finite]
    std: list[Spread]


class ImageRecord(TypedDict):
    """Images."""

    type: Literal["image"]
    shape: Annotated[list[Side], MinLen(3), MaxLen(3)]
    mean: Annotated[list[Share], MinLen(1), MaxLen(4)]
    std: Annotated[list[Spread], MinLen(1), MaxLen(4)]
    resized: bool
    channels_last: NotRequired[bool]


class InputsRecord(TypedDict):
    """Several inputs of a network."""

    type: Literal["inputs"]
    sequences: bool
    steps: NotRequired[Side]
    names: NotRequired[list[Short]]
    inputs: Annotated[list[ArrayRecord | GivenRecord | VectorRecord | ImageRecord], MinLen(1), MaxLen(10_000)]


EncoderForm = TableRecord | ArrayRecord | GivenRecord | VectorRecord | ImageRecord | InputsRecord
