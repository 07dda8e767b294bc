"""More networks of the chosen configuration, with other seeds, so that the errors are means over more of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from ikura.diagnose.chosen_networks import Chosen
from ikura.errors import UsageError
from ikura.nn.noise import key
from ikura.population.job import Job, train
from ikura.population.member import Member
from ikura.population.outcome import Outcome
from ikura.study.record.trial import FINAL_STAGE, Purpose, Trial

__all__ = ["FIRST", "with_more_seeds"]

FIRST = 10**9
"""Numbers of these networks begin here, where no trial has one."""


def with_more_seeds(chosen: Chosen, seeds: int, epochs: int, patience: int | None, jobs: int = 1) -> Chosen:
    """Train networks of the chosen configuration with further seeds.

    They are trained just as the finalists were; the k-th of them is the same however many there are.

    Args:
        chosen: the choice of a study.
        seeds: how many.
        epochs: of a trial at most.
        patience: epochs without a better dev loss before one stops.
        jobs: trainings at once.

    Returns:
        The choice with these networks too.

    Raises:
        UsageError: every one diverged.
    """
    values, setup = chosen.rows[0].hyperparameters, chosen.setup
    again = [chosen.again(FIRST + k, key(chosen.seed, "more seeds", k)) for k in range(seeds)]
    members = [member for member, _ in again]

    def one(member: Member) -> Outcome:
        changes = again[member.number - FIRST][1]
        [outcome] = train(setup, Job(0, (member,), epochs, patience, keep_weights=True, changes=changes))
        return outcome

    with ThreadPoolExecutor(jobs if setup.compiled else 1) as pool:
        found = [(member, outcome) for member, outcome in zip(members, pool.map(one, members), strict=True)]
    trained = [(member, outcome) for member, outcome in found if outcome.scored]
    if seeds and not trained:
        raise UsageError(f"all {seeds} networks with other seeds diverged")
    rows = [
        Trial(
            member.number,
            Purpose.FINALIST,
            FINAL_STAGE,
            member.seed,
            values,
            state=outcome.state,
            epochs=len(outcome.curve),
            best_epoch=outcome.best_epoch,
            seconds=outcome.seconds,
        )
        for member, outcome in trained
    ]
    networks = []
    for member, outcome in trained:
        assert outcome.weights is not None
        networks.append(setup.trained_network(member, outcome.weights, outcome.buffers or {}))
    return replace(chosen, rows=[*chosen.rows, *rows], more=[*chosen.more, *networks])
