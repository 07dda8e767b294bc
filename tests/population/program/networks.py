"""Networks of known parts, each operation alone and in company, and what a program of them takes."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  as everyone calls it

__all__ = ["NETWORKS", "OUTPUTS", "WRONG", "Whole", "examples"]

OUTPUTS = 3
Whole = tuple[str, int, int]
"""("whole numbers", how many different, how many of each example)."""
Shapes = list[tuple[int, ...] | Whole]


def examples(shapes: Shapes, rows: int, seed: int = 0) -> list[Tensor]:
    """Inputs of some examples."""
    drawn = torch.Generator().manual_seed(seed)
    return [
        torch.randint(0, shape[1], (rows, shape[2]), generator=drawn)
        if isinstance(shape[0], str)
        else torch.randn(rows, *shape, generator=drawn)
        for shape in shapes
    ]


class Of(nn.Module):
    """A network written as a function of its parts and inputs."""

    def __init__(self, parts: dict[str, nn.Module], forward: Callable[..., Tensor]) -> None:
        super().__init__()
        self.part, self.function = nn.ModuleDict(parts), forward

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.part, x)


def through(layer: Callable[[], nn.Module], width: int = 8) -> Callable[[], tuple[nn.Module, Shapes]]:
    return lambda: (nn.Sequential(nn.Linear(6, 8), layer(), nn.Linear(width, OUTPUTS)), [(6,)])


def of(
    parts: Callable[[], dict[str, nn.Module]], forward: Callable[..., Tensor]
) -> Callable[[], tuple[nn.Module, Shapes]]:
    return lambda: (Of(parts(), forward), [(6,)])


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.out = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, OUTPUTS)
        self.scale = nn.Parameter(torch.randn(8))
        self.register_buffer("shift", torch.randn(8))

    def forward(self, x: Tensor) -> Tensor:
        h = torch.relu(self.first(x))
        h = h + F.gelu(self.second(h)) * self.scale - self.shift
        left, right = h.chunk(2, 1)
        h = torch.cat([left * torch.sigmoid(right), right / (1 + right.abs())], 1)
        return self.out(F.dropout(h, 0.3, self.training)).squeeze()


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.value, self.gate, self.back = nn.Linear(6, 8), nn.Linear(6, 8), nn.Linear(8, 6)
        self.norm, self.out = nn.LayerNorm(6), nn.Linear(6, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(2):
            x = x + self.back(F.silu(self.gate(self.norm(x))) * self.value(self.norm(x)))
        return self.out(x)


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.RNNBase], last: bool = True, **options: object) -> None:
        super().__init__()
        self.layer, self.last = kind(4, 5, **options), last  # type: ignore[arg-type]
        self.out = nn.Linear(10 if self.layer.bidirectional else 5, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        if not self.layer.batch_first:
            x = x.transpose(0, 1)
        steps, _ = self.layer(x)
        if not self.layer.batch_first:
            steps = steps.transpose(0, 1)
        return self.out(steps[:, -1] if self.last else steps.mean(1))


class LastState(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.LSTM(4, 5, batch_first=True, dropout=0.2, num_layers=2)
        self.out = nn.Linear(5, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        _, (h, _) = self.layer(x)
        return self.out(h[-1])


class Attention(nn.Module):
    def __init__(self, causal: bool) -> None:
        super().__init__()
        self.project, self.out, self.causal = nn.Linear(8, 24), nn.Linear(8, OUTPUTS), causal
        self.position = nn.Parameter(torch.randn(1, 5, 8))
        self.first = nn.Parameter(torch.randn(1, 1, 8))

    def forward(self, x: Tensor) -> Tensor:
        rows, steps, width = x.shape
        x = torch.cat([self.first.expand(rows, -1, -1), x + self.position], 1)
        q, k, v = self.project(x).view(rows, steps + 1, 3, 2, width // 2).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal, dropout_p=0.1 if self.training else 0.0)
        return self.out(mixed.transpose(1, 2).reshape(rows, steps + 1, width)[:, 0])


class PlainAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(8, n) for n in (8, 8, 8, OUTPUTS))

    def forward(self, x: Tensor) -> Tensor:
        scores = self.q(x) @ self.k(x).transpose(-2, -1) / math.sqrt(8)
        return self.out((scores.softmax(-1) @ self.v(x)).mean(1))


class Heads(nn.Module):
    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        self.attend = nn.MultiheadAttention(8, 2, batch_first=batch_first, dropout=0.1)
        self.out, self.batch_first = nn.Linear(8, OUTPUTS), batch_first

    def forward(self, x: Tensor) -> Tensor:
        if not self.batch_first:
            x = x.transpose(0, 1)
        mixed = self.attend(x, x, x, need_weights=False)[0]
        return self.out(mixed.mean(1 if self.batch_first else 0))


class Encoder(nn.Module):
    def __init__(self, norm_first: bool) -> None:
        super().__init__()
        activation = "gelu" if norm_first else "relu"
        layer = nn.TransformerEncoderLayer(8, 2, 16, 0.1, activation, batch_first=True, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(8, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.encoder(x)[:, -1])


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table, self.out = nn.Embedding(10, 4, padding_idx=0), nn.Linear(4, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.tanh(self.table(x)).mean(1))


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.table, self.out = nn.Linear(4, 5), nn.Embedding(7, 3), nn.Linear(8, OUTPUTS)

    def forward(self, x: Tensor, codes: Tensor) -> Tensor:
        return self.out(torch.cat([torch.relu(self.first(x)), self.table(codes[:, 1])], 1))


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.out = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, OUTPUTS)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.tanh(self.second(torch.tanh(self.first(x)))))


class Frozen(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.out = nn.Linear(6, 6).requires_grad_(False), nn.Linear(6, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(torch.tanh(self.first(x)))


class Numbers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.out = nn.Linear(6, 12), nn.Linear(4, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x).reshape(-1, 3, 4)
        h = F.normalize(h * h.amax(2, keepdim=True), dim=2).permute(0, 2, 1).flatten(1)
        h = torch.stack([h[:, :4], h[:, 4:8], h[:, 8:]], 1)
        h = h.sum(1) + h.max(1)[0] - h.mean((1,))
        many = h.clamp(-1, 2) ** 3 + torch.exp(-(h**2)) + torch.sqrt(1 + h * h) + torch.log1p(h.abs())
        more = torch.rsqrt(2 + h.square()) + torch.maximum(h, -h) + h.sin() * h.cos() + F.pad(h, (1, 0))[:, :4]
        return self.out(many + more)


class SqueezeExcite(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.deep = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.gate, self.out = nn.Linear(4, 4), nn.Linear(4, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.first(x), inplace=True)
        h = h * torch.sigmoid(self.gate(h.mean((2, 3))))[:, :, None, None]
        return self.out(F.adaptive_avg_pool2d(h + self.deep(h), 1).flatten(1))


class EachStep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.out = nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        rows, steps, width = x.shape
        h = self.norm(torch.relu(self.first(x.reshape(rows * steps, width)))).view(rows, steps, -1)
        return self.out(h.sum(1))


class Deep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers, self.out = nn.ModuleList(nn.Linear(6, 6) for _ in range(4)), nn.Linear(6, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x + F.relu(layer(x))
        return self.out(x)


class Block(nn.Module):
    """A basic block as of residual networks for images."""

    def __init__(self, channels: int, wider: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, wider, 3, stride=2, padding=1, bias=False)
        self.second = nn.Conv2d(wider, wider, 3, padding=1, bias=False)
        self.one, self.two = nn.BatchNorm2d(wider), nn.BatchNorm2d(wider)
        self.shortcut = nn.Sequential(nn.Conv2d(channels, wider, 1, stride=2, bias=False), nn.BatchNorm2d(wider))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.two(self.second(F.relu(self.one(self.first(x))))) + self.shortcut(x))


class Inverted(nn.Module):
    """An inverted residual as of networks for small devices."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(2, 6, 1), nn.BatchNorm2d(6), nn.ReLU6(),
            nn.Conv2d(6, 6, 3, padding=1, groups=6), nn.BatchNorm2d(6), nn.Hardswish(), nn.Conv2d(6, 2, 1),
        )  # fmt: skip
        self.out = nn.Linear(2, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        return self.out((x + self.body(x)).mean((-2, -1)))


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "ReLU": nn.ReLU, "Tanh": nn.Tanh, "Sigmoid": nn.Sigmoid, "GELU": nn.GELU, "GELU by tanh": lambda: nn.GELU("tanh"),
    "SiLU": nn.SiLU, "ELU": lambda: nn.ELU(0.7), "CELU": lambda: nn.CELU(0.6), "SELU": nn.SELU,
    "LeakyReLU": lambda: nn.LeakyReLU(0.2), "Softplus": nn.Softplus, "Mish": nn.Mish, "Hardtanh": nn.Hardtanh,
    "ReLU6": nn.ReLU6, "Hardsigmoid": nn.Hardsigmoid, "Hardswish": nn.Hardswish, "LogSigmoid": nn.LogSigmoid,
    "Softsign": nn.Softsign, "Tanhshrink": nn.Tanhshrink, "Softshrink": nn.Softshrink, "Hardshrink": nn.Hardshrink,
    "Threshold": lambda: nn.Threshold(0.1, 0.2), "PReLU": nn.PReLU, "PReLU of channels": lambda: nn.PReLU(8),
    "Softmax": lambda: nn.Softmax(-1), "LogSoftmax": lambda: nn.LogSoftmax(1), "Dropout": lambda: nn.Dropout(0.4),
    "Identity": nn.Identity,
}  # fmt: skip
SEQUENCES: dict[str, tuple[type[nn.RNNBase], dict[str, object]]] = {
    "LSTM": (nn.LSTM, {"batch_first": True}),
    "GRU": (nn.GRU, {"batch_first": True}),
    "RNN": (nn.RNN, {"batch_first": True}),
    "RNN of ReLU": (nn.RNN, {"batch_first": True, "nonlinearity": "relu"}),
    "LSTM both ways": (nn.LSTM, {"last": False, "num_layers": 2, "bidirectional": True}),
    "GRU both ways": (nn.GRU, {"last": False, "num_layers": 2, "bidirectional": True, "bias": False}),
    "RNN both ways": (nn.RNN, {"last": False, "num_layers": 2, "bidirectional": True}),
}
NETWORKS: dict[str, Callable[[], tuple[nn.Module, Shapes]]] = {
    **{name: through(made) for name, made in ACTIVATIONS.items()},
    **{name: lambda k=k, o=o: (Recurrent(k, **o), [(7, 4)]) for name, (k, o) in SEQUENCES.items()},  # type: ignore[misc]
    "GLU": through(nn.GLU, 4),
    "BatchNorm1d": through(lambda: nn.BatchNorm1d(8)),
    "BatchNorm1d cumulative": through(lambda: nn.BatchNorm1d(8, momentum=None, affine=False)),
    "LayerNorm": through(lambda: nn.LayerNorm(8)),
    "LayerNorm plain": through(lambda: nn.LayerNorm(8, elementwise_affine=False)),
    "RMSNorm": through(lambda: nn.RMSNorm(8, eps=1e-6)),
    "GroupNorm": lambda: (
        nn.Sequential(nn.Conv2d(2, 4, 3), nn.GroupNorm(2, 4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)), [(2, 8, 8)]
    ),
    "InstanceNorm2d": lambda: (
        nn.Sequential(nn.Conv2d(2, 4, 3), nn.InstanceNorm2d(4, affine=True), nn.Flatten(), nn.Linear(144, 3)),
        [(2, 8, 8)],
    ),
    "convolutions": lambda: (
        nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Dropout(0.3), nn.Linear(6, 3),
        ),
        [(2, 8, 8)],
    ),
    "pooling": lambda: (
        nn.Sequential(
            nn.Conv2d(2, 4, 1), nn.Dropout2d(0.5), nn.AvgPool2d(3, 2, 1),
            nn.Conv2d(4, 4, 3, bias=False, padding="same"), nn.MaxPool2d(3, 1), nn.AdaptiveMaxPool2d((2, 3)),
            nn.ZeroPad2d(1), nn.MaxPool2d(2, 2, 1),
            nn.AvgPool2d(2, count_include_pad=False, padding=1), nn.Flatten(), nn.Linear(4 * 2 * 2, 3),
        ),
        [(2, 9, 9)],
    ),
    "convolutions of sequences": lambda: (
        nn.Sequential(
            nn.Conv1d(2, 4, 3, padding=1), nn.BatchNorm1d(4), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(4, 4, 3, stride=2),
            nn.AvgPool1d(2), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 3),
        ),
        [(2, 16)],
    ),
    "residual": lambda: (Residual(), [(6,)]),
    "gated": lambda: (Gated(), [(6,)]),
    "last state": lambda: (LastState(), [(7, 4)]),
    "attention": lambda: (Attention(False), [(5, 8)]),
    "causal attention": lambda: (Attention(True), [(5, 8)]),
    "attention by hand": lambda: (PlainAttention(), [(5, 8)]),
    "MultiheadAttention": lambda: (Heads(True), [(5, 8)]),
    "MultiheadAttention, steps first": lambda: (Heads(False), [(5, 8)]),
    "TransformerEncoder": lambda: (Encoder(False), [(5, 8)]),
    "TransformerEncoder, norm first": lambda: (Encoder(True), [(5, 8)]),
    "Embedding": lambda: (Tokens(), [("whole numbers", 10, 6)]),
    "EmbeddingBag": lambda: (
        nn.Sequential(nn.EmbeddingBag(10, 4), nn.ReLU(), nn.Linear(4, 3)), [("whole numbers", 10, 6)]
    ),
    "EmbeddingBag of sums": lambda: (
        nn.Sequential(nn.EmbeddingBag(10, 4, mode="sum", padding_idx=1), nn.Linear(4, 3)), [("whole numbers", 10, 6)]
    ),
    "two inputs": lambda: (TwoInputs(), [(4,), ("whole numbers", 7, 2)]),
    "tied weights": lambda: (Tied(), [(6,)]),
    "frozen weights": lambda: (Frozen(), [(6,)]),
    "many functions": lambda: (Numbers(), [(6,)]),
    "squeeze and excite": lambda: (SqueezeExcite(), [(2, 6, 6)]),
    "each step": lambda: (EachStep(), [(6, 4)]),
    "depth by ModuleList": lambda: (Deep(), [(6,)]),
    "basic block": lambda: (
        nn.Sequential(Block(2, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)), [(2, 8, 8)]
    ),
    "inverted residual": lambda: (Inverted(), [(2, 6, 6)]),
    "parts defined in another order": of(
        lambda: {"last": nn.Linear(8, OUTPUTS), "first": nn.Linear(6, 8)},
        lambda part, x: part["last"](part["first"](x).relu()),
    ),
}  # fmt: skip


class OtherInTraining(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(6, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(x) if self.training else 2 * self.out(x)


class Computed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(6, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(x) if x.sum() > 0 else self.out(-x)


class Hooked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(6, OUTPUTS)
        self.out.register_forward_hook(lambda module, given, found: 2 * found)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(x)


class Own(nn.Linear):
    """Named as a layer of PyTorch's, and none."""

    def forward(self, input: Tensor) -> Tensor:
        return torch.cumsum(super().forward(input), 1)


class Noisy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(6, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(x + torch.randn_like(x))


class AcrossExamples(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(6, OUTPUTS)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(x - x.mean(0))


WRONG: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "other in training": (OtherInTraining, "in training than in evaluation"),
    "a branch on values": (Computed, "cannot be traced"),
    "a hook": (Hooked, "a hook of out"),
    "an operation that is not known": (lambda: Own(6, OUTPUTS), "cumsum"),
    "noise": (Noisy, "randn_like"),
    "across the examples": (AcrossExamples, "along the examples"),
    "a layer that is not known": (lambda: nn.Sequential(nn.Linear(6, 6), nn.Softmin(1), nn.Linear(6, 3)), "Softmin"),
    "statistics of the mini-batch": (
        lambda: nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6, track_running_stats=False), nn.Linear(6, 3)),
        "BatchNorm1d",
    ),
}
"""Networks that run in PyTorch, and what is said of them."""
