"""A dry run: two networks of the caller's are made and run on a few examples before any is trained.

What cannot be right is refused in one line; what tells how a network is to be run is found out.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from ikura.errors import UsageError
from ikura.lazy_torch import Module, Tensor, nn, pytree, torch
from ikura.nn.generators import preserved, seeded
from ikura.nn.noise import Draws, drawing
from ikura.population.attributes import OUTSIDE, UnwritableError, complaint, observe, read
from ikura.population.factory import NetworkError
from ikura.population.inputs import Features, call_forward
from ikura.population.loss_check import Aim, check_loss, check_predictions
from ikura.population.stacked_module import check_buffer

__all__ = ["ForwardTraits", "dry_run", "run_once"]


@dataclass(frozen=True)
class ForwardTraits:
    """How networks of one structure are to be run.

    Attributes:
        weights: names of the parameters that penalties, weight decay and bounded norms are for; None for all of two
            dimensions or more.
        remembers: paths of attributes that hold what later forwards read: each member needs a module of its own.
        passing: paths of attributes that each forward sets anew.
        harmless: what else a forward changes that nothing is read from.
        sets_weights: whether a forward in training changes parameters by itself.
        draws_outside: whether a forward in training draws from Python's or NumPy's generator.
        in_turn: whether networks run faster, or at all, one after another.
        reason: why, if it is not for what they keep or set; empty if it is.
        notes: sentences for the user.
    """

    weights: frozenset[str] | None = None
    remembers: frozenset[str] = frozenset()
    passing: frozenset[str] = frozenset()
    harmless: frozenset[str] = frozenset()
    sets_weights: bool = False
    draws_outside: bool = False
    in_turn: bool = False
    reason: str = ""
    notes: tuple[str, ...] = ()


def shared_tensor(first: nn.Module, second: nn.Module) -> str | None:
    """Name a parameter or buffer of the second network that lies in the memory of the first; None if none does.

    Example:
        >>> layer = nn.Linear(1, 1)
        >>> shared_tensor(layer, nn.Sequential(layer)), shared_tensor(layer, nn.Linear(1, 1))
        ('0.weight', None)
    """
    mine = {t.untyped_storage().data_ptr() for t in (*first.parameters(), *first.buffers()) if t.numel()}
    for name, tensor in (*second.named_parameters(), *second.named_buffers()):
        if tensor.numel() and tensor.untyped_storage().data_ptr() in mine:
            return name
    return None


def unequal_tensor(first: nn.Module, second: nn.Module) -> str | None:
    """Name a parameter or buffer in which two networks differ; None if there is none."""
    theirs = dict((*second.named_parameters(), *second.named_buffers()))
    for name, tensor in (*first.named_parameters(), *first.named_buffers()):
        other = theirs.get(name)
        if other is None or other.shape != tensor.shape or not torch.equal(other, tensor):
            return name
    return None


def dry_run(make: Callable[[], nn.Module], x: Features, codes: Tensor, aim: Aim, dtype: torch.dtype) -> ForwardTraits:
    """Make two networks and run them on a few examples.

    Args:
        make: makes a network, the same each time.
        x: features of some examples, shape (rows, ...), or several inputs.
        codes: their codes, shape (rows, embedded columns).
        aim: what the outputs are for.
        dtype: the precision of training.

    Returns:
        How such networks are to be run.

    Raises:
        NetworkError: a network fails.
        UsageError: it cannot be trained rightly, whatever its hyperparameters.
    """
    from ikura.population.ways import draws_outside

    first, second = make(), make()
    _check_own(first, second)
    wide = sorted({str(p.dtype) for p in first.parameters() if p.is_floating_point()} - {str(dtype), "torch.float32"})
    notes = [f"The network is made in {', '.join(wide).replace('torch.', '')} and trained in {_name(dtype)}."] * bool(
        wide
    )
    if (name := unequal_tensor(first, second)) is not None:
        notes.append(
            f"The network's {name} differs between two networks made with one seed: trials cannot be repeated. Draw "
            "initial values with torch's generator."
        )
    before = observe(first)
    if name := next((n for n, value in observe(second).items() if before.get(n) != value), None):
        raise UsageError(
            f"the network's {name!r} differs between two networks made with one seed, so that a saved model could not "
            "be made again; register it as a buffer, or draw it with torch's generator"
        )
    first, second = first.to(x.device, dtype), second.to(x.device, dtype)
    buffers = {name: buffer.clone() for name, buffer in first.named_buffers()}
    half = max(min(len(x) // 2, 8), 1)
    one, other = slice(half), slice(half, 2 * half) if len(x) > half else slice(half)
    two = slice(min(len(x), 2))
    before = observe(first)
    for module in (first, second):
        _evaluate(module, x[two], codes[two], aim)
    values = {name: p.detach().clone() for name, p in first.named_parameters()}
    found = _train(first, x[one], codes[one], aim)
    sets = any(not torch.equal(p, values[name]) for name, p in first.named_parameters())
    check_loss(found, aim.rows(one))
    if not sets:
        notes += _check_gradient(first, found)
    for module in (first, second):
        _train(module, x[other], codes[other], aim)
    passing = _passing(first, second)
    for module in (first, second):
        found = _evaluate(module, x[one], codes[one], aim)
    notes += check_predictions(found, aim.rows(one))
    for name, buffer in first.named_buffers():
        check_buffer(name, buffers[name], buffer)
    remembers, harmless = _remembered(first, second, before, passing, lambda: _train(first, x[one], codes[one], aim))
    weights = _weights(second, x[one], codes[one])
    if _draws_in_evaluation(second, x[one], codes[one]):
        notes.append(
            "The network draws random numbers in evaluation too, as F.dropout(x) does without training=self.training: "
            "its scores and predictions are those of one draw, which predict repeats."
        )
    outside = draws_outside(second, x[one], codes[one])
    given = second, x[one], codes[one], aim.rows(one)
    reason = "" if remembers or sets or x.device.type != "cpu" else _alone(first, *given)
    alone = bool(remembers) or sets or bool(reason)
    return ForwardTraits(weights, remembers, passing, harmless, sets, outside, alone, reason, tuple(notes))


def run_once(module: nn.Module, x: Features, codes: Tensor, aim: Aim, dtype: torch.dtype) -> None:
    """See that a network runs, in evaluation and in training, one of whose kin made a dry run.

    Args:
        module: is changed as by training.
        x, codes, aim, dtype: see `dry_run`.

    Raises:
        NetworkError: it fails.
        UsageError: its outputs are not what they are to be.
    """
    module = module.to(x.device, dtype)
    few = slice(min(len(x), 4))
    _evaluate(module, x[few], codes[few], aim)
    check_loss(_train(module, x[few], codes[few], aim), aim.rows(few))


def _alone(first: nn.Module, second: nn.Module, x: Features, codes: Tensor, aim: Aim) -> str:
    """Why networks run one after another; empty if they can run at once."""
    from ikura.population.ways import slow_at_once, vmap_failure

    if name := slow_at_once(second, x, codes):
        return f"{name} is faster so"
    failure = vmap_failure(first, second, x, codes, aim)
    return f"vmap cannot run the network ({failure[:160]}{'…' * (len(failure) > 160)})" if failure else ""


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _check_own(first: nn.Module, second: nn.Module) -> None:
    """Refuse networks that share something, and parts that PyTorch or ikura cannot train or save."""
    if (name := shared_tensor(first, second)) is not None:
        raise UsageError(
            f"two networks of the factory share {name}: it gives out a module, or a layer, that was made only once, "
            "and all trials would train it together; make every layer inside of the factory, anew in each call"
        )
    if not any(True for _ in first.parameters()):
        raise UsageError("the network has no parameters to train")
    for name, p in first.named_parameters():
        if p.is_complex():
            raise UsageError(f"the parameter {name} is complex; keep it as reals, and use torch.view_as_complex")
        if getattr(p, "_post_accumulate_grad_hooks", None):
            raise UsageError(
                f"the parameter {name} has a hook for gradients that are accumulated, which never are here; use "
                "register_hook"
            )
    for name, value in first.state_dict().items():
        if not isinstance(value, Tensor):
            raise UsageError(f"the network keeps {name} as extra state, which is not saved; register it as a buffer")
    registered = {id(p) for p in first.parameters()}
    for path, part in first.named_modules():
        for name, value in vars(part).items():
            inner = list(value.values()) if isinstance(value, dict) else value
            if name.startswith("_") or not isinstance(inner, list | tuple):
                continue
            layers = [p for one in inner if isinstance(one, Module) for p in one.parameters()]
            layers += [one for one in inner if isinstance(one, nn.Parameter)]
            if any(id(p) not in registered for p in layers):
                where = f"{path}.{name}" if path else name
                kinds = "nn.ModuleDict" if isinstance(value, dict) else "nn.ModuleList or nn.ParameterList"
                raise UsageError(
                    f"the network keeps layers in {where!r}, a plain {type(value).__name__}, where PyTorch does not "
                    f"see their weights: they would not be trained; use {kinds}"
                )


def _evaluate(module: nn.Module, x: Features, codes: Tensor, aim: Aim) -> Any:
    """Refuse a network that does not map examples to outputs."""
    try:
        with torch.no_grad(), seeded(0):
            found = call_forward(module.eval(), x, codes)
    except Exception as error:
        raise NetworkError(f"the network fails on inputs of shape {tuple(x.shape)}: {_reason(error)}") from error
    if isinstance(found, Tensor) and not aim.outputs.free and tuple(found.shape) not in aim.outputs.shapes(len(x)):
        raise UsageError(
            f"the network must map {tuple(x.shape)} to {aim.outputs.shapes(len(x))[0]} for this {aim.task} task, but "
            f"gives {tuple(found.shape)}"
        )
    aim.outputs.check(found, len(x))
    numbers = [one for one in pytree.tree_leaves(found) if isinstance(one, Tensor)]
    if any(bool(torch.isnan(one).any() or torch.isposinf(one).any()) for one in numbers):
        raise NetworkError(
            f"the network's outputs are not finite before training, on inputs of shape {tuple(x.shape)}: look at its "
            "initial weights, and for logarithms of zero and divisions by zero"
        )
    return found


def _train(module: nn.Module, x: Features, codes: Tensor, aim: Aim) -> Any:
    try:
        with seeded(0), drawing(Draws(0, 0)):
            found = call_forward(module.train(), x, codes)
    except Exception as error:
        raise NetworkError(
            f"the network fails in training on inputs of shape {tuple(x.shape)}: {_reason(error)}"
        ) from error
    try:
        aim.outputs.check(found, len(x))
    except UsageError as error:
        raise UsageError(f"in training, {error}") from None
    return found


def _check_gradient(module: nn.Module, found: Any) -> list[str]:
    """Refuse a network of which nothing can be trained; say so if no parameter changes its outputs."""
    learning = [p for p in module.parameters() if p.requires_grad]
    if not learning:
        raise UsageError("all parameters of the network are frozen (requires_grad is False), so that none is trained")
    outputs = [one for one in pytree.tree_leaves(found) if isinstance(one, Tensor) and one.requires_grad]
    if not outputs:
        raise UsageError(
            "in training, no gradient leads from the network's outputs to its parameters: forward computes them under "
            "torch.no_grad() or torch.inference_mode(), detaches them, or leaves torch"
        )
    try:
        # A combination of all outputs in which none cancels another.
        parts = [(one * torch.linspace(1.0, 2.0, one.numel(), device=one.device).view_as(one)).sum() for one in outputs]
        slopes = torch.autograd.grad(torch.stack(parts).sum(), learning, allow_unused=True)
    except Exception as error:
        raise NetworkError(f"the gradient of the network's outputs fails: {_reason(error)}") from error
    if any(g is not None and bool((g.to_dense() if g.is_sparse else g).any()) for g in slopes):
        return []
    return [
        "No parameter changes the network's outputs on the first examples: all gradients are exactly zero (a softmax "
        "over one output is always 1; units that are dead or saturated pass nothing on)."
    ]


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _weights(module: nn.Module, x: Features, codes: Tensor) -> frozenset[str]:
    from ikura.nn.products import weights_in_products

    with torch.no_grad(), preserved():
        return weights_in_products(module.eval(), lambda: call_forward(module, x, codes))


def _draws_in_evaluation(module: nn.Module, x: Features, codes: Tensor) -> bool:
    """Whether outputs in evaluation are the same for the same random numbers, and others for others."""
    found = []
    for stream in (0, 0, 1):
        with torch.no_grad(), seeded(stream, x.device):
            found.append(call_forward(module.eval(), x, codes))
    return _equal(found[0], found[1]) and not _equal(found[0], found[2])


def _equal(first: Any, second: Any) -> bool:
    """Whether two outputs are the same."""
    mine, theirs = ([one for one in pytree.tree_leaves(each) if isinstance(one, Tensor)] for each in (first, second))
    return len(mine) == len(theirs) and all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


def _value(module: nn.Module, path: str) -> object:
    where, _, name = path.rpartition(".")
    return getattr(module.get_submodule(where), name, None)


def _passing(first: nn.Module, second: nn.Module) -> frozenset[str]:
    """Attributes that hold what the last forward computed, and nothing of the forwards before it.

    The first network has seen a mini-batch more than the second; what is set anew by each forward is the same in both.
    """
    after, other = observe(first), observe(second)
    same = [name for name in after if after[name] == other.get(name) and not name.startswith(OUTSIDE)]
    found = {name: _value(first, name) for name in same if not name.endswith("_hooks")}
    return frozenset(n for n, value in found.items() if isinstance(value, Tensor) and value.grad_fn is not None)


def _remembered(
    first: nn.Module,
    second: nn.Module,
    before: Mapping[str, Hashable],
    passing: frozenset[str],
    again: Callable[[], object],
) -> tuple[frozenset[str], frozenset[str]]:
    """Find attributes that forwards change: those that each member must have for its own, and those nothing reads.

    Raises:
        UsageError: one is shared by all networks, or cannot be saved.
    """
    after, other = observe(first), observe(second)
    remembers, harmless = set(), set()
    for name in (n for n in {**before, **after} if before.get(n) != after.get(n) and n not in passing):
        if name.startswith(OUTSIDE):
            if _goes_on_changing(first, name, again):
                raise UsageError(complaint(name))
            harmless.add(name)
        elif name.endswith("_hooks"):
            if after.get(name) != other.get(name):
                raise UsageError(complaint(name))
            harmless.add(name)
        else:
            try:
                read(first, {name})
            except UnwritableError as error:
                raise UsageError(complaint(name)) from error
            remembers.add(name)
    return frozenset(remembers), frozenset(harmless)


def _goes_on_changing(module: nn.Module, name: str, again: Callable[[], object]) -> bool:
    """Whether the same mini-batch, seen again, changes a value that networks share: a table filled once does not."""
    again()
    then = observe(module).get(name)
    again()
    return observe(module).get(name) != then
