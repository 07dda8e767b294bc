"""What torch is set to while networks train, whatever the caller has set it to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

__all__ = ["usual_settings"]


@contextmanager
def usual_settings(dtype: str = "float32") -> Iterator[None]:
    """Let torch compute gradients, on the CPU by default and in one precision, and leave its settings as they were.

    The caller may have switched gradients off (`no_grad`, `inference_mode`, `set_grad_enabled(False)`), or have chosen
    another default precision or device, or automatic mixed precision.

    Args:
        dtype: the default precision meanwhile, in which a forward makes tensors of its own.

    Example:
        >>> with torch.no_grad(), usual_settings():
        ...     torch.is_grad_enabled()
        True
    """
    wanted, found = getattr(torch, dtype), torch.get_default_dtype()
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        if wanted != found:
            torch.set_default_dtype(wanted)
            stack.callback(torch.set_default_dtype, found)
        yield
