"""A search space: named parameters, some of them open only under a condition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ikura.errors import SpaceError, nearest
from ikura.json_values import JsonObject
from ikura.space._base import Configuration, Parameter, Value
from ikura.space.condition import Condition, Requirements, holds, requirements
from ikura.space.constraint import Constraint
from ikura.space.terms import suggest_name
from ikura.space.written_form import parameter

__all__ = ["Space"]


MOST_CONSTRAINTS, MOST_PARAMETERS = 100, 1000


class Space(Mapping[str, Parameter]):
    """A mapping from a hyperparameter's name to the values it may take.

    A configuration is a mapping from name to value that holds exactly the active names: those without a condition, and
    those whose condition holds. Messages put the name of the parameter they speak of in brackets, as TOML does.

    Args:
        *conditions: what `when` and `constraint` make.
        **parameters: a parameter, a plain value (then fixed), or a table in the TOML form. `widen` says whether a
            search may widen the ranges where good results lie at their ends, or names those that it may widen. (A
            hyperparameter of your own may be called widen, but for a fixed truth value.)

    Raises:
        SpaceError: a parameter cannot be read, is given twice, depends on an unknown one, on a value that never occurs,
            or on itself in a circle; or a constraint does not fit the parameters.

    Example:
        >>> from ikura.space import choice, log, log_complement, when
        >>> space = Space(
        ...     when(optimizer="adam", beta2=log_complement(0.9, 0.999)),
        ...     learning_rate=log(1e-4, 1),
        ...     optimizer=choice("sgd", "adam"),
        ... )
        >>> space.from_unit({"learning_rate": 1.0, "optimizer": 0.2})
        {'learning_rate': 1.0, 'optimizer': 'sgd'}
    """

    def __init__(self, /, *conditions: Condition | Constraint, **parameters: Any) -> None:
        self.constraints = tuple(one for one in conditions if isinstance(one, Constraint))
        if len(self.constraints) > MOST_CONSTRAINTS:
            raise SpaceError(f"a space has at most {MOST_CONSTRAINTS} constraints, but got {len(self.constraints):,}")
        if len(parameters) > MOST_PARAMETERS:
            raise SpaceError(f"a space has at most {MOST_PARAMETERS:,} hyperparameters, but got {len(parameters):,}")
        self._parameters: dict[str, Parameter] = {}
        self._requires: dict[str, Requirements] = {}
        self._held: set[str] = set()
        widen = parameters.pop("widen") if isinstance(parameters.get("widen"), bool | list | tuple) else True
        for name, given in parameters.items():
            self._add(name, given)
        for condition in conditions:
            if isinstance(condition, Constraint):
                continue
            if not isinstance(condition, Condition):
                raise SpaceError(f"a space takes when(...), constraint(...) and name=parameter, but got {condition!r}")
            for name, given in condition.parameters.items():
                if name in self._parameters:
                    raise SpaceError(f"[{name}] is given twice: name all its values in one when(...)")
                self._parameters[name] = given
                self._requires[name] = condition.requires
        self._resolve()
        if not isinstance(widen, bool):
            self.validate_names(widen)
        self._held |= {name for name in self if not (widen if isinstance(widen, bool) else name in widen)}

    def _resolve(self) -> None:
        """Check the conditions and put parents before children."""
        for name in self._requires:
            self._check_condition(name)
        try:
            self._order = list(TopologicalSorter({name: self._requires.get(name, {}) for name in self}).static_order())
        except CycleError as error:
            circle = " -> ".join(reversed(error.args[1]))
            raise SpaceError(f"[{error.args[1][0]}] depends on itself in a circle: {circle}") from None
        for constraint in self.constraints:
            constraint.check(self._parameters)

    def _add(self, name: str, given: object) -> None:
        try:
            if isinstance(given, Mapping) and "when" in given:
                self._requires[name] = requirements(given["when"])
                given = {key: part for key, part in given.items() if key != "when"}
            self._held.discard(name)
            if isinstance(given, Mapping) and "widen" in given:
                if not isinstance(given["widen"], bool):
                    raise SpaceError(f"widen must be true or false, but got {given['widen']!r}")
                if not given["widen"]:
                    self._held.add(name)
                given = {key: part for key, part in given.items() if key != "widen"}
            self._parameters[name] = parameter(given)
        except SpaceError as error:
            raise SpaceError(f"[{name}] {error}") from None

    def _check_condition(self, name: str) -> None:
        for parent, accepted in self._requires[name].items():
            if parent not in self._parameters:
                raise SpaceError(
                    f"[{name}] depends on an unknown parameter {parent!r}{suggest_name(parent, self, 'the space')}"
                )
            if self[parent].scale in ("linear", "log", "log-complement"):
                raise SpaceError(f"[{name}] depends on a value of {parent!r}, which must be a choice or an integer")
            for option in accepted:
                if not self[parent].contains(option):
                    values = [str(value) for value in getattr(self[parent], "options", ())]
                    raise SpaceError(f"[{name}] {parent!r} is never {option!r}{nearest(str(option), values)}")

    def __getitem__(self, name: str) -> Parameter:
        return self._parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and self.as_dict() == other.as_dict()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        parts = [repr(one) for one in self.constraints]
        parts += [f"{name}={table}" for name, table in self.as_dict().items() if name in self]
        return f"Space({', '.join(parts)})"

    @property
    def dimensions(self) -> list[str]:
        """Names of the parameters that have more than one value, in the order given."""
        return [name for name, one in self.items() if one.varies]

    def condition(self, name: str) -> Requirements | None:
        """Return what must hold for a parameter to be open: name to accepted values, or None when it always is."""
        return self._requires.get(name)

    def widens(self, name: str) -> bool:
        """Say whether a search may widen a parameter's range."""
        return self[name].numeric and name not in self._held

    def held(self, names: Iterable[str]) -> Space:
        """Make a space in which these parameters keep their ranges, whatever a search finds."""
        made = self.replace()
        made._held |= set(names)
        return made

    def active(self, configuration: Mapping[str, Any]) -> list[str]:
        """List the parameters that a configuration opens.

        Args:
            configuration: name to value; of it only the values that others depend on are looked at.

        Returns:
            The open names, in the order of the space.
        """
        reached: Configuration = {}
        for name in self._order:
            if holds(self._requires.get(name, {}), reached):
                one = self[name]
                reached[name] = configuration.get(name) if one.varies else one.from_unit(0.5)
        return [name for name in self if name in reached]

    def from_unit(self, point: Mapping[str, float]) -> dict[str, Value]:
        """Turn a point of the unit cube into a configuration.

        Args:
            point: name to a number in [0, 1], at least for every open name of `dimensions`.

        Returns:
            Name to value for the active names, in the order of the space.

        Raises:
            SpaceError: a coordinate is unknown, missing, NaN or outside [0, 1].
        """
        self.validate_names(point)
        found: dict[str, Value] = {}
        for name in self._order:
            if not holds(self._requires.get(name, {}), found):
                continue
            if self[name].varies and name not in point:
                raise SpaceError(f"[{name}] has no coordinate in the point")
            try:
                found[name] = self[name].from_unit(point.get(name, 0.5))
            except SpaceError as error:
                raise SpaceError(f"[{name}] {error}") from None
        return {name: found[name] for name in self if name in found}

    def feasible(self, configuration: Mapping[str, Any]) -> bool:
        """Say whether a configuration meets every constraint; one that names an inactive hyperparameter is met."""
        return all(one.met(configuration) for one in self.constraints)

    def to_unit(self, configuration: Mapping[str, Any]) -> dict[str, float]:
        """Turn a configuration into a point of the unit cube; what it says of inactive names is ignored.

        Args:
            configuration: name to value.

        Returns:
            Name to a number in [0, 1] for the active names of `dimensions`.

        Raises:
            SpaceError: a name is unknown, an active one is missing, or a value is not one of its parameter's.
        """
        self.validate_names(configuration)
        point: dict[str, float] = {}
        for name in self.active(configuration):
            if name not in configuration:
                raise SpaceError(f"[{name}] is missing from the configuration")
            try:
                u = self[name].to_unit(configuration[name])
            except SpaceError as error:
                raise SpaceError(f"[{name}] {error}") from None
            if self[name].varies:
                point[name] = u
        return point

    def validate_names(self, names: Iterable[str]) -> None:
        """Refuse names that the space does not have.

        Raises:
            SpaceError: a name is unknown; the nearest one is offered.
        """
        for name in names:
            if name not in self._parameters:
                raise SpaceError(f"[{name}] is not in the space{suggest_name(str(name), self, 'it')}")

    def validate(self, known: Iterable[str]) -> None:
        """Check the names against those that a network understands.

        Args:
            known: hyperparameters that exist, such as `ikura.space.HYPERPARAMETERS`.

        Raises:
            SpaceError: one is unknown; what it is called here is offered, or the nearest name.
        """
        known = list(known)
        for name in self:
            if name not in known:
                raise SpaceError(f"[{name}] unknown hyperparameter{suggest_name(name, known)}")

    def replace(self, /, **parameters: Any) -> Space:
        """Make a space with some parameters exchanged or added.

        A parameter keeps its condition unless a table with its own `when` is given. Other parameters whose condition
        can no longer hold are left out, and with them the constraints that name them.

        Args:
            **parameters: as for `Space`.

        Returns:
            The new space.

        Raises:
            SpaceError: as for `Space`.

        Example:
            >>> from ikura.space import choice, log_complement, when
            >>> space = Space(when(optimizer="adam", beta2=log_complement(0.9, 0.999)), optimizer=choice("sgd", "adam"))
            >>> list(space.replace(optimizer="sgd"))
            ['optimizer']
        """
        made = Space.__new__(Space)
        made._parameters, made._requires, made._held = dict(self._parameters), dict(self._requires), set(self._held)
        for name, given in parameters.items():
            made._add(name, given)
            if isinstance(given, Parameter) and name in self._held:
                made._held.add(name)
        for name in self._order:
            given = parameters.get(name)
            if name not in made._requires or (isinstance(given, Mapping) and "when" in given):
                continue
            possible = {
                parent: tuple(option for option in accepted if parent in made and made[parent].contains(option))
                for parent, accepted in made._requires[name].items()
            }
            if all(possible.values()):
                made._requires[name] = possible
            elif name not in parameters:
                del made._parameters[name], made._requires[name]
        made.constraints = tuple(one for one in self.constraints if all(name in made for name in one.names))
        made._resolve()
        return made

    def as_dict(self) -> JsonObject:
        """Write the space as tables that TOML and JSON can hold; `Space.from_dict` reads them back.

        Returns:
            Name to table; where there are constraints, "constraints" to the list of their texts.
        """
        tables: JsonObject = {name: one.as_dict() for name, one in self.items()}
        for name, requires in self._requires.items():
            tables[name]["when"] = {
                parent: accepted[0] if len(accepted) == 1 else list(accepted) for parent, accepted in requires.items()
            }
        for name in self:
            if name in self._held and self[name].numeric:
                tables[name]["widen"] = False
        return {"constraints": [one.text for one in self.constraints], **tables} if self.constraints else tables

    @classmethod
    def from_dict(cls, tables: Mapping[str, Any]) -> Space:
        """Read a space from tables such as `as_dict` writes.

        Args:
            tables: name to a table, a parameter or a plain value; "constraints" to a list of texts.

        Returns:
            The space, with `Space.from_dict(space.as_dict()) == space`.

        Raises:
            SpaceError: as for `Space`.

        Example:
            >>> Space.from_dict({"learning_rate": {"scale": "log", "low": 1e-4, "high": 1}, "layers": 2})["layers"]
            Fixed(value=2)
        """
        constraints = tables.get("constraints", [])
        if isinstance(constraints, str) or (isinstance(constraints, list) and not all(map(_textual, constraints))):
            raise SpaceError(f'constraints is a list of texts such as "units * layers <= 512", but got {constraints!r}')
        if not isinstance(constraints, list | tuple):
            return cls(**tables)
        rest = {name: one for name, one in tables.items() if name != "constraints"}
        if len(constraints) > MOST_CONSTRAINTS:
            raise SpaceError(f"a space has at most {MOST_CONSTRAINTS} constraints, but got {len(constraints):,}")
        return cls(*(one if isinstance(one, Constraint) else Constraint(one) for one in constraints), **rest)

    @classmethod
    def coerce(cls, given: object) -> Space:
        """Take a space in any of its forms.

        Args:
            given: a space, or a mapping from name to a parameter, a plain value or a table.

        Returns:
            The space.

        Raises:
            SpaceError: it is something else, or its content makes no space.
        """
        if isinstance(given, Space):
            return given
        if isinstance(given, Mapping):
            return cls.from_dict({str(name): one for name, one in given.items()})
        raise SpaceError(f"a space is a Space or a mapping from name to parameter, but got {type(given).__name__}")


def _textual(given: object) -> bool:
    return isinstance(given, str | Constraint)
