"""All checks, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ikura.checks._base import Check, Checks, Result
from ikura.checks.batch_independence import BatchIndependenceCheck, EvaluationCheck
from ikura.checks.batch_norm import BatchNormCheck
from ikura.checks.building import FactoryCheck, ForwardCheck, SharedCheck
from ikura.checks.column_drift import DriftCheck
from ikura.checks.data_values import LabelsCheck, NormalisationCheck, ValuesCheck
from ikura.checks.gradient import GradientCheck
from ikura.checks.gradient_reach import DetachedCheck, InputsCheck
from ikura.checks.initial_state import InitialLossCheck, SymmetryCheck
from ikura.checks.leakage import DuplicatesCheck, IdentifierCheck, LeakageCheck
from ikura.checks.learnable import LearnableCheck
from ikura.checks.learning_rate import LearningRateCheck
from ikura.checks.outputs import LossCheck, OutputsCheck
from ikura.checks.overfit import OverfitCheck
from ikura.checks.regularisation import ClippingCheck, RegularisationCheck
from ikura.checks.signal import SignalCheck, UnitsCheck
from ikura.checks.subject import Subject, undisturbed
from ikura.checks.training_step import StepCheck
from ikura.checks.two_sample_test import DistributionCheck
from ikura.errors import UsageError, nearest

__all__ = ["CHECKS", "chosen", "made", "run_checks"]

CHECKS: dict[str, Check] = {
    one.name: one
    for one in (
        ValuesCheck(),
        NormalisationCheck(),
        LabelsCheck(),
        LearnableCheck(),
        LeakageCheck(),
        IdentifierCheck(),
        DuplicatesCheck(),
        DriftCheck(),
        DistributionCheck(),
        FactoryCheck(),
        ForwardCheck(),
        SharedCheck(),
        OutputsCheck(),
        LossCheck(),
        EvaluationCheck(),
        BatchIndependenceCheck(),
        InputsCheck(),
        DetachedCheck(),
        GradientCheck(),
        SymmetryCheck(),
        InitialLossCheck(),
        SignalCheck(),
        UnitsCheck(),
        BatchNormCheck(),
        OverfitCheck(),
        LearningRateCheck(),
        RegularisationCheck(),
        ClippingCheck(),
        StepCheck(),
    )
}
"""Name to check."""


def chosen(only: Iterable[str] | None) -> list[Check]:
    """Look checks up by name.

    Args:
        only: names; None for all.

    Returns:
        The checks, in the order of `CHECKS`.

    Raises:
        UsageError: a name is unknown.

    Example:
        >>> [one.name for one in chosen(["overfit", "gradient"])]
        ['gradient', 'overfit']
    """
    if only is None:
        return list(CHECKS.values())
    names = list(only)
    for name in names:
        if name not in CHECKS:
            raise UsageError(f"unknown check {name!r}{nearest(name, CHECKS)}: use {', '.join(CHECKS)}")
    return [one for name, one in CHECKS.items() if name in names]


def run_checks(
    subject: Subject, only: Iterable[str] | None = None, tell: Callable[[str], None] | None = None
) -> Checks:
    """Make checks of a subject, one after another; the subject and all random numbers stay as they are.

    Where the network does not run, the checks that need it are skipped.

    Args:
        subject: what is checked.
        only: names of the checks to make; None for all.
        tell: told the name of each check before it is made.

    Returns:
        Their results.
    """
    results: list[Result] = []
    works = True
    for one in chosen(only):
        reason = one.missing(subject)
        if reason is None and not works and "network" in one.needs and one.name != "shared-weights":
            reason = "the network does not run; see forward"
        if reason is not None:
            results.append(one.skipped(reason))
            continue
        if tell is not None:
            tell(one.name)
        results.append(made(one, subject))
        works = works and not (one.name == "forward" and results[-1].verdict == "fail")
    return Checks(results, subject.what)


def made(one: Check, subject: Subject) -> Result:
    """Make one check of a subject that has what it needs; one that fails with an exception is skipped."""
    with undisturbed():
        try:
            return one.run(subject)
        except UsageError:
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            return one.skipped(f"it could not be made: {reason}")
