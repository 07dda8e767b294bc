"""Folds as members: networks of the finalists' configurations, each trained on all folds but one."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ikura.data.folds import folds
from ikura.data.target_columns import strata
from ikura.json_values import JsonObject
from ikura.nn.noise import key
from ikura.population.job import Job, TileProgress
from ikura.population.member import Member
from ikura.population.network_setup import Network
from ikura.population.packing import pack
from ikura.population.setup import TrainingSetup
from ikura.study.choice import predictions
from ikura.study.executor import Executor
from ikura.study.record.setting import Setting
from ikura.study.record.trial import Trial
from ikura.study.refit import joined
from ikura.study.shortlist import keep_weights, kept_weights

__all__ = ["FOLD", "FoldNetwork", "Folding", "fitting_configurations"]

FOLD = "fold"
"""What the files with weights of networks of folds are called."""


class FoldNetwork(NamedTuple):
    """A trained network, and the arguments of `ikura.nn.mlp.MLP` that made it."""

    module: Network
    form: JsonObject


@dataclass(frozen=True)
class Folding:
    """All rows given, training and dev, in folds, and what is trained on them.

    A network is called by its place, (configuration · repeats + repeat) · folds + fold; a bag is the networks of one
    configuration and repeat, of which each row has been held out from one.

    Attributes:
        executor: where it happens.
        setting: the study's.
        configurations: a trial of each configuration, the study's choice first.
        budgets: epochs of a full training of each.
        patience: epochs without improvement before each stops; None never stops one.
        groups: number of each row's group, training rows first; None where no column says.
    """

    executor: Executor
    setting: Setting
    configurations: Sequence[Trial]
    budgets: Sequence[int]
    patience: Sequence[int | None]
    groups: np.ndarray | None = None

    @property
    def count(self) -> int:
        """Folds."""
        assert self.setting.folds is not None
        return self.setting.folds

    @property
    def bags(self) -> list[tuple[int, int]]:
        """Index of its configuration, and repeat, of each bag."""
        return [(index, repeat) for index in range(len(self.configurations)) for repeat in range(self.setting.repeats)]

    def place(self, index: int, repeat: int, fold: int) -> int:
        """What a network is called by."""
        return (index * self.setting.repeats + repeat) * self.count + fold

    def member(self, index: int, repeat: int, fold: int) -> Member:
        """The member that a network is; those of one fold and repeat have a seed in common."""
        seed = key(self.setting.seed, "fold", repeat, fold)
        return Member(self.place(index, repeat, fold), self.configurations[index].hyperparameters, seed)

    def setups(self) -> Iterator[tuple[int, int, TrainingSetup, np.ndarray]]:
        """Repeat, fold, the setup whose dev set is the fold, and the places of its rows among all."""
        setup = self.executor.setup
        every = joined(setup.train, setup.dev)
        classes = every.y.astype(np.int64) if setup.task in ("binary", "multiclass") else None
        classes = strata(every.y) if setup.task == "multilabel" and every.y.ndim == 2 else classes
        for repeat in range(self.setting.repeats):
            seed = key(self.setting.seed, "folds", repeat)
            of_rows = folds(len(every), self.count, classes=classes, groups=self.groups, seed=seed)
            for fold in range(self.count):
                held = np.flatnonzero(of_rows == fold)
                train = every.rows(np.flatnonzero(of_rows != fold))
                yield repeat, fold, replace(setup, train=train, dev=every.rows(held), callbacks=()), held

    def train(self, deadline: float | None = None) -> list[int]:
        """Train all networks whose weights are not there; of each fold those of all configurations as one population.

        Args:
            deadline: time (`time.time`) at which training ends; who is cut short keeps its best weights so far.

        Returns:
            Places of the networks that have weights.
        """
        executor = self.executor
        work = math.fsum(self.budgets) * self.setting.repeats * self.count
        executor.progress.start("folds", int(work))
        done = ended = 0

        def tell(message: TileProgress) -> None:
            nonlocal done
            done = min(done + message.epochs, int(work))
            executor.progress.update(done, ended, None)

        for repeat, fold, setup, _ in self.setups():
            places = [self.place(index, repeat, fold) for index in range(len(self.configurations))]
            if deadline is not None and time.time() >= deadline:
                break
            if all(self._weights(place) is not None for place in places):
                continue
            with executor.workplace.engine(setup) as engine:
                for outcomes in engine.run(self._jobs(setup, repeat, fold, deadline), tell):
                    keep_weights(executor.run, [one for one in outcomes if one.scored], kind=FOLD)
                    ended += len(outcomes)
            for snapshot in executor.run.glob(f"snapshots/{FOLD}-tile-*"):
                snapshot.unlink(missing_ok=True)
        executor.progress.finish()
        return self.places_with_weights()

    def places_with_weights(self) -> list[int]:
        """Places of the networks that were trained and whose weights are whole."""
        return [place for place in range(len(self.bags) * self.count) if self._weights(place) is not None]

    def _jobs(self, setup: TrainingSetup, repeat: int, fold: int, deadline: float | None) -> list[Job]:
        jobs: list[Job] = []
        for terms in dict.fromkeys(zip(self.budgets, self.patience, strict=True)):
            alike = [
                self.member(index, repeat, fold)
                for index, own in enumerate(zip(self.budgets, self.patience, strict=True))
                if own == terms
            ]
            budget, patience = terms
            size = self.executor.tile_size if not setup.threaded else -(-len(alike) // self.executor.jobs)
            for members in pack(setup, alike, size):
                number = len(jobs)
                snapshot = self.executor.run / "snapshots" / f"{FOLD}-tile-{repeat}-{fold}-{number}.safetensors"
                jobs.append(
                    Job(number, tuple(members), budget, patience, snapshot, deadline=deadline, keep_weights=True)
                )
        return jobs

    def _weights(self, place: int) -> tuple[np.ndarray, dict[str, np.ndarray]] | None:
        return kept_weights(self.executor.run, place, FOLD)

    def whole_bags(self, trained: Sequence[int]) -> list[tuple[int, int]]:
        """The bags of which every network was trained."""
        there = set(trained)
        return [
            (index, repeat)
            for index, repeat in self.bags
            if there.issuperset(self.place(index, repeat, fold) for fold in range(self.count))
        ]

    def networks(self, bags: Sequence[tuple[int, int]]) -> tuple[list[list[FoldNetwork]], list[np.ndarray]]:
        """The networks of some bags, and what they predict of the rows that each was not trained on.

        Returns:
            For each bag its networks by fold, and out-of-fold predictions of all rows, training rows first.
        """
        found: list[list[FoldNetwork]] = [[] for _ in bags]
        parts: list[list[np.ndarray]] = [[] for _ in bags]
        places: dict[int, list[np.ndarray]] = {}
        for repeat, fold, setup, held in self.setups():
            places.setdefault(repeat, []).append(held)
            for bag, (index, own) in enumerate(bags):
                if own != repeat:
                    continue
                kept = self._weights(self.place(index, repeat, fold))
                assert kept is not None
                member = self.member(index, repeat, fold)
                network = setup.trained_network(member, *kept)
                found[bag].append(FoldNetwork(network, setup.layout(member).arguments(member)))
                parts[bag].append(predictions(setup, network, setup.dev))
        back = {repeat: np.argsort(np.concatenate(held)) for repeat, held in places.items()}
        return found, [np.concatenate(part)[back[repeat]] for part, (_, repeat) in zip(parts, bags, strict=True)]


def fitting_configurations(
    trials: Sequence[Trial], setting: Setting, setup: TrainingSetup, jobs: int, deadline: float | None
) -> int:
    """How many configurations, the first ones, are likely to be trained on all folds in the time left.

    Args:
        trials: a finalist of each configuration.
        setting: the study's.
        setup: its training setup.
        jobs: tiles that train at once.
        deadline: time (`time.time`) at which training ends; None for none.
    """
    if deadline is None or not trials:
        return len(trials)
    assert setting.folds is not None
    share = (setting.folds - 1) / setting.folds * (len(setup.train) + len(setup.dev)) / len(setup.train)
    each = [trial.seconds * share * setting.folds * setting.repeats / jobs for trial in trials]
    left = deadline - time.time()
    return next((count for count in range(len(each), 0, -1) if math.fsum(each[:count]) <= left), 0)
