"""Whether a factory that is given again is the one that a study began with."""

from __future__ import annotations

from ikura.errors import RunError, UsageError
from ikura.nn.noise import key
from ikura.population.factory import NetworkError, build
from ikura.population.fingerprint import Fingerprint, fingerprint
from ikura.population.setup import TrainingSetup
from ikura.space import Space
from ikura.study.record.facts import FUNCTIONS, NETWORK, NetworkFact
from ikura.study.record.own_functions import fingerprints
from ikura.study.record.pretrained import Pretrained
from ikura.study.record.setting import Setting
from ikura.study.record.store import Store

__all__ = ["check_network", "keep_network"]


def _taken(setup: TrainingSetup, setting: Setting) -> Fingerprint:
    """The fingerprint of a study's factory, with the structure of the network in the middle of its space."""
    assert setup.network is not None
    space = Space.from_dict(setting.space)
    middle = space.from_unit(dict.fromkeys(space.dimensions, 0.5))
    module = None
    try:
        given = {**middle, **setup.sizes}
        module = build(setup.network, given, key(setting.seed, "weights"), "the network", setup.few)
    except (NetworkError, UsageError):
        pass
    return fingerprint(setup.network, module)


def _kept(setting: Setting, setup: TrainingSetup) -> bool:
    return setting.custom and setup.network is not None and not isinstance(setup.network, Pretrained)


def keep_network(store: Store, setting: Setting, setup: TrainingSetup) -> None:
    """Record what a factory of the caller's is known by, and functions of theirs."""
    if store.fact(FUNCTIONS) is None and (known := fingerprints(_functions(setting))):
        store.set_fact(FUNCTIONS, {name: _as_fact(one) for name, one in known.items()})
    if _kept(setting, setup) and store.fact(NETWORK) is None:
        store.set_fact(NETWORK, _as_fact(_taken(setup, setting)))


def _functions(setting: Setting) -> dict[str, list[str]]:
    """Names of a study's losses, metrics, callbacks, training steps and optimizers, by kind."""
    return {
        "loss": [setting.loss] if setting.loss else [],
        "metric": [setting.metric, *setting.metrics],
        "callback": setting.callbacks,
        "training_step": [setting.training_step] if setting.training_step else [],
        "optimizer": [setting.optimizer] if setting.optimizer else [],
    }


def _as_fact(known: Fingerprint) -> NetworkFact:
    return NetworkFact(structure=list(known.structure), code=dict(known.code), python=known.python)


def _of_fact(fact: NetworkFact) -> Fingerprint:
    return Fingerprint(tuple(fact["structure"]), fact["code"], fact["python"])


def check_network(store: Store, setting: Setting, setup: TrainingSetup) -> None:
    """Refuse a factory, loss, metric or another function that is not the one that the study began with.

    Raises:
        RunError: naming what has changed.
    """
    now = fingerprints(_functions(setting))
    for name, fact in (store.fact(FUNCTIONS) or {}).items():
        if name in now and (changed := _of_fact(fact).difference(now[name])) is not None:
            raise RunError(
                f"{store.place}: the {name} is not the one that this study began with: {changed}; give that one, or "
                "begin another study in a folder of its own"
            )
    recorded = store.fact(NETWORK) if _kept(setting, setup) else None
    if recorded is None:
        return
    changed = _of_fact(recorded).difference(_taken(setup, setting))
    if changed is not None:
        raise RunError(
            f"{store.place}: the network factory is not the one that this study began with: {changed}; "
            "give that one, or begin another study in a folder of its own"
        )
