"""A factory is known again, and one that was edited is not taken for it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from typing import Any

import pytest
from torch import nn

from ikura.population.fingerprint import Fingerprint, fingerprint

SOURCE = '''
import math
from functools import partial
import torch
from torch import nn
from torch.nn import functional
WIDTH = 16
LOG = []
def scale(z):
    """Scale."""
    return z * 2
class Base(nn.Module):
    gain = 1.5
    def end(self, z):
        return functional.relu(z)
class Net(Base):
    """A network."""
    def __init__(self, inputs, width):
        super().__init__()
        self.a, self.b = nn.Linear(inputs, width), nn.Linear(width, 1)
    def forward(self, x):
        # Of no effect.
        return self.b(self.end(scale(self.a(x)) * self.gain))
def make(width, share=0.25):
    def network(hp):
        LOG.append(width)
        return nn.Sequential(Net(4, WIDTH), nn.Dropout(share))
    return network
factory = make(3)
'''


def taken(source: str) -> Fingerprint:
    names: dict[str, Any] = {"__name__": "nets"}
    exec(compile(source, "<nets>", "exec"), names)
    return fingerprint(names["factory"], names["factory"](None))


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("functional.relu(z)", "functional.silu(z)", "Base.end"),
        ("z * 2", "z * 3", "scale"),
        ("gain = 1.5", "gain = 1.25", "Base.gain"),
        ("make(3)", "make(4)", "make.<locals>.network"),
        ("share=0.25", "share=0.5", "Dropout"),
        ("WIDTH = 16", "WIDTH = 17", "Linear"),
        ("nn.Dropout(share)", "nn.AlphaDropout(share)", "AlphaDropout"),
        ("self.end(scale(self.a(x))", "scale(self.end(self.a(x))", "Net.forward"),
    ],
)
def test_a_change_is_named(before: str, after: str, named: str) -> None:
    assert before in SOURCE
    changed = taken(SOURCE).difference(taken(SOURCE.replace(before, after)))
    assert changed is not None
    assert named in changed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("make(3)", "make(3)"),
        ("# Of no effect.", "# Of none,\n        # as it were."),
        ('"""Scale."""', '"""Scale it."""'),
        ('"""A network."""', '"""The network."""\n'),
        ("import math\n", "import math, json\n\n\n"),
        ("LOG = []", "LOG = [1]"),
    ],
)
def test_what_changes_nothing_is_no_change(before: str, after: str) -> None:
    assert before in SOURCE
    assert taken(SOURCE).difference(taken(SOURCE.replace(before, after))) is None


def test_another_process_finds_the_same() -> None:
    script = textwrap.dedent("""
        import json, sys
        from tests.population.test_fingerprint import SOURCE, taken
        found = taken(SOURCE)
        print(json.dumps([list(found.structure), dict(found.code), found.python]))
    """)
    environment = {"PYTHONHASHSEED": "77", "PYTHONPATH": ".", "PATH": ""}
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True)
    import json

    structure, code, python = json.loads(run.stdout)
    here = taken(SOURCE)
    assert (tuple(structure), code, python) == (here.structure, here.code, here.python)


def test_another_version_of_python_compares_structure_alone() -> None:
    here = taken(SOURCE)
    older = Fingerprint(here.structure, {"network": "0"}, "3.1")
    assert older.difference(here) is None
    assert Fingerprint(here.structure[:-1], {}, "3.1").difference(here) is not None


@pytest.mark.parametrize("factory", [nn.Linear, lambda hp: nn.Linear(1, 1), type("Made", (nn.Linear,), {})])
def test_any_callable_has_a_fingerprint(factory: Callable[..., Any]) -> None:
    assert fingerprint(factory, nn.Linear(1, 1)) == fingerprint(factory, nn.Linear(1, 1))
