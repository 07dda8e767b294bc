"""Whether a network can be built, run, and shares nothing by accident."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from ikura.checks._base import Check, Result
from ikura.checks.short_training import reseed
from ikura.checks.subject import Batch, Subject
from ikura.lazy_torch import Tensor, nn, torch
from ikura.nn.loss import OutputShape, outputs_of
from ikura.population.inputs import TensorInputs, table_of_inputs

__all__ = ["FactoryCheck", "ForwardCheck", "SharedCheck"]

FEW = 3
"""Examples of the smaller mini-batch of two, by which a network is traced."""


class FactoryCheck(Check):
    """Builds two networks with the same seed: they must be equal, and not be the same."""

    name = "factory"
    any_target = True
    about = "each network has weights of its own, the same for the same seed"
    needs = ("network",)

    def missing(self, subject: Subject) -> str | None:
        """It takes a factory."""
        return "the network is a module, not a factory" if subject.fresh is None else None

    def run(self, subject: Subject) -> Result:
        """Build twice."""
        assert subject.fresh is not None
        first, second = subject.fresh()
        mine = {p.untyped_storage().data_ptr() for p in (*first.parameters(), *first.buffers()) if p.numel()}
        shared = [
            name
            for name, p in (*second.named_parameters(), *second.named_buffers())
            if p.numel() and p.untyped_storage().data_ptr() in mine
        ]
        if shared and (changing := _changed_by_training(subject, second, shared)):
            return self.failed(
                f"two networks of the factory share {changing[0]}",
                "The factory returns a module, or a layer, that it made only once: all trials train it together.",
                "Make every layer inside of the factory.",
                parameter=changing[0],
            )
        for (name, a), (_, b) in zip(first.state_dict().items(), second.state_dict().items(), strict=False):
            if a.shape != b.shape or not torch.equal(a, b):
                return self.warned(
                    f"{name} differs between two networks built with the same seed",
                    "Initial weights come from other random numbers than torch's, or depend on earlier calls.",
                    "Draw initial weights with torch's generator, so that a trial can be repeated.",
                    parameter=name,
                )
        size = sum(p.numel() for p in first.parameters())
        return self.passed(f"{size} weights of its own, the same for the same seed", parameters=size)


def _changed_by_training(subject: Subject, module: nn.Module, names: list[str]) -> list[str]:
    """Which of some parameters and buffers training changes: what has a gradient, and what a forward pass writes."""
    trained = [name for name, p in module.named_parameters() if p.requires_grad and name in names]
    if trained:
        return trained
    copy = deepcopy(module).to("cpu", torch.float32).train()
    before = {name: buffer.clone() for name, buffer in copy.named_buffers() if name in names}
    try:
        reseed()
        with torch.no_grad():
            subject.outputs(copy, subject.batch(8))
    except Exception:
        return list(before)
    after = dict(copy.named_buffers())
    return [name for name, one in before.items() if not torch.equal(one, after[name].to(one.dtype))]


class ForwardCheck(Check):
    """Runs the network on a mini-batch, and one example: shapes, and finite outputs."""

    name = "forward"
    about = "a mini-batch runs through the network and gives outputs and a loss of the right shape"

    def run(self, subject: Subject) -> Result:
        """Run it in training mode and in evaluation mode."""
        batch = subject.batch(8)
        module = subject.module()
        try:
            reseed()
            outputs = subject.outputs(module, batch)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            return self.failed(
                f"the network fails on inputs of shape {tuple(batch.x.shape)}: {reason}",
                "A layer does not fit the one before it, or the inputs have another shape than expected.",
                f"Build the network for examples of shape {_example_shape(batch)}.",
            )
        if not isinstance(outputs, Tensor):
            kind = type(outputs).__name__
            return self.failed(
                f"the network returns a {kind}, not a tensor",
                "The forward returns more than its outputs.",
                "Return the outputs alone.",
            )
        wanted = OutputShape(subject.task, outputs_of(subject.task, subject.classes)).shapes(len(batch.y))
        shape = tuple(outputs.shape)
        figures = {"inputs": list(batch.x.shape), "outputs": list(shape), "targets": list(batch.y.shape)}
        if subject.loss is None and shape not in wanted:
            return self.failed(
                f"the network gives outputs of shape {shape}, but {subject.task} needs {wanted[0]}",
                "Outputs and targets do not fit: against targets of another shape they would be broadcast.",
                f"Return outputs of shape (rows, {wanted[0][1]}), such as from nn.Linear(…, {wanted[0][1]}).",
                **figures,
            )
        if subject.loss is not None and (found := self._broadcast(subject, outputs, batch)):
            return self.failed(
                found,
                "The loss broadcasts them against each other: every output is compared with every target.",
                "Give both the same shape, for example outputs.squeeze(1) or targets.unsqueeze(1).",
                **figures,
            )
        try:
            value = subject.cost(outputs, batch.y)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            return self.failed(
                f"the loss cannot be computed from outputs {shape} and targets {tuple(batch.y.shape)}: {reason}",
                "The loss does not fit the outputs or the targets: their shape, type or range.",
                "Compare what the loss expects (logits, probabilities, class numbers) with what it gets.",
                **figures,
            )
        if not torch.isfinite(outputs).all() or not torch.isfinite(value).all():
            what = "outputs" if not torch.isfinite(outputs).all() else "the loss"
            return self.failed(
                f"{what} of the untrained network are not finite" if what == "outputs" else "the loss is not finite",
                "A logarithm of zero, a division by zero, or an overflow in the forward pass or the loss."
                if bool(torch.isfinite(table_of_inputs(batch.x)).all())
                else "The inputs are not finite either; see values.",
                "Add a small number inside of the logarithm or divisor, use the loss on logits, or mend the inputs.",
                **figures,
            )
        return self._single(subject, module, batch, shape, figures)

    def _broadcast(self, subject: Subject, outputs: torch.Tensor, batch: Batch) -> str | None:
        """Say so where shapes differ and the loss is neither mean nor sum of the examples' losses."""
        a, b = outputs.shape, batch.y.shape
        if not batch.y.is_floating_point() or a == b or a.numel() != b.numel():
            return None
        try:
            with torch.no_grad():
                whole = float(subject.cost(outputs, batch.y))
                rows = range(len(batch.y))
                singles = [float(subject.cost(outputs[i : i + 1], batch.y[i : i + 1])) for i in rows]
        except Exception:
            return None
        fair = (sum(singles), sum(singles) / len(singles))
        if any(abs(whole - one) <= 1e-4 * max(abs(whole), abs(one)) for one in fair):
            return None
        return f"outputs have shape {tuple(a)} and targets {tuple(b)}"

    def _single(
        self, subject: Subject, module: nn.Module, batch: Batch, shape: tuple[int, ...], figures: dict[str, list[int]]
    ) -> Result:
        module.eval()
        try:
            with torch.no_grad():
                one = tuple(subject.outputs(module, batch.rows(slice(1))).shape)
        except Exception as error:
            one, reason = (), f": {' '.join(str(error).split())[:200]}"
        else:
            reason = f": outputs of shape {one}"
        if one != (1, *shape[1:]):
            return self.warned(
                f"a mini-batch of one example does not give one output{reason}",
                "A squeeze() without its dimension also drops the mini-batch's.",
                "Name the dimension: squeeze(1), flatten(1).",
                **figures,
            )
        runs = _way(subject, batch)
        return self.passed(f"inputs {tuple(batch.x.shape)} give outputs {shape}{runs and f'; {runs}'}", **figures)


def _way(subject: Subject, batch: Batch) -> str:
    """How a factory's network will be trained: in the compiled kernel, or in PyTorch and why; empty if not known."""
    from ikura.population.kernel.loss import kernel_loss
    from ikura.population.program.builder import UnknownOperationError
    from ikura.population.program.graph import check_hooks, trace
    from ikura.population.program.graph import run as run_traced
    from ikura.population.program.inputs import ProgramInputs, unwrapped
    from ikura.population.program.translate import translate

    if not subject.custom or subject.step is not None or len(batch.y) <= FEW:
        return ""
    named = subject.named
    unknown = named is not None and kernel_loss(subject.task, named.name, named.parameters) is None
    if subject.loss is not None or (named is not None and (named.own is not None or unknown)):
        which = "a loss of your own" if named is None or named.own is not None else f"the loss {named.name}"
        return f"it trains in PyTorch, because the kernel does not know {which}"
    module = subject.module()
    try:
        inputs = ProgramInputs.of(module, batch.x, batch.codes)
        given = inputs.tensors(batch.x, batch.codes)
        shapes = [tuple(one.shape[1:]) if one.is_floating_point() else None for one in given]
        check_hooks(module)
        traced = trace(unwrapped(module), len(given), inputs.every)
        program = translate(run_traced(traced, unwrapped(module), [[one[:FEW] for one in given], given]), shapes)
    except UnknownOperationError as error:
        return f"it trains in PyTorch, because the kernel does not know {error}"
    parts = dict.fromkeys(kind.name for kind in program.kinds if kind.name not in ("input", "copy"))
    return f"it trains in the compiled kernel: {', '.join(parts)}"


class SharedCheck(Check):
    """Looks for layers that stand at two places of the network."""

    name = "shared-weights"
    any_target = True
    about = "no layer stands at two places by accident"
    needs = ("network",)

    def run(self, subject: Subject) -> Result:
        """Compare the places of layers that have weights."""
        module = subject.module()
        seen: dict[int, str] = {}
        for name, part in module.named_modules(remove_duplicate=False):
            if not any(True for _ in part.parameters(recurse=False)):
                continue
            if id(part) in seen:
                return self.failed(
                    f"{seen[id(part)]} and {name} are one and the same layer",
                    "A layer was repeated as in [nn.Linear(8, 8)] * 3: the places share one set of weights.",
                    "Make a new layer for each place: [nn.Linear(8, 8) for _ in range(3)].",
                    layers=[seen[id(part)], name],
                )
            seen[id(part)] = name
        tied: dict[int, str] = {}
        for name, p in module.named_parameters(remove_duplicate=False):
            if id(p) in tied:
                return self.warned(
                    f"{tied[id(p)]} and {name} are one parameter",
                    "Weights are tied.",
                    "Nothing, if that is meant.",
                    parameters=[tied[id(p)], name],
                )
            tied[id(p)] = name
        return self.passed("every layer has weights of its own")


def _example_shape(batch: Batch) -> tuple[Any, ...]:
    """Shape of one example, of several inputs the shape of each."""
    if isinstance(batch.x, TensorInputs):
        return tuple(shape[1:] for shape in batch.x.shape)
    return tuple(batch.x.shape[1:])
