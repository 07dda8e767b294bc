"""The checks that `ikura.tune` makes before it trains: those that take less than a second, and need no test set.

A check is added by one line in `QUICK`. One that `refuses` ends the study where it fails, before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from ikura.checks._base import Check, Checks, Result
from ikura.checks.building import FactoryCheck
from ikura.checks.column_drift import DriftCheck
from ikura.checks.data_values import LabelsCheck
from ikura.checks.leakage import DuplicatesCheck, LeakageCheck
from ikura.checks.outputs import OutputsCheck
from ikura.checks.registry import run_check
from ikura.checks.subject import Subject
from ikura.errors import UsageError
from ikura.lazy_torch import nn
from ikura.nn.loss import Loss, outputs_of
from ikura.nn.noise import key
from ikura.population.examples import Examples
from ikura.population.factory import build
from ikura.population.member import Hyperparameters

if TYPE_CHECKING:
    from ikura.data import Dataset

__all__ = ["QUICK", "Quick", "quick_checks", "warnings_of"]


@dataclass(frozen=True)
class Quick:
    """A check made before training.

    Attributes:
        check: it.
        own: whether it is for networks of the caller's own alone.
        refuses: whether its failure ends the study before it trains.
    """

    check: Check
    own: bool = False
    refuses: bool = False


QUICK: tuple[Quick, ...] = (
    Quick(LabelsCheck()),
    Quick(LeakageCheck(screened=True)),
    Quick(DuplicatesCheck()),
    Quick(DriftCheck()),
    Quick(FactoryCheck(), own=True, refuses=True),
    Quick(OutputsCheck(), own=True),
)
"""The checks, in the order in which they are made."""


def quick_checks(
    dataset: Dataset,
    factory: Callable[[Hyperparameters], nn.Module] | None = None,
    hyperparameters: Mapping[str, Any] | None = None,
    seed: int = 0,
    loss: Loss | None = None,
) -> Checks:
    """Make the quick checks of a data set, and of the caller's own network if there is one.

    Args:
        dataset: the data, as `ikura.data.prepare` returns them.
        factory: makes the caller's own network; None for networks of ikura's.
        hyperparameters: what the factory reads, one configuration of the space.
        seed: key of all draws.
        loss: the loss; None for the task's usual one.

    Returns:
        Their results, in the order of `QUICK`.

    Raises:
        UsageError: a check failed that a study cannot go on with.

    Example:
        >>> from ikura.data import prepare
        >>> [(one.name, one.verdict) for one in quick_checks(prepare("iris"))][:3]
        [('labels', 'pass'), ('leakage', 'pass'), ('duplicates', 'pass')]
    """
    subject = _subject(dataset, factory, hyperparameters or {}, seed, loss)
    results: list[Result] = []
    for quick in QUICK:
        if quick.own and factory is None:
            continue
        reason = quick.check.missing(subject)
        found = quick.check.skipped(reason) if reason is not None else run_check(quick.check, subject)
        if quick.refuses and found.verdict == "fail":
            raise UsageError(f"{found.finding}: {_begun(found.cause)} {found.fix}")
        results.append(found)
    return Checks(results, subject.what)


def warnings_of(checks: Checks) -> list[str]:
    """Say what failed or asks for a closer look, one line for each.

    Example:
        >>> result = Result("leakage", "fail", "b gives it away", {}, "It leaks.", "Leave it out.")
        >>> warnings_of(Checks([result], "a table"))
        ['check leakage: b gives it away. It leaks. Leave it out.']
    """
    return [f"check {one.name}: {one.finding}. {one.cause} {one.fix}" for one in (*checks.failed, *checks.warned)]


def _begun(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _subject(
    dataset: Dataset,
    factory: Callable[[Hyperparameters], nn.Module] | None,
    given: Mapping[str, Any],
    seed: int,
    loss: Loss | None,
) -> Subject:
    train, dev = Examples.of(dataset.train), Examples.of(dataset.dev)
    outputs = outputs_of(dataset.task.name, len(dataset.task.classes or []), prod(train.y.shape[1:]), loss)
    sizes = {**train.sizes, "outputs": outputs}
    network = fresh = None
    if factory is not None:

        def network(member: int) -> nn.Module:
            return build(factory, {**given, **sizes}, key(member, "weights"), "the network", subject.few)

        def fresh() -> tuple[nn.Module, nn.Module]:
            assert network is not None
            return network(0), network(0)

    subject = Subject(
        dataset.summary.source or "the data",
        dataset.task.name,
        train,
        dev,
        None,
        len(dataset.task.classes or []),
        network=network,
        fresh=fresh,
        given=given,
        names=(*dataset.encoder.feature_names, *dataset.encoder.embedding_names) if train.is_table else (),
        drift=dataset.summary.drift,
        seed=seed,
        loss=None if loss is None else loss.own,
        named=loss,
        integers=train.whole_numbers,
    )
    return subject
