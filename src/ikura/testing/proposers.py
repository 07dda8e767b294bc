"""What every proposer must do, whatever its method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import nan

import numpy as np

from ikura.search import Observation, Proposer, Stage
from ikura.space import Space, choice, integer, linear, log, log_complement, when

__all__ = ["PROPOSER_CHECKS", "SPACES", "Make", "check_proposer", "play"]

Make = Callable[[Space, int], Proposer]

SPACES: dict[str, Space] = {
    "mixed": Space(
        learning_rate=log(1e-4, 1),
        momentum=log_complement(0.9, 0.999),
        dropout=linear(0, 0.5),
        units=integer(8, 128, log=True),
        layers=integer(1, 3),
        activation=choice("relu", "tanh", "sigmoid"),
        l2=1e-4,
    ),
    "conditional": Space(
        when(optimizer="adam", beta2=log_complement(0.9, 0.999)),
        when(optimizer=("adam", "momentum"), schedule=choice("constant", "cosine")),
        when(schedule="cosine", warm_up=integer(1, 10)),
        learning_rate=log(1e-4, 1),
        optimizer=choice("sgd", "momentum", "adam"),
    ),
    "one number": Space(learning_rate=log(1e-4, 1)),
    "one integer": Space(layers=integer(1, 2)),
    "one choice": Space(activation=choice("relu", "tanh")),
    "one option": Space(activation=choice("relu")),
    "nothing varies": Space(units=8, activation="relu"),
    "empty": Space(),
}
"""Spaces that suites run on."""

_HISTORIES = ("finite", "with gaps", "all diverged", "all equal", "all infeasible")


def score_of(configuration: dict[str, object]) -> float:
    """Score a configuration: best where its numbers' decades add up to a certain sum, options a little apart."""
    values = [value for _, value in sorted(configuration.items())]
    numbers = [float(value) for value in values if isinstance(value, int | float) and value > 0]
    return -abs(float(np.log10(numbers or [1.0]).sum()) + 2) - 0.1 * sum(
        len(value) for value in values if isinstance(value, str)
    )


def play(
    proposer: Proposer, trials: int, epochs: int = 9, kind: str = "finite"
) -> tuple[list[Stage], list[Observation]]:
    """Run a study without training.

    Args:
        proposer: what to try.
        trials: trials of the study.
        epochs: epochs of a trial at most.
        kind: what becomes of the trials: "finite" scores, "with gaps" (a third diverges or is infeasible),
            "all diverged", "all equal" or "all infeasible".

    Returns:
        The stages and everything observed.
    """
    history: list[Observation] = []
    stages = proposer.stages(trials, epochs)
    for stage in stages:
        for one in proposer.ask(stage, stage.trials, tuple(history)):
            number = len(history)
            score = 0.5 if kind == "all equal" else score_of(one.configuration)
            failed = kind == "all diverged" or (kind == "with gaps" and number % 6 == 1)
            feasible = not (kind == "all infeasible" or (kind == "with gaps" and number % 6 == 4))
            score = nan if failed else score
            history.append(Observation(number, stage.index, one.configuration, score, -score, feasible))
    return stages, history


def _configurations(proposer: Proposer, stage: Stage, count: int, history: Sequence[Observation]) -> list[object]:
    return [list(one.configuration.items()) for one in proposer.ask(stage, count, history)]


def _in_stage(history: Sequence[Observation], stage: Stage) -> list[object]:
    return [list(one.configuration.items()) for one in history if one.stage == stage.index]


def stages_use_the_budget(make: Make, trials: int) -> None:
    """The stages' trials add up, none is empty, and the last has all the epochs."""
    for budget, epochs in ((1, 1), (2, 100), (7, 1), (8, 30), (trials, 9), (1000, 100)):
        stages = make(SPACES["mixed"], 0).stages(budget, epochs)
        assert [stage.index for stage in stages] == list(range(len(stages))), "stages are numbered from 0"
        assert len({stage.name for stage in stages}) == len(stages), "stages have names of their own"
        assert sum(stage.trials for stage in stages) == budget, f"the stages of {budget} trials have another sum"
        assert all(stage.trials >= 1 for stage in stages), "a stage has no trials"
        assert [stage.epochs for stage in stages] == sorted(stage.epochs for stage in stages), "budgets shrink"
        assert stages[0].epochs >= 1, "a stage has no epochs"
        assert stages[-1].epochs == epochs, "the last stage has not all the epochs"


def proposals_lie_in_the_space(make: Make, trials: int) -> None:
    """Every configuration has exactly the open hyperparameters, with values of the space or of its wider form."""
    for name, space in SPACES.items():
        for kind in _HISTORIES:
            proposer = make(space, 1)
            stages, history = play(proposer, trials, kind=kind)
            assert len(history) == trials, f"{name}, {kind}: {len(history)} proposals instead of {trials}"
            wide = {stage.index: proposer.searched(stage, history) for stage in stages}
            for one in history:
                allowed = wide[one.stage]
                assert list(allowed) == list(space), f"{name}: the wider space has other names"
                assert list(one.configuration) == space.active(one.configuration), f"{name}: {one.configuration}"
                for key, value in one.configuration.items():
                    assert allowed[key].contains(value), f"{name}, {kind}: {key} is {value!r}"
                    assert type(value) is type(allowed[key].from_unit(0.5)) or not space[key].numeric, f"{key}: type"


def asking_is_a_pure_function(make: Make, trials: int) -> None:
    """The same question has the same answer, whatever the order of the history and whatever came later."""
    for space in (SPACES["mixed"], SPACES["conditional"]):
        stages, history = play(make(space, 7), trials, kind="with gaps")
        before = tuple(history)
        turned = [history[i] for i in np.random.default_rng(0).permutation(len(history))]
        for stage in stages:
            expected = _in_stage(history, stage)
            for given in ([one for one in history if one.stage < stage.index], turned):
                again = _configurations(make(space, 7), stage, stage.trials, given)
                assert again == expected, f"{stage.name}: another answer to the same question"
            assert tuple(history) == before, "the history was changed"


def more_begins_with_the_same(make: Make, trials: int) -> None:
    """Asking for more gives the same proposals and further ones."""
    for name, space in SPACES.items():
        proposer = make(space, 3)
        stages, history = play(proposer, trials)
        for stage in {stages[0], stages[-1]}:
            most = _configurations(proposer, stage, stage.trials + 3, history)
            assert len(most) == stage.trials + 3, f"{name}: a wrong number of proposals"
            for count in (0, 1, stage.trials):
                fewer = _configurations(proposer, stage, count, history)
                assert fewer == most[:count], f"{name}, {stage.name}: {count} proposals are no beginning of more"


def a_study_resumes_at_every_point(make: Make, trials: int) -> None:
    """A history cut off anywhere gives the same proposals for the stage that was at work."""
    space = SPACES["conditional"]
    stages, history = play(make(space, 11), trials, kind="with gaps")
    for cut in range(len(history) + 1):
        stage = stages[history[cut].stage] if cut < len(history) else stages[-1]
        count = min(stage.trials, 2)
        expected = _in_stage(history, stage)[:count]
        assert _configurations(make(space, 11), stage, count, history[:cut]) == expected, f"cut after {cut} trials"


def seeds_and_stages_differ(make: Make, trials: int) -> None:
    """Another seed, and another stage, give other draws."""
    space = SPACES["mixed"]
    stage = make(space, 0).stages(trials, 9)[0]
    count = max(stage.trials, 4)
    drawn = [
        str(_configurations(make(space, seed), which, count, []))
        for seed, which in ((0, stage), (1, stage), (0, Stage(stage.index + 1, "again", stage.trials, 9)))
    ]
    assert len(set(drawn)) == 3, "seeds or stages do not change the draws"


def names_may_come_in_any_order(make: Make, trials: int) -> None:
    """The order in which a space names its hyperparameters does not matter."""
    tables = SPACES["conditional"].as_dict()
    turned = Space.from_dict(dict(reversed(tables.items())))
    _, first = play(make(SPACES["conditional"], 2), trials)
    _, second = play(make(turned, 2), trials)
    for one, other in zip(first, second, strict=True):
        assert one.configuration == other.configuration, "the order of the names changes the proposals"


def regions_lie_in_the_space(make: Make, trials: int) -> None:
    """What a proposer says of its regions fits the space it searches."""
    for space in SPACES.values():
        proposer = make(space, 5)
        stages, history = play(proposer, trials)
        for stage in stages:
            allowed = proposer.searched(stage, history)
            for key, values in proposer.regions(stage, history).items():
                assert values, f"{key}: an empty region"
                assert all(allowed[key].contains(value) for value in values), f"{key}: {values} is not in the space"
                if space[key].numeric:
                    low, high = (float(value) for value in values)
                    assert low <= high, f"{key}: {values} is no interval"
            for one in proposer.widenings(stage, history):
                assert stage.index > 0, "nothing is known before the first stage"
                assert space.widens(one.hyperparameter), f"{one.hyperparameter} may not be widened"


PROPOSER_CHECKS: dict[str, Callable[[Make, int], None]] = {
    check.__name__: check
    for check in (
        stages_use_the_budget,
        proposals_lie_in_the_space,
        asking_is_a_pure_function,
        more_begins_with_the_same,
        a_study_resumes_at_every_point,
        seeds_and_stages_differ,
        names_may_come_in_any_order,
        regions_lie_in_the_space,
    )
}
"""Name to check; each takes what makes a proposer and the number of trials to play."""


def check_proposer(make: Make, trials: int = 40) -> None:
    """Check that a proposer keeps what studies rely on.

    Right counts, values of the space (or of its wider form), exactly the open hyperparameters, the same answer to the
    same question whatever the order of the history, more proposals beginning with the same ones, resuming at every
    point, other seeds other draws; over spaces with every scale, conditions, a single choice and nothing that varies,
    with trials that diverge, are infeasible or all equal.

    Args:
        make: makes a proposer of a space and a seed, such as the class.
        trials: how many trials to play, at least 8; fewer for a method that takes long.

    Raises:
        AssertionError: naming what does not hold.

    Example:
        >>> from ikura.search import RandomSearch
        >>> check_proposer(RandomSearch, trials=12)
    """
    for check in PROPOSER_CHECKS.values():
        check(make, trials)
