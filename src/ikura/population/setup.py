"""The training setup: turns trials into tiles, and tiles into trained members."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ikura.errors import UsageError
from ikura.lazy_torch import Module, Tensor, nn, torch
from ikura.nn.array_network import ArrayMLP, ArrayNetwork
from ikura.nn.generators import preserved
from ikura.nn.loss import Loss, OutputShape
from ikura.nn.noise import key
from ikura.population import attributes
from ikura.population._tile import Tile
from ikura.population.batches import Batches
from ikura.population.callbacks import Callback
from ikura.population.distances import DistanceTracker
from ikura.population.dry_run import ForwardTraits, dry_run, run_once
from ikura.population.encodings import FittedEncodings
from ikura.population.examples import Examples
from ikura.population.factory import Factory, NetworkError, build
from ikura.population.inputs import Features, TakesCodes, asks_for_codes, tensors_of
from ikura.population.layout import Layout
from ikura.population.loss_check import Aim
from ikura.population.member import Hyperparameters, Member
from ikura.population.mini_batch_gradients import gradient_norms
from ikura.population.own_networks import NetworkForm, OwnNetworks
from ikura.population.own_optimizer import OptimizerFactory
from ikura.population.own_step import TrainingStep
from ikura.population.scoring import Scorer
from ikura.population.structure import structure, weights_of
from ikura.population.torch_settings import default_torch_settings
from ikura.population.training import TrainingRun

if TYPE_CHECKING:
    from ikura.nn.zoo.cnn import Recipe
    from ikura.population.program.builder import Program, UnknownOperationError

__all__ = ["Network", "TrainingSetup"]

Network = Module | ArrayNetwork
"""A trained network."""

CHECKED = 8
"""Examples on which a program is compared with its module."""
LOOKED_AT = 8
"""Mini-batches over which the norm of the gradient is taken."""
MOST_NUMBERS = 1 << 27
"""Values and errors of a mini-batch of a program at most: 512 MB in float32."""


@dataclass(frozen=True)
class TrainingSetup:
    """Everything that training needs besides the trials: examples, task, network, precision, device.

    Attributes:
        train, dev: the examples; there is no test set here.
        scorer: how outputs are scored.
        outputs: number of raw outputs.
        cardinalities: number of codes of each embedded category.
        numeric: numeric columns of tables, each with the column that marks its missing values, -1 for none.
        network: factory of one member's network from its hyperparameters; None for the built-in one.
        dtype: "float32" or "float64".
        device: a torch device.
        least_units: width to which stacked built-in networks are padded at least.
        augmented: whether trials change their training images, which the fully connected kernel does not do.
        callbacks: told of every epoch of the trials of a study; see `EpochRecord`.
        training_step: computes the loss of a mini-batch in training; None for the loss of the outputs.
        optimizer: makes the optimizer of a network from it and its hyperparameters, in place of an update rule of
            ikura's; None for that.
        own: what was found out about networks of the caller's.
        encodings: of numeric columns, and transforms of the target, as they were fitted.
        programs: whether networks of the caller's are run as programs of the compiled kernel where they can be.
        mostly_programs: whether they can be, by one that was looked at.
        norms: whether the sizes of weights, their changes and gradients are recorded of each epoch, see `TrainingRun`.
    """

    train: Examples
    dev: Examples
    scorer: Scorer
    outputs: int
    cardinalities: tuple[int, ...] = ()
    numeric: tuple[tuple[int, int], ...] = ()
    network: Factory | None = None
    dtype: str = "float32"
    device: str = "cpu"
    least_units: int = 0
    augmented: bool = False
    callbacks: tuple[Callback, ...] = ()
    training_step: TrainingStep | None = None
    optimizer: OptimizerFactory | None = None
    programs: bool = False
    mostly_programs: bool = False
    norms: bool = False
    own: OwnNetworks = field(default_factory=OwnNetworks, repr=False, compare=False)
    encodings: FittedEncodings = field(default_factory=FittedEncodings, repr=False, compare=False)

    @property
    def compiled(self) -> bool:
        """Whether tiles run in a compiled kernel: built-in networks on the CPU, fully connected ones if unaugmented.

        Kernels compute the task's usual loss of examples that count alike.
        """
        usual = self.scorer.usual and self.train.weights is None and self.train.y.ndim == 1
        built_in = self.convolutional or (self.network is None and not self.augmented)
        return self.device == "cpu" and built_in and usual

    @property
    def needs_torch(self) -> bool:
        """Whether PyTorch takes part in training: all but built-in networks in the kernel, and gradients' norms."""
        return self.network is not None or not self.compiled or self.norms

    @property
    def threaded(self) -> bool:
        """Whether tiles are trained by code that runs without the interpreter's lock."""
        return self.compiled or self.mostly_programs

    @property
    def convolutional(self) -> bool:
        """Whether the network is the small convolutional one, begun afresh or pretrained."""
        from ikura.nn.zoo.cnn import cnn

        return self.network is cnn or bool(getattr(self.network, "convolutional", False))

    @property
    def task(self) -> str:
        """The task's name."""
        return self.scorer.task

    @property
    def loss(self) -> Loss:
        """What training makes small."""
        return self.scorer.criterion

    @property
    def output_shape(self) -> OutputShape:
        """The raw outputs that the loss takes."""
        return OutputShape(self.task, self.outputs, self.train.y.shape[1:], self.loss.own is not None)

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
        if not self.scorer.usual or self.train.weights is not None or self.train.y.ndim != 1:
            return UnknownOperationError("a loss other than the task's usual one, or examples with weights")
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

    @property
    def in_python(self) -> bool:
        """Whether functions of the caller's make the updates, which no compiled or vectorised training calls."""
        return self.training_step is not None or self.optimizer is not None

    def layout(self, member: Member) -> Layout:
        """Layout of a member's built-in network."""
        encoding = self.encodings.of(member.values, self.train, self.numeric)
        target = self.encodings.target(member.values, self.train, self.scorer)
        return Layout.of(member, int(np.prod(self.train.shape)), self.outputs, self.cardinalities, encoding, target)

    def learned(self, member: Member, examples: Examples) -> Examples:
        """Examples with what a member learns in place of their targets; the same where that is these themselves."""
        target = self.layout(member).target if self.network is None else None
        return examples if target is None else replace(examples, y=target.apply(examples.y).astype(examples.y.dtype))

    def module(self, member: Member) -> nn.Module:
        """Build a member's network with its initial weights, keyed by the member's seed.

        Raises:
            UsageError: the factory fails, or what it returns is not an `nn.Module`.
        """
        if self.network is None:
            return self.layout(member).module(member)
        who = f"trial {member.number}"
        return build(self.network, self.hyperparameters(member), key(member.seed, "weights"), who, self.few)

    def hyperparameters(self, member: Member) -> dict[str, Any]:
        """What a factory reads: the trial's hyperparameters, and inputs, outputs and shape of an example."""
        return {**member.hyperparameters, **self.sizes}

    @property
    def sizes(self) -> dict[str, Any]:
        """Inputs, outputs and shape of an example."""
        own = self.train.sizes
        return {"inputs": own["inputs"], "outputs": self.outputs, "shape": own["shape"]}

    @property
    def few(self) -> list[Features]:
        """Two examples as a network takes them."""
        return list(self._some(2))

    def _some(self, rows: int) -> tuple[Features, torch.Tensor]:
        examples = self.train.head(rows)
        x = tensors_of(examples)
        x = x if isinstance(x, Tensor) and not x.is_floating_point() else x.to(torch.float32)
        return x, torch.from_numpy(examples.codes)

    def recipe(self, member: Member) -> Recipe:
        """What the small convolutional network of a member is made of."""
        from ikura.nn.zoo.cnn import Recipe

        recipe = getattr(self.network, "recipe", Recipe.of)
        return recipe(self.hyperparameters(member))

    def tile(self, members: Sequence[Member]) -> Tile:
        """Build the tile of members that `packing.pack` put together."""
        from ikura.nn.zoo.cnn import cnn

        if self.compiled and self.convolutional:
            from ikura.population.convolution import ConvolutionTile

            built: list[Any] = [self.module(m) for m in members]
            if self.network is not cnn:
                self.traits(members[0])
            return ConvolutionTile(members, [self.recipe(m) for m in members], built, self.task, self.dtype)
        if self.compiled:
            from ikura.population.compiled import CompiledTile

            return CompiledTile(members, [self.layout(m) for m in members], self.task, self.dtype)
        if self.runs_as_program(members[0]):
            return self._program_tile(members)
        from ikura.population.stacked import StackedTile

        if self.network is not None:
            modules = [self.module(member) for member in members]
            traits = self.traits(members[0])
            differ = len({structure(module) for module in modules}) > 1
            if differ or self.runs_in_turn(members[0], len(members)):
                return self._in_turn_tile(members, modules, traits)
            return StackedTile(
                members, modules, self.task, self.dtype, self.device, None, self.output_shape, traits, self.loss
            )
        layouts = [self.layout(member) for member in members]
        least = 0 if layouts[0].normalisation == "layer" else self.least_units
        widest = (max(least, *column) for column in zip(*(layout.units for layout in layouts), strict=True))
        wide = replace(layouts[0], units=tuple(widest))
        padded, free = zip(
            *(layout.padded(member, wide) for layout, member in zip(layouts, members, strict=True)), strict=True
        )
        modules = [wide.module(member, weights) for member, weights in zip(members, padded, strict=True)]
        return StackedTile(
            members, modules, self.task, self.dtype, self.device, np.stack(free), self.output_shape, loss=self.loss,
            targets=[layout.target for layout in layouts],
        )  # fmt: skip

    def _in_turn_tile(self, members: Sequence[Member], modules: Sequence[nn.Module], traits: ForwardTraits) -> Tile:
        own = [Hyperparameters(self.hyperparameters(member)) for member in members]
        given: dict[str, Any] = {
            "task": self.task,
            "dtype": self.dtype,
            "outputs": self.output_shape,
            "traits": traits,
            "loss": self.loss,
            "step": self.training_step,
        }
        if self.optimizer is not None:
            from ikura.population.optimizer_tile import OptimizerTile

            return OptimizerTile(members, modules, self.optimizer, own, **given)
        from ikura.population.in_turn import InTurnTile

        return InTurnTile(members, modules, hyperparameters=own, **given)

    def _program_tile(self, members: Sequence[Member]) -> Tile:
        from ikura.population.program.builder import UnknownOperationError
        from ikura.population.program.tile import ProgramTile

        programs = [program for program in map(self.program, members) if not isinstance(program, UnknownOperationError)]
        weights = [self.traits(member).weights for member in members]
        modules = [self.module(member) for member in members]
        inputs = self.form(members[0]).inputs
        return ProgramTile(members, programs, modules, inputs, weights, self.task, self.dtype)

    def weights(self, member: Member) -> int:
        """Count the weights of a member's network."""
        if self.network is None:
            return self.layout(member).size
        return sum(parameter.numel() for parameter in self.module(member).parameters())

    def trained_network(self, member: Member, weights: np.ndarray, buffers: dict[str, np.ndarray]) -> Network:
        """Build a member's network with what `Tile.best` returned: a built-in one as arrays, others as modules.

        Args:
            member: the member.
            weights, buffers: what `Tile.best` returned.
        """
        if self.network is not None:
            return self.trained(member, weights, buffers)
        return ArrayMLP.of_weights(self.layout(member).arguments(member), weights, buffers)

    def trained(
        self, member: Member, weights: np.ndarray, buffers: dict[str, np.ndarray], predicts: bool = True
    ) -> nn.Module:
        """Build a member's network with what `Tile.best` returned, in evaluation mode.

        Args:
            member: the member.
            weights, buffers: what `Tile.best` returned.
            predicts: whether its outputs are values, in place of what is learned of them.
        """
        module = self.module(member) if self.network is not None else self.layout(member).module(member, None, predicts)
        vector = torch.from_numpy(weights)
        module = module.to(vector.dtype)
        torch.nn.utils.vector_to_parameters(vector, weights_of(module).values())
        attributes.restore(module, buffers)
        for name, buffer in module.named_buffers():
            if name in buffers:
                # The buffers of a member that was padded begin with its own.
                own = tuple(slice(0, length) for length in buffer.shape)
                buffer.copy_(torch.from_numpy(np.asarray(buffers[name][own])))
        return module.eval()

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

    def training(
        self,
        members: Sequence[Member],
        patience: int | None = None,
        budget: int | None = None,
        keep_distances: bool = False,
        more: float = 1.0,
    ) -> TrainingRun:
        """Begin the training of a tile; the arguments are those of `TrainingRun`."""
        tile, tracker = self.tile(members), None
        if keep_distances:
            sizes = [{n: p.numel() for n, p in weights_of(self.module(member)).items()} for member in members]
            tracker = DistanceTracker(tile, sizes)
        return TrainingRun(
            tile, self.train, self.dev, self.scorer, patience, budget, tracker=tracker, more=more,
            norms=self.norms, gradient_norm=self._gradient_norm if self.norms and self._has_gradients else None,
        )  # fmt: skip

    def gradient_norms(self, member: Member, module: nn.Module, epoch: int, batches: int) -> list[float]:
        """Measure the gradients of the mini-batches that an epoch begins with, see `mini_batch_gradients`."""
        examples = self.learned(member, self.train.ordered(member.seed, epoch))
        return gradient_norms(module, member, self.loss, self.task, examples, epoch, batches)

    @property
    def _has_gradients(self) -> bool:
        """Whether training makes the loss of the outputs small, and not one that the caller computes in a step."""
        return self.training_step is None

    def _gradient_norm(self, member: Member, weights: np.ndarray, epoch: int) -> float:
        """Mean norm of the gradients of the mini-batches that an epoch begins with, at weights that a member has."""
        module = self.trained(member, weights, {}, predicts=False)
        return float(np.mean(self.gradient_norms(member, module, epoch, LOOKED_AT)))
