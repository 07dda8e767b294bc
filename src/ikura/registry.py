"""Things by name: those that come with ikura, those of installed packages, and those that a caller registers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from ikura.errors import UsageError, nearest
from ikura.wording import one_line

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["Registry", "check_class"]

T = TypeVar("T")
NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")


class Registry(Mapping[str, T], Generic[T]):
    """A mapping of names to things of one kind, each imported when it is asked for.

    Names that come with ikura are looked up first. Installed packages are asked, by their entry points, about a name
    that is not among these, and when all names are listed.

    Args:
        kind: what such a thing is called in messages, as in "unknown search".
        group: entry points of the group `ikura.<group>` belong to it.
        built_in: name to "module:attribute".
        adapt: "module:function" of what takes a name and what was found under it, refuses it by a UsageError or hands
            it on as it is used.
        reserved: names that nobody may take, though nothing stands under them.
        families: name to "module:function" of what makes a thing of a text "name:parameter"; these are not listed.

    Example:
        >>> numbers = Registry("number", "numbers", {"pi": "math:pi", "euler": "math:e"})
        >>> numbers["pi"], list(numbers), "tau" in numbers
        (3.141592653589793, ['pi', 'euler'], False)
        >>> numbers.look_up("eulers")
        Traceback (most recent call last):
        ikura.errors.UsageError: unknown number 'eulers', did you mean 'euler'?: use pi, euler
    """

    def __init__(
        self,
        kind: str,
        group: str,
        built_in: Mapping[str, str],
        adapt: str | None = None,
        reserved: tuple[str, ...] = (),
        families: Mapping[str, str] | None = None,
    ) -> None:
        self.kind, self.group, self.built_in, self.adapt = kind, group, dict(built_in), adapt
        self.reserved, self.families = reserved, dict(families or {})
        self.registered: dict[str, T] = {}
        self.unlisted: set[str] = set()
        """Registered names that one call used, which are there and not offered to others."""
        self._loaded: dict[str, T] = {}

    @cached_property
    def installed(self) -> dict[str, EntryPoint]:
        """Name to entry point of an installed package.

        Raises:
            UsageError: a package offers a name that is taken.
        """
        from importlib.metadata import entry_points

        found: dict[str, EntryPoint] = {}
        for one in entry_points(group=f"ikura.{self.group}"):
            whose = "ikura" if one.name in (*self.built_in, *self.reserved) else None
            if whose is None and one.name in found and found[one.name] != one:
                whose = _package(found[one.name])
            if whose is not None:
                raise UsageError(
                    f"the package {_package(one)} offers the {self.kind} {one.name!r}, a name that {whose} has taken; "
                    "uninstall it, or let its author choose another name"
                )
            found[one.name] = one
        return found

    def __getitem__(self, name: str) -> T:
        if name in self.registered:
            return self.registered[name]
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        if name in self.built_in or name in self.registered:
            return True
        return isinstance(name, str) and (self._family(name) is not None or name in self.installed)

    def _family(self, name: str) -> str | None:
        """What makes the thing of a name with a parameter; None for other names."""
        family, colon, _ = name.partition(":")
        return self.families.get(family) if colon else None

    def __iter__(self) -> Iterator[str]:
        listed = (name for name in self.registered if name not in self.unlisted)
        return iter(dict.fromkeys((*self.built_in, *listed, *self.installed)))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def look_up(self, name: str) -> T:
        """Find a thing.

        Raises:
            UsageError: there is none of this name; the nearest is offered.
        """
        if name not in self:
            raise UsageError(f"unknown {self.kind} {name!r}{nearest(str(name), self)}: use {', '.join(self)}")
        return self[name]

    def register(self, name: str, thing: Any) -> T:
        """Add a thing for as long as this process lives; worker processes that are forked later have it too.

        Args:
            name: letters, digits, and . _ + - between them.
            thing: what the name stands for.

        Returns:
            The thing as it is used.

        Raises:
            UsageError: the name is none or is taken, or the thing is not what such a thing must be.
        """
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise UsageError(f"a name of a {self.kind} is letters, digits and . _ + - between them, not {name!r}")
        if name in self or name in self.reserved:
            raise UsageError(f"the {self.kind} {name!r} exists already; choose another name")
        self.registered[name] = self._adapted(name, thing)
        self.unlisted.discard(name)
        return self.registered[name]

    def origin(self, name: str) -> str | None:
        """Say where a thing is from: None if it comes with ikura, else a package with its version, or a module.

        What is an object with a function, as a metric, is from where its function is.

        Raises:
            KeyError: there is none of this name.
        """
        if name in self.built_in or self._family(name) is not None:
            return None
        if name in self.registered:
            thing = cast(Any, self.registered[name])
            thing = getattr(thing, "made_by", None) or thing
            made = thing if hasattr(thing, "__qualname__") else getattr(thing, "function", thing)
            made = made if hasattr(made, "__qualname__") else type(made)
            return f"{made.__module__}:{made.__qualname__}"
        return _package(self.installed[name])

    def _load(self, name: str) -> T:
        if name in self.built_in:
            module, attribute = self.built_in[name].split(":")
            return self._adapted(name, getattr(import_module(module), attribute))
        if family := self._family(name):
            module, function = family.split(":")
            return self._adapted(name, getattr(import_module(module), function)(name))
        point = self.installed[name]
        try:
            thing = point.load()
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise UsageError(
                f"the {self.kind} {name!r} of the package {_package(point)} cannot be loaded: {reason}"
            ) from error
        return self._adapted(name, thing)

    def _adapted(self, name: str, thing: Any) -> T:
        if self.adapt is None:
            return cast(T, thing)
        module, function = self.adapt.split(":")
        return cast(T, getattr(import_module(module), function)(name, thing))


def _package(point: EntryPoint) -> str:
    """The package that has an entry point, with its version."""
    return point.value if point.dist is None else f"{point.dist.name} {point.dist.version}"


def check_class(kind: str, name: str, thing: Any, base: type) -> None:
    """Refuse what is no whole subclass of a kind's base class, or has another name.

    Raises:
        UsageError: saying what is missing.

    Example:
        >>> check_class("check", "mine", 5, dict)
        Traceback (most recent call last):
        ikura.errors.UsageError: the check 'mine' must be a subclass of dict, but is 5
    """
    whole = f"{base.__module__.partition('._')[0]}.{base.__name__}".removeprefix("builtins.")
    if not isinstance(thing, type) or not issubclass(thing, base):
        raise UsageError(f"the {kind} {name!r} must be a subclass of {whole}, but is {one_line(repr(thing), 60)}")
    if missing := sorted(getattr(thing, "__abstractmethods__", ())):
        raise UsageError(f"the {kind} {name!r} has no {' and no '.join(missing)}; {whole} says what these do")
    if getattr(thing, "name", None) != name:
        raise UsageError(f"the {kind} {name!r} does not call itself so; write name = {name!r} in {thing.__qualname__}")
