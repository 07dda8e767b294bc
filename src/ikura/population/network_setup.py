"""What training needs besides the trials, and the networks of members that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ikura.lazy_torch import Module, Tensor, nn, torch
from ikura.nn.array_network import ArrayMLP, ArrayNetwork
from ikura.nn.loss import Loss, OutputShape
from ikura.nn.noise import key
from ikura.population import attributes
from ikura.population.callbacks import Callback
from ikura.population.encodings import FittedEncodings
from ikura.population.examples import Examples
from ikura.population.factory import Factory, build
from ikura.population.inputs import Features, tensors_of
from ikura.population.layout import Layout
from ikura.population.member import Member
from ikura.population.own_networks import OwnNetworks
from ikura.population.own_optimizer import OptimizerFactory
from ikura.population.own_step import TrainingStep
from ikura.population.scoring import Scorer
from ikura.population.structure import weights_of

if TYPE_CHECKING:
    from ikura.nn.zoo.cnn import Recipe

__all__ = ["Network", "NetworkSetup"]

Network = Module | ArrayNetwork
"""A trained network."""


@dataclass(frozen=True)
class NetworkSetup:
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

        Kernels compute some losses (`ikura.population.kernel.loss.kernel_loss`), of fully connected networks also those
        of several values or labels.
        """
        most = 1 if self.convolutional else 2
        known = self.scorer.kernel_loss is not None and self.train.y.ndim <= most
        built_in = self.convolutional or (self.network is None and not self.augmented)
        return self.device == "cpu" and built_in and known

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
