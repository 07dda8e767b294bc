"""The networks of an ensemble as one, and one network against them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ikura.json_values import JsonObject
from ikura.metric import Metric, interval
from ikura.metric.paired_gain import paired_gain
from ikura.nn.array_network import ArrayEnsemble, ArrayMLP, ArrayNetwork
from ikura.nn.averaging import averaging_of
from ikura.population.network_setup import Network
from ikura.population.setup import TrainingSetup
from ikura.study.choice import Retrain, load_network, predictions, retrain_lost
from ikura.study.ensembles import refits
from ikura.study.executor import Executor
from ikura.study.fold_ensembles import fold_networks
from ikura.study.record.ensemble_record import AgainstOne, Ensemble
from ikura.study.record.facts import BEST, REFITTED
from ikura.study.record.record import Record
from ikura.study.record.setting import Setting
from ikura.study.refit import REFIT, refit_setup
from ikura.study.replay import replay
from ikura.study.shortlist import kept_weights

if TYPE_CHECKING:
    pass

__all__ = ["Networks", "against_one", "networks_of", "not_trained_on_dev"]


@dataclass(frozen=True)
class Networks:
    """The networks of an ensemble.

    Attributes:
        final: as one network, those trained again in the place of the trials' own.
        on_dev: predictions of the dev examples, by networks that were not trained on them.
    """

    final: ArrayEnsemble
    on_dev: np.ndarray

    @property
    def form(self) -> JsonObject:
        """What model.json calls the network."""
        return self.final.form


def networks_of(
    executor: Executor, setting: Setting, ensemble: Ensemble, retrain: Retrain, groups: np.ndarray | None = None
) -> Networks:
    """Put the networks of an ensemble together; those whose weights are missing or damaged are trained again.

    Args:
        executor, setting, ensemble, retrain, groups: as for `ikura.study.ensembles.make_ensemble`.
    """
    if ensemble.folds:
        found, shares, on_fold = fold_networks(executor, setting, ensemble, groups)
        averaging = averaging_of(setting.task, executor.setup.loss)
        assert averaging is not None
        return Networks(ArrayEnsemble(_built_in(one.module for one in found), shares, averaging), on_fold)
    setup, run, store = executor.setup, executor.run, executor.store
    rows = [store.trials()[one.trial] for one in ensemble.members]
    retrain_lost(executor, rows, retrain)
    refitted = store.fact(REFITTED) or []
    lost = [number for number in refitted if kept_weights(run, number, REFIT) is None]
    if lost:
        executor.progress.say(f"weights of {len(lost)} networks of the ensemble are missing or damaged: trained again")
        refits(executor, setting, ensemble, None, lost)
    own, whole = [load_network(setup, run, row) for row in rows], refit_setup(setup)
    networks = []
    for row, before in zip(rows, own, strict=True):
        kept = kept_weights(run, row.number, REFIT) if row.number in refitted else None
        networks.append(before if kept is None else whole.trained_network(row.member, *kept))
    on_dev = _together(own, ensemble, setting, setup)
    return Networks(_together(networks, ensemble, setting, setup), predictions(setup, on_dev, setup.dev))


def not_trained_on_dev(record: Record, setup: TrainingSetup) -> Network | None:
    """The ensemble of a study with the trials' own networks, which never saw the dev set; None where it has none.

    Of an ensemble of folds it is the one network beside it.
    """
    ensemble = record.ensemble
    if ensemble is None or not ensemble.used:
        return None
    trials = record.records()
    best = record.store.fact(BEST)
    if ensemble.folds and best is not None:
        # Of its networks each row has been held out from some only.
        return load_network(setup, record.run, trials[best.model], lambda row: replay(record, row))
    own = [
        load_network(setup, record.run, trials[one.trial], lambda row: replay(record, row)) for one in ensemble.members
    ]
    return _together(own, ensemble, record.setting, setup)


def _together(networks: Sequence[Network], ensemble: Ensemble, setting: Setting, setup: TrainingSetup) -> ArrayEnsemble:
    averaging = averaging_of(setting.task, setup.loss)
    assert averaging is not None
    return ArrayEnsemble(_built_in(networks), [one.times for one in ensemble.members], averaging)


def _built_in(networks: Iterable[Network]) -> list[ArrayMLP]:
    """Networks of a table, which are built-in ones."""
    found = [network for network in networks if isinstance(network, ArrayMLP)]
    assert found
    return found


def against_one(
    metric: Metric,
    setup: TrainingSetup,
    ensemble: tuple[Network, np.ndarray],
    single: tuple[Network, np.ndarray],
    target: np.ndarray,
    seed: int,
) -> AgainstOne:
    """Compare an ensemble with one network on the same examples: score, paired difference, size, time.

    Args:
        metric: what is measured.
        setup: the study's.
        ensemble, single: the network, and its predictions.
        target: the truth.
        seed: keys the bootstrap.
    """
    (many, together), (one, alone) = ensemble, single
    gain, apart = paired_gain(metric, together, [alone], target, seed)
    return AgainstOne(
        metric.name,
        float(metric(alone, target)),
        interval(metric, [alone], target, seed=seed),
        gain,
        apart,
        (_weights(many), _weights(one)),
        (_seconds(setup, many), _seconds(setup, one)),
    )


def _weights(network: Network) -> int:
    return network.size if isinstance(network, ArrayNetwork) else sum(one.numel() for one in network.parameters())


def _seconds(setup: TrainingSetup, network: Network) -> float:
    """Seconds that a network takes to predict 1,000 rows, the shortest of three times."""
    some, taken = setup.dev.head(1000), []
    for _ in range(3):
        began = time.perf_counter()
        predictions(setup, network, some)
        taken.append(time.perf_counter() - began)
    return min(taken) * 1000 / len(some)
