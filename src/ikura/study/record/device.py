"""The device on which a study's networks are trained."""

from __future__ import annotations

from ikura.errors import UsageError
from ikura.lazy_torch import torch

__all__ = ["check_device", "chosen_device"]


def check_device(name: str) -> None:
    """Refuse what cannot be the name of a device; whether it is here is not asked.

    Raises:
        UsageError: it is none.
    """
    if name == "cpu":
        return
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise UsageError(f"{name!r} is no device; write cpu, cuda, or cuda:1 for the second one") from None
    if device.type == "meta":
        raise UsageError(f"{name!r} computes nothing; write cpu, cuda, or cuda:1 for the second one")


def chosen_device(device: str, custom: bool) -> str:
    """Name the device; auto is a GPU for the caller's own networks if there is one, the CPU otherwise.

    Raises:
        UsageError: there is no such device here, or none that computes.

    Example:
        >>> chosen_device("auto", custom=False)
        'cpu'
    """
    if device == "auto":
        return "cuda" if custom and torch.cuda.is_available() else "cpu"
    if device == "cpu":
        return device
    try:
        check_device(device)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"device {device!r} cannot be used here: {str(error).splitlines()[0]}") from None
    except UsageError as error:
        raise UsageError(f"device {device!r} cannot be used here: {error}") from None
    return device
