"""What is found out about networks of the caller's: how they are made, how they run, and what they compute."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ikura.lazy_torch import nn
from ikura.population.dry_run import ForwardTraits
from ikura.population.member import Member
from ikura.population.structure import structures, weights_of

if TYPE_CHECKING:
    from ikura.population.program.builder import Program, UnknownOperationError
    from ikura.population.program.graph import Traced
    from ikura.population.program.inputs import ProgramInputs

__all__ = ["NetworkForm", "OwnNetworks"]


@dataclass(frozen=True)
class NetworkForm:
    """What one network is, but for the values of its parameters.

    Attributes:
        structure: number of its structure, see `ikura.population.structure`.
        unrated: the same, rates of dropout left out.
        kin: the same, sizes of layers left out as well.
        rates: of dropout that it holds in buffers, which a program has as numbers.
        inputs: what its forward is given.
        weights: how many it has.
        pretrained_first: whether pretrained weights, if there are any, come before all others.
    """

    structure: int
    unrated: int
    kin: int
    rates: tuple[float, ...]
    inputs: ProgramInputs
    weights: int
    pretrained_first: bool


@dataclass
class OwnNetworks:
    """Finds out about each network once: of those that are made alike, about the first.

    Attributes:
        traits: how networks are run, by structure without rates.
        traits_of_kin: the same, by structure without rates and sizes.
        programs: what networks compute, or why that is no program, by structure and rates.
        traced: graphs of calls, by structure without rates and sizes.
        trusted: programs that were compared with their modules, by structure without rates.
    """

    traits: dict[int, ForwardTraits] = field(default_factory=dict)
    traits_of_kin: dict[int, ForwardTraits] = field(default_factory=dict)
    programs: dict[Hashable, Program | UnknownOperationError] = field(default_factory=dict)
    traced: dict[int, Traced] = field(default_factory=dict)
    trusted: dict[int, Program] = field(default_factory=dict)
    _forms: dict[Hashable, NetworkForm] = field(default_factory=dict)
    _numbers: dict[Hashable, int] = field(default_factory=dict)

    def knows(self, member: Member) -> bool:
        """Whether the form of a member's network is known."""
        return _name(member) in self._forms

    def form(self, member: Member) -> NetworkForm:
        """The form of a member's network, which must be known."""
        return self._forms[_name(member)]

    def add(self, member: Member, module: nn.Module, inputs: ProgramInputs) -> None:
        """Take down the form of a network.

        Args:
            member: whose it is.
            module: the network.
            inputs: what its forward is given.
        """
        from ikura.nn import Dropout

        weights = weights_of(module).values()
        marks = [bool(getattr(p, "pretrained", False)) for p in weights]
        full, unrated, kin = (self._numbers.setdefault(one, len(self._numbers)) for one in structures(module))
        rates = tuple(float(part.rate) for part in module.modules() if isinstance(part, Dropout))
        count, first = sum(p.numel() for p in weights), marks == sorted(marks, reverse=True)
        self._forms[_name(member)] = NetworkForm(full, unrated, kin, rates, inputs, count, first)


def _name(member: Member) -> Hashable:
    """What a network is made of: members that have it in common have the same network."""
    return repr(sorted(member.hyperparameters.items())), member.seed
