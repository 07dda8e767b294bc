"""An ordinary PyTorch training loop, with `torch.optim` and its schedulers, to which populations are compared."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import ceil, exp, inf, log2, pi, sin, sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ikura.nn import INITIALISATIONS, Dropout
from ikura.nn.noise import Draws, drawing, key, normal, permutation
from ikura.population.examples import Examples
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup

from .encoding import Encoded, Transformed

__all__ = ["ACTIVATION", "Net", "Smorms3", "optimizer", "train_by_hand"]

ACTIVATION: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


class Net(nn.Module):
    """Encoded columns, embeddings, factors on them and a `Sequential`, with weights drawn from keyed noise.

    Args:
        member: whose network.
        inputs: columns of x.
        outputs: raw outputs.
        cardinalities: number of codes of each embedding.
        setup: whose training rows numeric columns are encoded by; None where they go in as they are.
    """

    def __init__(
        self,
        member: Member,
        inputs: int,
        outputs: int,
        cardinalities: tuple[int, ...],
        setup: TrainingSetup | None = None,
    ) -> None:
        super().__init__()
        values = member.values
        self.encoding = None
        if setup is not None:
            self.encoding = Encoded(values, member.seed, setup.train.array, setup.numeric)
            inputs = self.encoding(torch.from_numpy(setup.train.array[:2])).shape[1]
        self.tables = nn.ModuleList()
        for i, cardinality in enumerate(cardinalities):
            size = values.embedding_size or min(16, ceil(sqrt(cardinality)))
            table = torch.from_numpy(normal(key(member.seed, "embedding", i), cardinality, size)) / sqrt(size)
            table[0] = 0
            self.tables.append(nn.Embedding.from_pretrained(table, freeze=False))
            inputs += size
        self.scale = nn.Parameter(torch.ones(inputs, dtype=torch.float64)) if values.scale_rate else None
        widths = [inputs, *[values.units] * values.layers, outputs]
        stack: list[nn.Module] = []
        for layer, (fan_in, fan_out) in enumerate(pairwise(widths)):
            linear = nn.Linear(fan_in, fan_out, dtype=torch.float64)
            draw = INITIALISATIONS[values.initialisation]
            linear.weight.data = torch.from_numpy(draw(key(member.seed, "weights", layer), fan_out, fan_in))
            linear.bias.data.zero_()
            stack += [linear, ACTIVATION[values.activation](), Dropout(values.dropout, layer)]
        self.stack = nn.Sequential(*stack[:-2])

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        """Raw outputs."""
        embedded = [table(codes[:, i].long()) for i, table in enumerate(self.tables)]
        joined = torch.cat([x if self.encoding is None else self.encoding(x), *embedded], 1)
        out: Tensor = self.stack(joined if self.scale is None else joined * self.scale)
        return out


class Smorms3(torch.optim.Optimizer):
    """SMORMS3 as Funk wrote it (sifter.org/~simon/journal/20150420.html)."""

    def __init__(self, parameters: Any, lr: float, eps: float, weight_decay: float = 0.0) -> None:
        super().__init__(parameters, {"lr": lr, "eps": eps, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update all parameters."""
        for group in self.param_groups:
            for p in group["params"]:
                mem, g, g2 = self.state[p].get("kept", (torch.ones_like(p), torch.zeros_like(p), torch.zeros_like(p)))
                grad = p.grad + group["weight_decay"] * p
                r = 1 / (mem + 1)
                g = (1 - r) * g + r * grad
                g2 = (1 - r) * g2 + r * grad**2
                mem = 1 + mem * (1 - g * g / (g2 + group["eps"]))
                self.state[p]["kept"] = mem, g, g2
                p -= grad * torch.clamp(g * g / (g2 + group["eps"]), max=group["lr"]) / (g2.sqrt() + group["eps"])


def optimizer(values: Any, weights: list[Tensor], biases: list[Tensor], coupled: float = 0.0) -> torch.optim.Optimizer:
    """The counterpart in torch.optim; weights, not biases, decay: coupled with the gradient if asked, or decoupled.

    Only AdamW and Adam decouple the decay themselves.
    """
    v, name = values, values["optimizer"]
    adaptive = name in ("adam", "adamw") and v["weight_decay"] > 0
    decay = v["weight_decay"] if adaptive else coupled
    groups = [{"params": p, "weight_decay": d} for p, d in ((weights, decay), (biases, 0.0)) if p]
    lr, betas, eps = v["learning_rate"], (v["beta1"], v["beta2"]), v["epsilon"]
    if name in ("adam", "adamw"):
        return (torch.optim.AdamW if adaptive else torch.optim.Adam)(groups, lr, betas, eps)
    if name == "rmsprop":
        return torch.optim.RMSprop(groups, lr, v["beta2"], eps)
    if name == "adagrad":
        return torch.optim.Adagrad(groups, lr, eps=eps)
    if name == "adadelta":
        return torch.optim.Adadelta(groups, lr, v["beta2"], eps)
    if name == "smorms3":
        return Smorms3(groups, lr, eps)
    return torch.optim.SGD(groups, lr, 0 if name == "sgd" else v["momentum"], nesterov=name == "nesterov")


class ByDistance:
    """A scheduler: with the distance at the end of epoch 1 + ⌈warm_up⌉ as the unit, one drop for each power reached."""

    def __init__(self, rule: torch.optim.Optimizer, values: Any) -> None:
        self.rule, self.values, self.epochs, self.first, self.drops = rule, values, 0, inf, 0
        self.start = self.weights()

    def weights(self) -> Tensor:
        """All weights, flat."""
        return torch.cat([p.detach().flatten() for group in self.rule.param_groups for p in group["params"]])

    def step(self) -> None:
        """An epoch has passed."""
        self.epochs += 1
        now = (self.weights() - self.start).norm().item()
        if self.epochs == 1 + ceil(self.values["warm_up"]):
            self.first = now
        while now >= self.first * self.values["distance_growth"] ** (self.drops + 1):
            self.drops += 1
            for group in self.rule.param_groups:
                group["lr"] *= self.values["step_factor"]


class Schedulers:
    """The counterpart in torch.optim.lr_scheduler, stepped when it wants to be."""

    def __init__(self, rule: torch.optim.Optimizer, values: Any, steps: int, epochs: int) -> None:
        v, lr, name = values, values["learning_rate"], values["schedule_shape"]
        self.after_step: list[Any] = []
        self.after_epoch: list[Any] = []
        self.after_loss: list[Any] = []
        warm = round(v["warm_up"] * steps, 9)
        if warm > 0:
            if warm == int(warm):
                self.after_step.append(lr_scheduler.LinearLR(rule, 1 / warm, total_iters=int(warm) - 1))
            else:
                share = [min(1, (n + 1) / warm) for n in range(steps * epochs + 1)]
                self.after_step.append(lr_scheduler.LambdaLR(rule, lambda n: share[n]))
        if name == "inverse_time":
            decay = lr_scheduler.LambdaLR(rule, lambda epoch: 1 / (1 + v["learning_rate_decay"] * epoch))
            self.after_epoch.append(decay)
        elif name == "exponential":
            self.after_step.append(lr_scheduler.ExponentialLR(rule, exp(-v["learning_rate_decay"] / steps)))
        elif name == "step":
            self.after_epoch.append(lr_scheduler.StepLR(rule, v["step_epochs"], v["step_factor"]))
        elif name == "pieces":
            shares = dict(map(float, one.split(":")) for one in v["pieces"].split())
            now = lr_scheduler.LambdaLR(rule, lambda n: [1, *(s for e, s in sorted(shares.items()) if e <= n)][-1])
            self.after_epoch.append(now)
        elif name == "cosine":
            self.after_step.append(lr_scheduler.CosineAnnealingLR(rule, steps * epochs, v["final_share"] * lr))
        elif name == "flat_cos":
            end = steps * epochs
            flat = ceil(end / 2)
            low = v["final_share"]
            share = [1.0] * flat + [low + (1 - low) * sin(pi * (1 - n / end)) ** 2 for n in range(flat, end + 1)]
            self.after_step.append(lr_scheduler.LambdaLR(rule, lambda n: share[n]))
        elif name == "coslog":
            low, waves = v["final_share"], [log2(1 + 15 * n / (steps * epochs)) for n in range(steps * epochs + 1)]
            wave = [low + (1 - low) * sin(pi * one) ** 2 for one in waves]
            self.after_step.append(lr_scheduler.LambdaLR(rule, lambda n: wave[n]))
        elif name == "one_cycle":
            cycle = lr_scheduler.OneCycleLR(
                rule, lr, steps * epochs, pct_start=v["peak_at"], div_factor=1 / v["initial_share"],
                final_div_factor=v["initial_share"] / v["final_share"], cycle_momentum=False,
            )  # fmt: skip
            self.after_step.append(cycle)
        elif name == "plateau":
            plateau = lr_scheduler.ReduceLROnPlateau(
                rule, factor=v["step_factor"], patience=v["plateau_patience"], min_lr=v["final_share"] * lr, eps=0
            )
            self.after_loss.append(plateau)
        elif name == "distance":
            self.after_epoch.append(ByDistance(rule, v))
        self.left = steps * epochs

    def step(self) -> None:
        """An update has been made; the last one is not announced, as `OneCycleLR` counts to the end."""
        self.left -= 1
        for one in self.after_step if self.left else ():
            one.step()

    def epoch(self, loss: float) -> None:
        """An epoch has passed, and the dev loss is this."""
        for one in self.after_epoch:
            one.step()
        for one in self.after_loss:
            one.step(loss)


def mean_loss(task: str, z: Tensor, y: Tensor, smoothing: float = 0.0) -> Tensor:
    """The task's loss."""
    if task == "binary":
        return functional.binary_cross_entropy(z[:, 0].sigmoid(), y * (1 - smoothing) + smoothing / 2)
    if task == "multiclass":
        return functional.cross_entropy(z, y.long(), label_smoothing=smoothing)
    if task == "multilabel":
        return nn.BCEWithLogitsLoss()(z, y * (1 - smoothing) + smoothing / 2)
    return nn.MSELoss()(z if y.dim() > 1 else z[:, 0], y)


def tensors(examples: Examples, order: np.ndarray | slice = slice(None)) -> tuple[Tensor, Tensor, Tensor]:
    """Features, codes and targets as tensors."""
    return tuple(torch.from_numpy(array[order]) for array in (examples.x, examples.codes, examples.y))  # type: ignore[return-value]


@torch.no_grad()
def bound(weights: list[Tensor], most: float) -> None:
    """Bring every row of every weight to a norm of at most this."""
    for p in weights:
        for row in p:
            if row.norm() > most:
                row *= most / row.norm()


def cell_bits(stream: int, row: int, column: int) -> int:
    """32 random bits of one cell: splitmix64 of the row, a 32-bit finaliser of both."""
    h = (splitmix(stream, row) >> 32) ^ ((column + 1) * 0x9E3779B1 & 0xFFFFFFFF)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        h = (h ^ h >> shift) * factor & 0xFFFFFFFF
    return h ^ h >> 16


def splitmix(stream: int, row: int) -> int:
    """The row-th number of splitmix64."""
    z = (stream + (row + 1) * 0x9E3779B97F4A7C15) % 2**64
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        z = (z ^ z >> shift) * factor % 2**64
    return z ^ z >> 31


def connected(net: nn.Module, rate: float, seed: int, epoch: int, begin: int) -> dict[str, Tensor]:
    """Parameters of which weights are left out one by one; embedding tables are whole."""
    step, found = splitmix(key(seed, "dropconnect", epoch), begin) >> 1, dict(net.named_parameters())
    linear = [name for name, p in found.items() if p.ndim == 2 and "tables" not in name]
    for number, name in enumerate(linear):
        stream = step + number * 0x2545F4914F6CDD1D & 0x7FFFFFFFFFFFFFFF
        kept = torch.zeros_like(found[name])
        for unit in range(kept.shape[0]):
            for place in range(kept.shape[1]):
                if cell_bits(stream, unit, place) / 2**32 >= rate:
                    kept[unit, place] = 1 / (1 - rate)
        found[name] = found[name] * kept
    return found


def noisy_labels(task: str, y: Tensor, share: float, seed: int, epoch: int, classes: int) -> Tensor:
    """Labels replaced one by one."""
    stream, found = key(seed, "label noise", epoch), y.clone()
    if task == "regression":
        return y + share * torch.from_numpy(normal(stream, len(y), 1)[:, 0])
    for row in range(len(y)):
        if cell_bits(stream, row, 0) / 2**32 < share:
            found[row] = cell_bits(stream, row, 1) * classes >> 32
    return found


def noisy_backward(net: nn.Module, task: str, z: Tensor, y: Tensor, v: Any, seed: int, epoch: int, begin: int) -> None:
    """Add up the gradients of the examples one by one, each times a factor of its own: (1/M) Σ (1 + σ ε_n) g_n."""
    parameters = list(net.parameters())
    draws = normal(key(seed, "gradient noise", epoch), begin + len(y), 1)[begin:, 0]
    for p in parameters:
        p.grad = torch.zeros_like(p)
    for row, draw in enumerate(draws.tolist()):
        own = mean_loss(task, z[row : row + 1], y[row : row + 1], v.label_smoothing)
        for p, g in zip(parameters, torch.autograd.grad(own, parameters, retain_graph=True), strict=True):
            p.grad += (1 + v.gradient_noise * draw) * g / len(y)


def orthant_of(p: Tensor, l1: float) -> Tensor:
    """The signs that weights may have after a step; their gradient, λ sign(w) included, becomes the smallest at zero.

    (Andrew and Gao 2007: the pseudo-gradient and the orthant that it points to.)
    """
    assert p.grad is not None
    pseudo = torch.where(p == 0, p.grad.sign() * (p.grad.abs() - l1).clamp(min=0), p.grad)
    p.grad.copy_(pseudo)
    return torch.where(p == 0, -pseudo.sign(), p.sign()).detach()


@torch.no_grad()
def within_orthant(p: Tensor, orthant: Tensor, reach: float) -> None:
    """Set weights that left their orthant to zero, but for those that are beyond it by more than the reach."""
    p *= (p.sign() == orthant) | ((orthant != 0) & (p.abs() > reach))
    p += torch.where((p != 0) & (p.sign() != orthant), orthant * min(reach, 1e300), 0.0)


def train_by_hand(
    setup: TrainingSetup, member: Member, net: nn.Module, epochs: int, coupled: bool = False
) -> np.ndarray:
    """The curve of an ordinary training loop: (train loss, dev loss, dev score) after each epoch.

    Args:
        setup: examples and task.
        member: the hyperparameters.
        net: its network, taking (x, codes).
        epochs: how long, and where schedules end.
        coupled: whether l2 is left to the weight_decay of torch.optim's parameter groups.
    """
    task, v, scorer = setup.task, member.values, setup.scorer
    transform = None if v.target_transform == "none" else Transformed(v.target_transform, setup.train.y, scorer)
    weights = [p for p in net.parameters() if p.ndim > 1]
    apart = [net.scale] if isinstance(getattr(net, "scale", None), nn.Parameter) else []
    biases = [p for p in net.parameters() if p.ndim < 2 and not any(p is one for one in apart)]
    rule = optimizer(v, weights, biases, v.l2 if coupled else 0.0)
    if apart:
        rule.add_param_group({"params": apart, "weight_decay": 0.0, "lr": v.learning_rate * v.scale_rate})
    rows, curve, done = len(setup.train), [], 0
    steps = ceil(rows / v.batch_size)
    schedulers = Schedulers(rule, v, steps, epochs)
    averaged = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(v.ema_decay)) if v.ema_decay else None
    shown = net if averaged is None else averaged
    for epoch in range(epochs):
        x, codes, y = tensors(setup.train, permutation(member.seed, epoch, rows))
        y = y if transform is None else torch.from_numpy(transform.apply(y.numpy()))
        if v.label_noise:
            y = noisy_labels(task, y, v.label_noise, member.seed, epoch, max(2, setup.outputs))
        total = 0.0
        net.train()
        grown = [float(one.split(":")[1]) for one in v.batch_growth.split() if int(one.split(":")[0]) <= epoch]
        size = round(v.batch_size * (grown[-1] if grown else 1))
        for begin in range(0, rows, size):
            part = slice(begin, begin + size)
            with drawing(Draws(key(member.seed, "noise", epoch), begin)):
                if v.dropconnect:
                    left = connected(net, v.dropconnect, member.seed, epoch, begin)
                    z = functional_call(net, left, (x[part], codes[part]))
                else:
                    z = net(x[part], codes[part])
            penalty = v.l2 / 2 * sum((p**2).sum() for p in weights)
            cost = mean_loss(task, z, y[part], v.label_smoothing) + v.l1 * sum(p.abs().sum() for p in weights)
            rule.zero_grad()
            if v.gradient_noise:
                noisy_backward(net, task, z, y[part], v, member.seed, epoch, begin)
                with torch.no_grad():
                    for p in weights:
                        p.grad += v.l1 * p.sign() + (0 if coupled else v.l2) * p
            else:
                (cost if coupled else cost + penalty).backward()
            orthants = [orthant_of(p, v.l1) for p in weights] if v.l1 else []
            done += 1
            clips = not v.clip_steps or done <= v.clip_steps
            if clips and v.clip_value:
                nn.utils.clip_grad_value_(net.parameters(), v.clip_value)
            if clips and v.clip_norm:
                nn.utils.clip_grad_norm_(net.parameters(), v.clip_norm)
            if v.weight_decay and v.optimizer not in ("adam", "adamw"):
                with torch.no_grad():
                    for p in weights:
                        p *= 1 - rule.param_groups[0]["lr"] * v.weight_decay
            rule.step()
            for p, orthant in zip(weights, orthants, strict=False):
                within_orthant(p, orthant, 2 * rule.param_groups[0]["lr"] * v.l1 if v.optimizer == "sgd" else np.inf)
            if v.max_norm:
                bound(weights, v.max_norm)
            if averaged is not None:
                averaged.update_parameters(net)
            schedulers.step()
            total += (cost + penalty).item() * len(y[part])
        shown.eval()
        x, codes, y = tensors(setup.dev)
        with torch.no_grad():
            z = shown(x, codes)
        z = z if transform is None else torch.from_numpy(transform.undo(z.numpy()))
        if task == "regression":
            std, mean = torch.as_tensor(scorer.std), torch.as_tensor(scorer.mean)
            score = scorer.metric((z if y.dim() > 1 else z[:, 0]) * std + mean, y * std + mean)
        elif task == "multilabel":
            score = scorer.metric(z.sigmoid(), y)
        else:
            score = scorer.metric(*((z[:, 0].sigmoid(), y) if task == "binary" else (z.softmax(1), y.long())))
        loss = mean_loss(task, z, y, 1 / (len(y) + 1)).item()
        schedulers.epoch(loss)
        curve.append([total / rows, loss, score.item()])
    return np.array(curve)
