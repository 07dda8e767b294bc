"""How networks of the caller's are to be run: as programs of the kernel, one after another, or stacked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ikura.errors import UsageError
from ikura.lazy_torch import nn, torch
from ikura.nn.generators import preserved
from ikura.population.batches import Batches
from ikura.population.dry_run import ForwardTraits, dry_run, run_once
from ikura.population.examples import Examples
from ikura.population.factory import NetworkError
from ikura.population.inputs import TakesCodes, asks_for_codes, tensors_of
from ikura.population.loss_check import Aim
from ikura.population.member import Member
from ikura.population.network_setup import NetworkSetup
from ikura.population.own_networks import NetworkForm
from ikura.population.torch_settings import default_torch_settings

if TYPE_CHECKING:
    from ikura.population.program.builder import Program, UnknownOperationError

__all__ = ["OwnNetworkSetup"]

CHECKED = 8
"""Examples on which a program is compared with its module."""
MOST_NUMBERS = 1 << 27
"""Values and errors of a mini-batch of a program at most: 512 MB in float32."""


@dataclass(frozen=True)
class OwnNetworkSetup(NetworkSetup):
    """A setup that knows what was found out about networks of the caller's; see `NetworkSetup`."""

    def program(
        self, member: Member, say: Callable[[str], None] = lambda line: None
    ) -> Program | UnknownOperationError:
        """What a network of the caller's computes as a program of the compiled kernel, or what keeps it from being one.

        Args:
            member: whose network.
            say: told if something has to be compiled.
        """
        form = self.form(member)
        name = form.structure, form.rates
        if name not in self.own.programs:
            self.own.programs[name] = self._lowered(self.module(member), form, self.traits(member), say)
        return self.own.programs[name]

    def _lowered(
        self, module: nn.Module, form: NetworkForm, traits: ForwardTraits, say: Callable[[str], None]
    ) -> Program | UnknownOperationError:
        from ikura.population.program.builder import UnknownOperationError
        from ikura.population.program.lower import Known, lower_alike

        if traits.remembers or traits.passing or traits.sets_weights or traits.harmless:
            return UnknownOperationError("a forward that changes attributes of the network")
        if self.scorer.kernel_loss is None:
            return UnknownOperationError(f"the loss {self.loss.name}")
        if self.train.y.ndim > 2:
            return UnknownOperationError("targets that are arrays of two dimensions or more")
        given = form.inputs.tensors(*self._some(CHECKED))
        known = Known(self.own.traced.get(form.kin), self.own.trusted.get(form.unrated))
        try:
            program, traced = lower_alike(module, known, given, self.outputs, self.dtype, say, form.inputs.every)
        except UnknownOperationError as error:
            return error
        self.own.traced.setdefault(form.kin, traced)
        self.own.trusted.setdefault(form.unrated, program)
        return program

    def form(self, member: Member, module: nn.Module | None = None) -> NetworkForm:
        """What a member's network, one of the caller's, is but for the values of its parameters.

        Args:
            member: whose network.
            module: the network, if it is at hand.

        Raises:
            UsageError: the factory fails, or what it returns is not an `nn.Module`.
        """
        from ikura.population.program.inputs import ProgramInputs

        if not self.own.knows(member):
            found = self.module(member) if module is None else module
            self.own.add(member, found, ProgramInputs.of(found, *self._some(1)))
        return self.own.form(member)

    def runs_as_program(self, member: Member) -> bool:
        """Whether a member's network runs in the compiled kernel as a program, and its mini-batches fit into memory."""
        from ikura.population.program.builder import UnknownOperationError

        if not self._may_be_programs:
            return False
        program = self.program(member)
        rows = min(int(member.values.batch_size), len(self.train))
        return not isinstance(program, UnknownOperationError) and program.numbers_of(rows) <= MOST_NUMBERS

    @property
    def _may_be_programs(self) -> bool:
        own = self.network is not None and not self.compiled
        return own and self.programs and not self.in_python and self.device == "cpu"

    def traits(self, member: Member) -> ForwardTraits:
        """How a member's network is to be run; networks of one structure make one dry run.

        Raises:
            UsageError: the network is none that can be trained.
        """
        own = self.own
        module = None if own.knows(member) else self.module(member)
        form = self.form(member, module)
        if form.unrated not in own.traits:
            module, known = module or self.module(member), own.traits_of_kin.get(form.kin)
            if known is not None and self._runs_like(known, form, module):
                own.traits[form.unrated] = replace(known, notes=())
            else:
                own.traits[form.unrated] = self._dry_run(member, module, known)
            own.traits_of_kin.setdefault(form.kin, own.traits[form.unrated])
        return own.traits[form.unrated]

    def _runs_like(self, known: ForwardTraits, form: NetworkForm, module: nn.Module) -> bool:
        """Whether a network of a known kin was seen to run, because a program was compared with it."""
        from ikura.population.program.builder import Program

        if not self._may_be_programs:
            return False
        name = form.structure, form.rates
        if name not in self.own.programs:
            self.own.programs[name] = self._lowered(module, form, known, lambda line: None)
        return isinstance(self.own.programs[name], Program)

    def runs_in_turn(self, member: Member, company: int) -> bool:
        """Whether a tile of so many members like this one runs its networks one after another, each as it is.

        Raises:
            UsageError: the network is none that can be trained.
        """
        from ikura.population.ways import LEAST_TOGETHER, MOST_WORK

        form = self.form(member)
        if not self.can_run_in_turn(form):
            if self.in_python:
                which = "training_step" if self.optimizer is None else "optimizer"
                raise UsageError(f"{which}= cannot train this network; let pretrained weights come first in it")
            return False
        if self.in_python:
            return True
        work = form.weights * min(int(member.values.batch_size), len(self.train))
        return self.traits(member).in_turn or company < LEAST_TOGETHER or work > MOST_WORK

    def can_run_in_turn(self, form: NetworkForm) -> bool:
        """Whether a network is of the caller's, on the CPU, and pretrained, if at all, in its first weights."""
        if self.network is None or self.device != "cpu" or self.compiled:
            return False
        return form.pretrained_first

    def _dry_run(self, member: Member, module: nn.Module, known: ForwardTraits | None) -> ForwardTraits:
        """Find out how a network is to be run; one of a known kin is only seen to run."""
        examples = self.train.head(16)
        x, codes = tensors_of(examples), torch.from_numpy(examples.codes)
        columns = codes.shape[1]
        if columns and asks_for_codes(self.module(member)) is TakesCodes.NEVER:
            raise UsageError(
                f"{columns} columns have so many categories that they come as codes: let the network's "
                "forward take (x, codes), or leave the columns out by kinds={column: 'ignore'}"
            )
        given = x.to(self.device), codes.to(self.device)
        try:
            with default_torch_settings(), preserved(self.device, self.dtype):
                aim, dtype = self._aim(examples), getattr(torch, self.dtype)
                if known is None:
                    return dry_run(lambda: self.module(member), *given, aim, dtype)
                run_once(module, *given, aim, dtype)
                return replace(known, notes=())
        except NetworkError as error:
            hyperparameters = dict(member.hyperparameters)
            raise NetworkError(f"trial {member.number}: {error} (hyperparameters {hyperparameters})") from error
        except UsageError as error:
            raise UsageError(f"trial {member.number}: {error}") from error

    def _aim(self, examples: Examples) -> Aim:
        batches = Batches(examples, torch.device(self.device), self.task)
        return Aim(self.task, self.output_shape, self.loss, batches.y, batches.weights)
