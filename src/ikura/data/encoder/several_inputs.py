"""The encoder of several inputs: each by an encoder of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ikura.data.encoder._base import ArrayLikeEncoder, Encoder, Features
from ikura.data.encoder.given import GivenEncoder
from ikura.data.encoder.image import ImageEncoder
from ikura.data.input_arrays import plain_inputs
from ikura.data.network_inputs import NetworkInput, NetworkInputs
from ikura.errors import DataError, listed
from ikura.json_values import JsonObject

__all__ = ["InputsEncoder", "steps_of"]


def encoded_input(raw: NetworkInput, encoder: ArrayLikeEncoder) -> NetworkInput:
    """What networks take of an input: encoded at once, or when it is read where it is on disk; images stay bytes.

    Args:
        raw: the input as it is given.
        encoder: fitted to the training rows.

    Example:
        >>> encoded_input(NetworkInput(np.array([[2], [5]], np.uint8)), GivenEncoder((1,), True)).read().tolist()
        [[2], [5]]
    """
    if raw.on_disk:
        return NetworkInput(raw.array, raw.order, encoder.ready, encoder.example_shape)
    array = encoder.encode(raw.given(slice(None)))
    if isinstance(encoder, ImageEncoder):
        return NetworkInput(array, None, encoder.numbers, encoder.example_shape)
    return NetworkInput(array)


def _encoded_steps(raw: NetworkInputs, encoder: ArrayLikeEncoder) -> NetworkInput:
    """Padded sequences, each step encoded by itself; padding is 0."""
    padded, real = raw.inputs[0].given(slice(None)), steps_of(raw)
    values = encoder.ready(padded[real])
    found = np.zeros((*padded.shape[:2], *values.shape[1:]), values.dtype)
    found[real] = values
    return NetworkInput(found)


def steps_of(raw: NetworkInputs) -> npt.NDArray[np.bool_]:
    """Which places of padded sequences are steps, and no padding: shape (n, steps)."""
    steps = raw.inputs[0].array.shape[1]
    return np.asarray(np.arange(steps) < raw.inputs[1].given(slice(None))[:, None])


@dataclass(frozen=True)
class InputsEncoder(Encoder):
    """Encodes several inputs: a tuple, a dictionary by the names of forward's arguments, or padded sequences.

    Args:
        encoders: one for each input.
        argument_names: of the inputs; None where they are given by place.
        sequences: whether the first input are sequences, padded, and the second their lengths; the first encoder is
            then of single steps, and padding stays 0.
        steps: how many steps the sequences were padded to in training.

    Example:
        >>> encoder = InputsEncoder((GivenEncoder((), True), GivenEncoder((2,), False)), ("user", "table"))
        >>> x, _ = encoder.transform({"table": np.ones((3, 2)), "user": np.arange(3)})
        >>> [one.dtype.name for one in x.read()], x.shapes
        (['int64', 'float32'], {'user': [], 'table': [2]})
    """

    encoders: tuple[ArrayLikeEncoder, ...]
    argument_names: tuple[str, ...] | None = None
    sequences: bool = False
    steps: int = 0

    @staticmethod
    def form_reader(read: Callable[[Mapping[str, Any]], Encoder]) -> Callable[[Mapping[str, Any]], InputsEncoder]:
        """How such an encoder is read from its JSON form, given how its parts are."""

        def read_form(form: Mapping[str, Any]) -> InputsEncoder:
            encoders = tuple(map(read, form["inputs"]))
            names = form.get("names")
            if not all(isinstance(one, ArrayLikeEncoder) for one in encoders):
                raise ValueError("several inputs are arrays, and one is encoded as something else")
            if len(encoders) != (2 if form["sequences"] else len(names or encoders)):
                raise ValueError("there must be an encoder for each input")
            named = None if names is None else tuple(names)
            return InputsEncoder(encoders, named, form["sequences"], form.get("steps", 0))  # type: ignore[arg-type]

        return read_form

    def to_dict(self) -> JsonObject:
        """The JSON form."""
        form: JsonObject = {"type": "inputs", "sequences": self.sequences}
        named: JsonObject = {} if self.argument_names is None else {"names": list(self.argument_names)}
        named |= {"steps": self.steps} if self.sequences else {}
        return form | named | {"inputs": [one.to_dict() for one in self.encoders]}

    def transform(self, data: Any) -> Features:
        """Encode n examples: the inputs that networks take, and codes, shape (n, 0).

        Raises:
            DataError: an input is missing, or a value cannot be used; the message names the input.
        """
        raw = plain_inputs(data, self.example)
        return self.encode(raw), np.zeros((len(raw), 0), np.int32)

    def encode(self, raw: NetworkInputs) -> NetworkInputs:
        """Encode plain inputs."""
        inputs = []
        for place, (label, encoder, one) in enumerate(zip(raw.labels, self.encoders, raw.inputs, strict=True)):
            try:
                steps = self.sequences and not place
                inputs.append(_encoded_steps(raw, encoder) if steps else encoded_input(one, encoder))
            except DataError as error:
                raise DataError(f"{label}: {error}") from None
        return NetworkInputs(tuple(inputs), self.argument_names, self.sequences)

    @property
    def example(self) -> NetworkInputs:
        """No examples at all, of the names and shapes that are expected."""
        empty = tuple(NetworkInput(np.empty((0, *shape))) for shape in self._shapes)
        return NetworkInputs(empty, self.argument_names, self.sequences)

    @property
    def _shapes(self) -> list[tuple[int, ...]]:
        """The shape of one example of each input."""
        first = (self.steps,) if self.sequences else ()
        return [(first if not place else ()) + one.example_shape for place, one in enumerate(self.encoders)]

    def probe(self, drawn: Callable[[int], npt.NDArray[np.float64]], rows: int) -> NetworkInputs:
        """Made-up examples: whole numbers are 0, booleans true, sequences whole, other numbers drawn.

        Args:
            drawn: draws so many numbers for each row, shape (rows, numbers).
            rows: how many.
        """

        def one(place: int, encoder: ArrayLikeEncoder) -> NetworkInput:
            shape = (rows, *self._shapes[place])
            if self.sequences and place == 1:
                return NetworkInput(np.full(shape, self.steps, np.int64))
            if isinstance(encoder, GivenEncoder) and (encoder.integers or encoder.booleans):
                return NetworkInput(np.ones(shape, np.bool_) if encoder.booleans else np.zeros(shape, np.int64))
            return NetworkInput(drawn(int(np.prod(shape[1:]))).reshape(shape))

        parts = tuple(one(place, encoder) for place, encoder in enumerate(self.encoders))
        return NetworkInputs(parts, self.argument_names, self.sequences)

    @property
    def feature_names(self) -> list[str]:
        """Names of the numbers of one example, those of each input after each other."""
        labels = self.example.labels
        return [
            name.replace(name.split("[")[0], label, 1)
            for label, one in zip(labels, self.encoders, strict=True)
            for name in one.feature_names
        ]

    def __str__(self) -> str:
        return listed(self.example.labels)
