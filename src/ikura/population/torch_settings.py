"""What torch is set to while networks train, whatever the caller has set it to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ikura.lazy_torch import torch

__all__ = ["default_torch_settings"]


@contextmanager
def default_torch_settings() -> Iterator[None]:
    """Let torch compute gradients, on the CPU by default and in one precision, and leave its settings as they were.

    The caller may have switched gradients off (`no_grad`, `inference_mode`, `set_grad_enabled(False)`), or have chosen
    another default device or automatic mixed precision. All these are settings of this thread; the default precision is
    one of the whole process and set with the generators (`ikura.nn.generators`).

    Example:
        >>> with torch.no_grad(), default_torch_settings():
        ...     torch.is_grad_enabled()
        True
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield
