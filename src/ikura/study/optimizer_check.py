"""Whether an optimizer of the caller's can train the networks of a study, told before any is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ikura.errors import UsageError
from ikura.lazy_torch import nn, torch
from ikura.nn.generators import preserved
from ikura.population.factory import NetworkError
from ikura.population.member import Hyperparameters, Member
from ikura.population.own_optimizer import MemberOptimizer, OptimizerFactory, arguments_of_class, made_of
from ikura.population.setup import TrainingSetup
from ikura.search import schedule as schedule_of
from ikura.space import Space
from ikura.space.effective import OF_RULES
from ikura.space.hyperparameters import DEFAULTS
from ikura.study.buildable import with_buildable
from ikura.study.record.progress import Logged

__all__ = ["check_optimizer"]

OF_SCHEDULES = (
    "learning_rate_decay", "schedule_shape", "warm_up", "step_epochs", "step_factor", "pieces", "final_share",
    "initial_share", "peak_at", "plateau_patience", "distance_growth",
)  # fmt: skip
MOST_NAMES = 3


def check_optimizer(setup: TrainingSetup, space: Space, seed: int, schedule: str, progress: Logged) -> None:
    """Let an optimizer make an update of a network of the space, and save and load its state.

    Args:
        setup: what will be trained.
        space: what is searched.
        seed: the study's.
        schedule: name of who trains on.
        progress: who is told what it takes from the space, and what it leaves.

    Raises:
        UsageError: it fails, or cannot be saved, or has a scheduler beside ikura's.
    """
    assert setup.optimizer is not None

    def rehearsed(hyperparameters: Mapping[str, Any]) -> list[str]:
        member = Member(0, hyperparameters, seed)
        module = setup.module(member).train()
        hp = Hyperparameters({**setup.hyperparameters(member), "epochs": 1, "updates": 1})
        with preserved():
            made = _rehearse(setup.optimizer, module, hp)
        if made.scheduler is not None:
            _check_alone(space, schedule)
        return _left_out(made, module)

    try:
        lines = with_buildable(space, rehearsed)
    except NetworkError:
        # No network can be made, which is told elsewhere.
        return
    said, idle = _taken(setup.optimizer, space)
    for line in said:
        progress.say(line)
    for line in (*idle, *lines):
        progress.warn(line)


def _rehearse(factory: OptimizerFactory | None, module: nn.Module, hp: Hyperparameters) -> MemberOptimizer:
    assert factory is not None
    made = MemberOptimizer(factory, module, hp)
    for parameter in module.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.full_like(parameter, 0.01)
    try:
        made.begin_epoch()
        made.step(1.0)
        made.after_epoch(1.0)
        made.end_epoch()
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"optimizer= failed in an update with {reason}") from error
    MemberOptimizer(factory, module, hp).load(made.state())
    return made


def _check_alone(space: Space, schedule: str) -> None:
    """Refuse a scheduler of PyTorch beside one of ikura's, and where trials go on from others."""
    for name in space:
        if name in OF_SCHEDULES and (space[name].varies or space[name].from_unit(0.5) != DEFAULTS.get(name)):
            raise UsageError(
                f"optimizer= brings a scheduler of its own, and {name} is one of ikura's; leave {name} out of the "
                "space, or return the optimizer alone"
            )
    if schedule_of(schedule).copies:
        raise UsageError(
            f"optimizer= brings a scheduler of its own, which the copied trials of schedule {schedule!r} cannot go on "
            "with; return the optimizer alone"
        )


def _left_out(made: MemberOptimizer, module: nn.Module) -> list[str]:
    trained = {id(p) for group in made.optimizer.param_groups for p in group["params"]}
    names = [name for name, p in module.named_parameters() if p.requires_grad and id(p) not in trained]
    if not names:
        return []
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return [f"optimizer= leaves out {', '.join(names[:MOST_NAMES])}{more}, which stay as they begin."]


def _taken(factory: OptimizerFactory, space: Iterable[str]) -> tuple[list[str], list[str]]:
    """What arguments of a class take from the space, and what of it has no effect; of a function nothing is known."""
    made = made_of(factory)
    if made is factory:
        return [], []
    name = getattr(getattr(made, "func", made), "__name__", "optimizer")
    names = list(space)
    taken = [f"{one} from {' and '.join(sources)}" for one, sources in arguments_of_class(made, names).items()]
    idle = [one for one in names if one in OF_RULES and not any(one in text.split() for text in taken)]
    said = f"Networks train with {name}: it takes {', '.join(taken) or 'nothing from the space'}."
    return [said], [f"{one} has no effect, because {name} does not take it" for one in idle]
