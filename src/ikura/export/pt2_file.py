"""A trained network with its preprocessing as a program of `torch.export` (.pt2)."""

from __future__ import annotations

import io

import torch

from ikura.data.encoder import TableEncoder
from ikura.errors import UsageError
from ikura.export.exported_file import Deployment, Example, check_close
from ikura.export.raw_columns import ArrayRecord, column_records
from ikura.process_state import ignored_warnings

__all__ = ["pt2_bytes"]

ABOUT = "about.json"
"""Under which name a .pt2 file holds what it says of itself, which `torch.export.load` gives as an extra file."""


def pt2_bytes(deployment: Deployment, example: Example) -> bytes:
    """Make a .pt2 file and try the program in it.

    For a table the program takes the numbers (float64, NaN where missing; datetimes in seconds since 1970) and codes
    of categories (int64: the place among the levels from 1 on, 0 for others, -1 where missing); else one array. It
    gives probabilities, or values.

    Args:
        deployment: what is exported.
        example: rows that it is tried on.

    Returns:
        The file's content.

    Raises:
        UsageError: the network cannot be exported, or the program gives something else than the model.
    """
    module = deployment.module()
    rows = torch.export.Dim("rows", min=1)
    few = tuple(torch.cat([one, one])[:4] for one in example.raw)
    try:
        with ignored_warnings, torch.no_grad():
            program = torch.export.export(module, few, dynamic_shapes=(tuple({0: rows} for _ in few),))
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise UsageError(f"torch.export cannot export the network: {type(error).__name__}: {reason}") from error
    with torch.no_grad(), ignored_warnings:
        for part in (slice(None), slice(1)):
            found = program.module()(*(one[part] for one in example.raw))
            check_close(found.numpy(), example.expected[part], deployment, "the exported program")
        buffer = io.BytesIO()
        about = deployment.metadata(_inputs(deployment, example), [_output(deployment)])["ikura"]
        torch.export.save(program, buffer, extra_files={ABOUT: about})
    return buffer.getvalue()


def _inputs(deployment: Deployment, example: Example) -> list[ArrayRecord]:
    def said(name: str, place: int) -> ArrayRecord:
        tensor = example.raw[place]
        return {"name": name, "type": str(tensor.dtype).removeprefix("torch."), "shape": ["rows", *tensor.shape[1:]]}

    if not isinstance(deployment.encoder, TableEncoder):
        return [said(name, place) for place, name in enumerate(deployment.input_names)]
    columns = column_records(deployment.encoder)
    kinds = {
        "numbers": [one for one in columns if one["kind"] != "category"],
        "codes": [one for one in columns if one["kind"] == "category"],
    }
    given = {name: own for name, own in kinds.items() if own}
    return [{**said(name, place), "columns": own} for place, (name, own) in enumerate(given.items())]


def _output(deployment: Deployment) -> ArrayRecord:
    if deployment.classes is None:
        return {"name": "prediction", "type": "float64", "shape": ["rows", *deployment.values]}
    return {"name": "probabilities", "shape": ["rows", len(deployment.classes)]}
