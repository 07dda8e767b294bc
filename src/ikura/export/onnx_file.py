"""A trained network with its preprocessing and its classes as an ONNX file, checked with ONNX Runtime."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import numpy as np
import torch

from ikura.data.encoder import ImageEncoder, TableEncoder
from ikura.data.encoder.given import GivenEncoder
from ikura.data.encoder.several_inputs import InputsEncoder
from ikura.errors import UsageError
from ikura.export.exported_file import Deployment, Example, check_close
from ikura.export.raw_columns import MISSING, ArrayRecord, ShapedColumn, column_records
from ikura.process_state import ignored_warnings, quieter

__all__ = ["onnx_bytes"]

NEEDED = ("onnx", "onnxscript", "onnxruntime")
ML = "ai.onnx.ml"
ML_VERSION = 3
OPSET = 18
MOST_BYTES = (1 << 31) - (1 << 20)
"""A file of ONNX holds two gigabytes at most, as Protobuf's messages do."""
INSIDE = "ikura"
"""What the names of values inside begin with."""


def onnx_bytes(deployment: Deployment, example: Example) -> bytes:
    """Make an ONNX file and try it.

    Inputs are the columns of a table by name (numbers as float64, categories as text), `images` (uint8) or `x`;
    outputs `label` and `probabilities` of classes or labels, or `prediction`.

    Args:
        deployment: what is exported.
        example: rows that it is tried on.

    Returns:
        The file's content.

    Raises:
        UsageError: the extra `onnx` is not installed, an operation has no form in ONNX, or ONNX Runtime gives something
            else than the model.
    """
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise UsageError(f"exporting to ONNX needs {name}: pip install 'ikura[onnx]'") from error
    if sum(p.numel() * 4 for p in deployment.network.parameters()) > MOST_BYTES:
        raise UsageError("the network is larger than the two gigabytes that an ONNX file holds; export it to .pt2")
    import onnx

    core = _core(deployment, example)
    graph, inputs, outputs = _around(core, deployment)
    model = onnx.helper.make_model(
        graph,
        producer_name="ikura",
        ir_version=core.ir_version,
        opset_imports=[*core.opset_import, onnx.helper.make_opsetid(ML, ML_VERSION)],
        functions=list(core.functions),
    )
    onnx.helper.set_model_props(model, deployment.metadata(inputs, outputs))
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    _try(content, deployment, example)
    return content


def _core(deployment: Deployment, example: Example) -> Any:
    """The network behind the numeric part of its preprocessing, translated by torch."""
    module = deployment.module(torch.float32)
    names = [f"{INSIDE}/raw{place}" for place in range(len(example.raw))]
    rows = torch.export.Dim("rows", min=1)
    few = tuple(one[: max(2, min(len(one), 4))] for one in example.raw)
    few = tuple(torch.cat([one, one])[:2] if len(one) < 2 else one for one in few)
    try:
        with ignored_warnings, quieter("torch.onnx", logging.ERROR), redirect_stdout(StringIO()), torch.no_grad():
            program = torch.onnx.export(
                module,
                few,
                dynamo=True,
                input_names=names,
                output_names=[f"{INSIDE}/found"],
                dynamic_shapes=(tuple({0: rows} for _ in few),),
                opset_version=OPSET,
                verbose=False,
            )
    except Exception as error:
        reason = " ".join(str(error.__cause__ or error).split())[:300]
        raise UsageError(f"the network has no form in ONNX: {type(error).__name__}: {reason}") from error
    assert program is not None
    return program.model_proto


def _around(core: Any, deployment: Deployment) -> tuple[Any, Sequence[ArrayRecord | ShapedColumn], list[ArrayRecord]]:
    """Put in front what takes columns by name, and behind it what names classes."""
    from onnx import TensorProto, helper

    nodes: list[Any] = []
    encoder = deployment.encoder
    if isinstance(encoder, TableEncoder):
        records = column_records(encoder)
        parts: dict[str, list[str]] = {"numbers": [], "codes": []}
        inputs = []
        for place, record in enumerate(records):
            words = record["kind"] == "category"
            kind = TensorProto.STRING if words else TensorProto.DOUBLE
            inputs.append(helper.make_tensor_value_info(record["name"], kind, ["rows", 1]))
            if words:
                nodes.append(_levels(record["name"], f"{INSIDE}/code{place}", record["levels"], encoder.missing))
            parts["codes" if words else "numbers"].append(f"{INSIDE}/code{place}" if words else record["name"])
        given = [columns for columns in parts.values() if columns]
        for columns, value in zip(given, core.graph.input, strict=True):
            nodes.append(helper.make_node("Concat", columns, [value.name], axis=1))
        about: Sequence[ArrayRecord | ShapedColumn] = [{**record, "shape": ["rows", 1]} for record in records]
    else:
        inputs, array_records = [], []
        for place, (name, value) in enumerate(zip(deployment.input_names, core.graph.input, strict=True)):
            kind = value.type.tensor_type.elem_type
            shape = ["rows", *(one.dim_value for one in value.type.tensor_type.shape.dim[1:])]
            inputs.append(helper.make_tensor_value_info(name, kind, shape))
            nodes.append(helper.make_node("Identity", [name], [value.name]))
            array_records.append(ArrayRecord(name=name, type=_type_of(encoder, place), shape=shape))
        about = array_records
    nodes += core.graph.node
    [found] = [one.name for one in core.graph.output]
    taken = {one.name for one in inputs}
    constants = list(core.graph.initializer)
    ends, after, told = _outputs(found, taken, deployment)
    constants += ends
    values = [value for value, _ in told]
    inner = list(core.graph.value_info)
    graph = helper.make_graph([*nodes, *after], "ikura", inputs, values, constants, value_info=inner)
    return graph, about, [record for _, record in told]


def _type_of(encoder: Any, place: int) -> str:
    if isinstance(encoder, InputsEncoder):
        return _type_of(encoder.encoders[place], 0)
    if isinstance(encoder, ImageEncoder):
        return "uint8, pixels from 0 to 255, channels first"
    if isinstance(encoder, GivenEncoder):
        return "bool" if encoder.booleans else "int64" if encoder.integers else "float32"
    return "float64"


def _levels(column: str, code: str, levels: Sequence[str], missing: Sequence[str]) -> Any:
    """From words to codes: a level's place from 1 on, -1 for what is missing, 0 for other words."""
    from onnx import helper

    codes = dict.fromkeys((MISSING, *missing), -1) | {level: place + 1 for place, level in enumerate(levels)}
    return helper.make_node(
        "LabelEncoder",
        [column],
        [code],
        domain=ML,
        keys_strings=list(codes),
        values_int64s=list(codes.values()),
        default_int64=0,
    )


def _outputs(
    found: str, taken: set[str], deployment: Deployment
) -> tuple[list[Any], list[Any], list[tuple[Any, ArrayRecord]]]:
    """Constants, nodes and outputs behind the network, and what is said of the outputs."""
    from onnx import TensorProto, helper, numpy_helper

    def named(name: str) -> str:
        while name in taken:
            name += "_"
        return name

    if deployment.classes is None:
        name = named("prediction")
        each: list[Any] = ["rows", *deployment.values]
        value = helper.make_tensor_value_info(name, TensorProto.DOUBLE, each)
        record: ArrayRecord = {"name": name, "type": "float64", "shape": each}
        return [], [helper.make_node("Identity", [found], [name])], [(value, record)]
    classes = _class_array(deployment.classes)
    label, probabilities = named("label"), named("probabilities")
    shape: list[Any] = ["rows", len(classes)]
    if deployment.description["task"] == "multilabel":
        half = f"{INSIDE}/half"
        nodes = [
            helper.make_node("Identity", [found], [probabilities]),
            helper.make_node("Greater", [found, half], [label]),
        ]
        told: list[tuple[Any, ArrayRecord]] = [
            (
                helper.make_tensor_value_info(label, TensorProto.BOOL, shape),
                {"name": label, "type": "bool, the second of two values", "shape": shape},
            ),
            (
                helper.make_tensor_value_info(probabilities, TensorProto.FLOAT, shape),
                {"name": probabilities, "type": "float32", "shape": shape},
            ),
        ]
        return [numpy_helper.from_array(np.array(0.5, np.float32), half)], nodes, told
    names = f"{INSIDE}/classes"
    nodes = [
        helper.make_node("Identity", [found], [probabilities]),
        helper.make_node("ArgMax", [found], [f"{INSIDE}/likeliest"], axis=1, keepdims=0),
        helper.make_node("Gather", [names, f"{INSIDE}/likeliest"], [label], axis=0),
    ]
    kind = helper.np_dtype_to_tensor_dtype(classes.dtype)
    kind = TensorProto.STRING if classes.dtype == object else kind
    return (
        [numpy_helper.from_array(classes, names)],
        nodes,
        [
            (helper.make_tensor_value_info(label, kind, ["rows"]), {"name": label, "shape": ["rows"]}),
            (
                helper.make_tensor_value_info(probabilities, TensorProto.FLOAT, shape),
                {"name": probabilities, "type": "float32", "shape": shape},
            ),
        ],
    )


def _class_array(classes: Sequence[Any]) -> np.ndarray:
    """Classes as ONNX can hold them: booleans, whole numbers, numbers, else text."""
    for kind in (bool, int, float):
        if all(type(one) is kind for one in classes):
            return np.array(classes, {bool: np.bool_, int: np.int64, float: np.float64}[kind])
    return np.array([str(one) for one in classes], dtype=object)


def _try(content: bytes, deployment: Deployment, example: Example) -> None:
    """Run the file beside the model, on all rows at once and on the first alone."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        name = session.get_outputs()[-1].name
        for rows in (slice(None), slice(1)):
            given = {one: array[rows] for one, array in example.named.items()}
            [found] = session.run([name], given)
            check_close(found, example.expected[rows], deployment, "the ONNX file")
    except UsageError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise UsageError(f"ONNX Runtime does not run the file, which was not written: {reason}") from error
