"""All checks, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ikura import built_in
from ikura.checks._base import Check, Checks, Result
from ikura.checks.subject import Subject, undisturbed_generators
from ikura.errors import UsageError
from ikura.registry import Registry

__all__ = ["CHECKS", "run_check", "run_checks", "select_checks"]

CHECKS: Registry[Check] = built_in.CHECKS
"""Name to check."""


def select_checks(only: Iterable[str] | None) -> list[Check]:
    """Look checks up by name.

    Args:
        only: names; None for all.

    Returns:
        The checks, in the order of `CHECKS`.

    Raises:
        UsageError: a name is unknown.

    Example:
        >>> [one.name for one in select_checks(["overfit", "gradient"])]
        ['gradient', 'overfit']
    """
    if only is None:
        return list(CHECKS.values())
    names = list(only)
    known = {name: CHECKS.look_up(name) for name in names}
    return [known[name] for name in CHECKS if name in known]


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
    for one in select_checks(only):
        reason = one.missing(subject)
        if reason is None and not works and "network" in one.needs and one.name != "shared-weights":
            reason = "the network does not run; see forward"
        if reason is not None:
            results.append(one.skipped(reason))
            continue
        if tell is not None:
            tell(one.name)
        results.append(run_check(one, subject))
        works = works and not (one.name == "forward" and results[-1].verdict == "fail")
    return Checks(results, subject.what)


def run_check(one: Check, subject: Subject) -> Result:
    """Make one check of a subject that has what it needs; one that fails with an exception is skipped."""
    with undisturbed_generators():
        try:
            return one.run(subject)
        except UsageError:
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            return one.skipped(f"it could not be made: {reason}")
