"""Whether a factory that is given again is the one that a study began with."""

from __future__ import annotations

from ikura.errors import RunError, UsageError
from ikura.nn.noise import key
from ikura.population.factory import NetworkError, build
from ikura.population.fingerprint import Fingerprint, fingerprint
from ikura.population.setup import TrainingSetup
from ikura.space import Space
from ikura.study.record.facts import NETWORK, NetworkFact
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
    """Record what a factory of the caller's is known by."""
    if _kept(setting, setup) and store.fact(NETWORK) is None:
        found = _taken(setup, setting)
        store.set_fact(
            NETWORK, NetworkFact(structure=list(found.structure), code=dict(found.code), python=found.python)
        )


def check_network(store: Store, setting: Setting, setup: TrainingSetup) -> None:
    """Refuse a factory that is not the one that the study began with: weights would go into another network.

    Raises:
        RunError: naming what has changed.
    """
    recorded = store.fact(NETWORK) if _kept(setting, setup) else None
    if recorded is None:
        return
    known = Fingerprint(tuple(recorded["structure"]), recorded["code"], recorded["python"])
    changed = known.difference(_taken(setup, setting))
    if changed is not None:
        raise RunError(
            f"{store.place}: the network factory is not the one that this study began with: {changed}; "
            "give that one, or begin another study in a folder of its own"
        )
