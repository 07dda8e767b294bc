"""What every schedule must hold to, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from math import isfinite, nan

import numpy as np

from ikura.search.schedule import Schedule, StageContext
from ikura.space import Space, choice, integer, linear, log, log_complement
from ikura.testing.simulation import Simulation, learning_curves
from ikura.trial_state import State

__all__ = ["check_schedule"]

SPACE = Space(
    learning_rate=log(1e-4, 1),
    momentum=log_complement(0.9, 0.999),
    dropout=linear(0, 0.5),
    units=integer(8, 64, log=True),
    activation=choice("relu", "tanh"),
)
CHANGEABLE = ("learning_rate", "momentum", "dropout")
PLANS = [
    StageContext(trials, epochs, max_concurrent, seed, SPACE, CHANGEABLE)
    for trials, epochs, max_concurrent, seed in (
        (1, 1, 1, 0),
        (1, 30, 1, 0),
        (2, 10, 1, 1),
        (3, 9, 8, 2),
        (8, 27, 8, 3),
        (20, 81, 8, 4),
        (37, 16, 5, 5),
        (64, 100, 16, 6),
    )
]


def check_schedule(make: Callable[[], Schedule]) -> None:
    """Run a schedule through simulated stages and check what every schedule must hold to.

    Rounds can be carried out (see `ikura.search.schedule.check_round`) and come to an end; every fresh trial begins
    once and none is left over; who diverged or has no finite score never goes on; at least one trial trains all its
    epochs or stops on its own, unless all diverge; no trial exceeds the epochs, and those that refill keep to
    `max_concurrent` and leave no place free while trials wait;
    decisions are a pure function of what is recorded: the same from another
    object, from copies of the standings, when asked again at any point, and in whatever order trials are told.

    Args:
        make: makes the schedule.

    Raises:
        AssertionError: it does not hold to something; the message says what.
        IkuraError: it decides a round that cannot be carried out.

    Example:
        >>> from ikura.search import schedule
        >>> check_schedule(lambda: schedule("hyperband"))
    """
    name = make().name
    for context in PLANS:
        for diverging in (0.0, 0.3, 1.0):
            where = f"schedule {name!r}, {context.trials} trials of {context.epochs} epochs, {diverging:.0%} diverging"
            curves = learning_curves(context.trials, context.epochs, context.seed, diverging)
            whole = Simulation(make(), context, curves).run()
            _check_end(whole, where)
            _check_purity(make, whole, where)
    _check_unscored(make)
    _check_patience(make)


def _check_end(whole: Simulation, where: str) -> None:
    fresh = sum(one.parent is None for one in whole.standings.values())
    assert fresh == whole.context.trials, f"{where}: {fresh} trials began"
    for one in whole.standings.values():
        assert 0 < one.epochs <= whole.context.epochs, f"{where}: trial {one.number} trained {one.epochs} epochs"
    survivors = [one for one in whole.standings.values() if one.state == State.COMPLETE]
    if not np.isnan(whole.curves).any():
        assert survivors, f"{where}: nobody trained to the end"
    ended: dict[int, int] = {}
    begun = 0
    for index, decided in enumerate(whole.rounds):
        for number in (*decided.train, *(copy.parent for copy in decided.copies)):
            assert number not in ended, f"{where}: trial {number}, dropped in round {ended[number]}, goes on in {index}"
        ended |= dict.fromkeys(decided.drop, index)
        begun += len(decided.fresh)
        at_once = len(decided.train) + len(decided.fresh) + len(decided.copies)
        if whole.schedule.refills and begun < whole.context.trials:
            assert at_once == whole.context.max_concurrent, (
                f"{where}: round {index} leaves places free for fresh trials"
            )
        assert all(isinstance(why, str) and why for why in decided.drop.values()), f"{where}: a drop without a reason"


def _check_purity(make: Callable[[], Schedule], whole: Simulation, where: str) -> None:
    shuffled = Simulation(make(), whole.context, whole.curves)
    random = np.random.default_rng(0)
    for index in range(len(whole.rounds) + 1):
        standings = list(shuffled.standings.values())
        answers = [
            make().next(standings, whole.context),
            make().next(deepcopy(standings), whole.context),
            shuffled.schedule.next(standings[::-1], whole.context),
        ]
        expected = whole.rounds[index] if index < len(whole.rounds) else None
        for answer in answers:
            assert answer == expected, f"{where}: decides otherwise when asked again for round {index}"
        shuffled.step(lambda trials: [trials[i] for i in random.permutation(len(trials))])
    assert len(shuffled.rounds) == len(whole.rounds), f"{where}: went on after its end"


def _check_unscored(make: Callable[[], Schedule]) -> None:
    """A metric may be undefined where the loss is not; such trials never go on, and never displace others."""
    context = StageContext(12, 27, 8, 0, SPACE, CHANGEABLE)
    curves = learning_curves(12, 27, diverging=0)
    curves[::2, :, 0] = nan
    whole = Simulation(make(), context, curves).run()
    complete = [one for one in whole.standings.values() if one.state == State.COMPLETE]
    assert any(isfinite(one.scores[-1]) for one in complete), f"schedule {make().name!r}: only trials without a score"


def _check_patience(make: Callable[[], Schedule]) -> None:
    for epochs in (1, 2, 10, 1000):
        patience = make().patience(epochs)
        assert patience is None or patience >= 1, f"schedule {make().name!r}: a patience of {patience} epochs"
        assert make().patience(epochs) == patience, f"schedule {make().name!r}: patience changes"
