"""Which trials owe something to a hand follows from the log of what hands and rules did, on the page as elsewhere."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np

from ikura.study.record.intervention import Action, Request
from ikura.study.record.interventions import Interventions
from ikura.study.record.store import Store
from ikura.study.record.trial import Purpose, Trial
from ikura.web.requests import touched
from tests.web.runs_on_disk import make_run

BY_HAND = (Action.SET, Action.PIN, Action.STOP, Action.PAUSE, Action.NOTE, Action.INJECT)


class Log:
    """What hands and a rule did to trials, drawn at random; each trial is followed back to where it came from."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store, self.rng = store, np.random.default_rng(seed)
        self.own: set[int] = set()
        self.since: dict[int, list[int]] = {}
        self.origins: dict[int, tuple[int, int]] = {}
        for number in range(10, 60):
            self._add(number)

    def _add(self, made: int) -> None:
        interventions, trial, at = Interventions(self.store), int(self.rng.integers(made)), int(self.rng.integers(1, 9))
        if self.rng.random() < 0.6:
            fork = Request(action=Action.FORK, trial=trial, at=at)
            self.store.write(lambda connection: interventions.insert_applied(connection, "pbt", [(fork, made)]))
            self.origins[made] = trial, at
            return
        action = BY_HAND[self.rng.integers(len(BY_HAND))]
        request = Request(action=action, trial=None if action.makes else trial)
        [number] = interventions.add([request], "ada")
        if action.makes:
            interventions.make(number, Trial(made, Purpose.SEARCH, 0, 0, {}))
        elif not request.at_once:
            interventions.apply(number, at)
        subject = made if action.makes else trial
        self.own |= {subject} if action.touches else set()
        self.since.setdefault(subject, []).extend({Action.SET: [at], Action.INJECT: [0]}.get(action, []))

    def owes(self, trial: int, until: int) -> bool:
        """Whether a trial owes what it was after so many epochs to a hand."""
        origin = self.origins.get(trial)
        return any(one <= until for one in self.since.get(trial, [])) or (origin is not None and self.owes(*origin))


def test_copies_by_a_rule_are_touched_from_the_epoch_of_a_change_on(tmp_path: Path) -> None:
    several = 0
    for seed in range(4):
        run = tmp_path / str(seed)
        with closing(make_run(run, ended=1)) as store:
            log = Log(store, seed)
            copies = {made for made, origin in log.origins.items() if log.owes(*origin)}
            assert Interventions(store).touched() == log.own | copies == touched(run)
            assert {one for one in range(60) if Interventions(store).touching(one)} == log.own | copies
            several += len(copies - log.own)
            assert log.origins.keys() - copies - log.own
    assert several > 10
