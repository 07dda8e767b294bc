"""PyTorch, imported when something of it is used for the first time.

`import ikura` and a study of built-in networks in the compiled kernel need none of it, and it takes a second to import.
Modules that hold torch modules or tables of its functions import torch itself; who needs those imports them late.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["Module", "Tensor", "functional", "nn", "pytree", "torch", "torch_is_imported"]


def torch_is_imported() -> bool:
    """Whether anything of torch has been used so far."""
    return "torch" in sys.modules


if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
    from torch.nn import Module, functional
    from torch.utils import _pytree as pytree
else:

    class _Package:
        """A package of torch: what is asked of it is looked up in the true one, each time."""

        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, attribute: str) -> Any:
            return getattr(import_module(self._name), attribute)

        def __repr__(self) -> str:
            return f"<{self._name}, when it is used>"

    class _Class(type):
        """A class of torch to ask about: where torch was not imported, nothing is an instance of it."""

        place: str

        def _true(cls) -> tuple[type, ...]:
            found = getattr(sys.modules.get(cls.place), cls.__name__, None)
            return () if found is None else (found,)

        def __instancecheck__(cls, thing: Any) -> bool:
            return isinstance(thing, cls._true())

        def __subclasscheck__(cls, kind: type) -> bool:
            return issubclass(kind, cls._true())

    class Tensor(metaclass=_Class):
        """`torch.Tensor`, to ask about."""

        place = "torch"

    class Module(metaclass=_Class):
        """`torch.nn.Module`, to ask about."""

        place = "torch.nn"

    torch, nn, functional = _Package("torch"), _Package("torch.nn"), _Package("torch.nn.functional")
    pytree = _Package("torch.utils._pytree")
