"""How the networks of a study run, in the compiled kernel or in PyTorch, and why: told before, counted behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ikura.population.factory import NetworkError
from ikura.population.member import Member
from ikura.population.setup import TrainingSetup
from ikura.space import Space, feasible_draw
from ikura.study.buildable import with_buildable

if TYPE_CHECKING:
    from ikura.population.program.builder import Program

__all__ = ["IN_KERNEL", "counted", "foretell", "why_not_in_kernel"]

IN_KERNEL = "in the compiled kernel"
LOOKED_AT = 6
"""Configurations of a space that are looked at before it is searched."""
TOO_LARGE = "its mini-batches are too large for the kernel"


def why_not_in_kernel(setup: TrainingSetup, member: Member, say: Callable[[str], None] = lambda line: None) -> str:
    """Why a network of the caller's does not run in the compiled kernel; empty if it does.

    Args:
        setup: what it is trained with.
        member: whose network.
        say: told if something has to be compiled.

    Raises:
        NetworkError: it cannot be made.
    """
    from ikura.population.program.builder import UnknownOperationError

    if setup.optimizer is not None:
        return "optimizer= makes the updates"
    if setup.training_step is not None:
        return "training_step= computes the loss"
    if setup.device != "cpu":
        return f"they train on {setup.device}"
    if not setup.programs:
        return "the run was begun by an ikura that had no programs"
    found = setup.program(member, say)
    if isinstance(found, UnknownOperationError):
        return f"the kernel does not know {found}"
    return "" if setup.runs_as_program(member) else TOO_LARGE


def foretell(setup: TrainingSetup, space: Space, trials: int, seed: int, own: bool, say: Callable[[str], None]) -> bool:
    """Say how networks of the caller's will run; whether most of them run in the compiled kernel.

    Looked at are the middle of the space and some configurations drawn from it.

    Args:
        setup: what they are trained with.
        space: what is searched.
        trials: how many.
        seed: of their weights.
        own: whether the networks are the caller's own; nothing is said of others.
        say: told.
    """
    from ikura.population.program.builder import Program

    if not own or setup.network is None:
        return False

    def looked_at(hyperparameters: Mapping[str, Any]) -> tuple[str, str]:
        member = Member(0, hyperparameters, seed)
        why = why_not_in_kernel(setup, member, say)
        program = None if why else setup.program(member)
        return why, _parts(program) if isinstance(program, Program) else ""

    why, parts = with_buildable(space, looked_at)
    found, points = [why], np.random.default_rng(seed).random((LOOKED_AT - 1, len(space.dimensions)))
    for point in points.tolist() if setup.programs and space.dimensions else ():
        try:
            found.append(looked_at(feasible_draw(space, dict(zip(space.dimensions, point, strict=True))))[0])
        except NetworkError:
            continue
    reasons = Counter(found)
    number = f"{trials} trial{'s' * (trials > 1)}"
    if len(reasons) > 1:
        inside, of = reasons.pop("", 0), len(found)
        because = "; ".join(reasons)
        say(f"{number}: of {of} configurations looked at {inside} run {IN_KERNEL}, the others in PyTorch: {because}.")
        return 2 * inside > of
    say(f"{number} {'runs' if trials == 1 else 'run'} {f'in PyTorch: {why}' if why else f'{IN_KERNEL}: {parts}'}.")
    return not why


def _parts(program: Program) -> str:
    return ", ".join(dict.fromkeys(kind.name for kind in program.kinds if kind.name not in ("input", "copy")))


def counted(setup: TrainingSetup, members: Iterable[Member]) -> dict[str, int]:
    """Count how members that were trained ran: "in the compiled kernel", or "in PyTorch: " and why, to how many."""
    found: Counter[str] = Counter()
    for member in members:
        why = why_not_in_kernel(setup, member)
        found[f"in PyTorch: {why}" if why else IN_KERNEL] += 1
    return dict(found.most_common())
