"""What a check is, and what it returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ikura.errors import UsageError, nearest
from ikura.json_values import JsonObject, jsonable
from ikura.registry import check_class

if TYPE_CHECKING:
    from ikura.checks.subject import Subject

__all__ = ["VERDICTS", "Check", "Checks", "Result"]

VERDICTS = ("fail", "warn", "pass", "skipped")
"""From the worst to the one that says nothing."""


@dataclass(frozen=True)
class Result:
    """What one check found.

    Attributes:
        name: the check's.
        verdict: one of `VERDICTS`.
        finding: what was found, in one sentence; for a skipped check, why it was skipped.
        figures: what was measured, JSON values.
        cause: the likely cause of a failure or warning.
        fix: what to do about it.
    """

    name: str
    verdict: str
    finding: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    cause: str = ""
    fix: str = ""

    def to_json(self) -> JsonObject:
        """Return the result as JSON values; numbers that are not finite become None."""
        texts = {"name": self.name, "verdict": self.verdict, "finding": self.finding}
        return {**texts, "figures": jsonable(self.figures), "cause": self.cause, "fix": self.fix}

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> Result:
        """Read what `to_json` wrote."""
        return cls(**form)


class Checks(Sequence[Result]):
    """The results of all checks of one subject, in the order in which they ran.

    Args:
        results: what the checks found.
        subject: what was checked, in a few words.

    Example:
        >>> checks = Checks([Result("symmetry", "pass", "units differ"), Result("overfit", "fail", "stuck")], "a net")
        >>> checks.ok, [one.name for one in checks.failed], checks["overfit"].finding
        (False, ['overfit'], 'stuck')
    """

    def __init__(self, results: Sequence[Result], subject: str) -> None:
        self.results = list(results)
        self.subject = subject

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def __getitem__(self, which: Any) -> Any:
        """Return a result by its check's name or its place."""
        if not isinstance(which, str):
            return self.results[which]
        for one in self.results:
            if one.name == which:
                return one
        names = [one.name for one in self.results]
        raise UsageError(f"no check {which!r} was made{nearest(which, names)}; there are {', '.join(names)}")

    def of(self, verdict: str) -> list[Result]:
        """Return the results with this verdict."""
        return [one for one in self.results if one.verdict == verdict]

    @property
    def failed(self) -> list[Result]:
        """The checks that failed."""
        return self.of("fail")

    @property
    def warned(self) -> list[Result]:
        """The checks that ask for a closer look."""
        return self.of("warn")

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not self.failed

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(self.of(verdict))} {verdict}" for verdict in VERDICTS if self.of(verdict))
        lines = [f"Checks of {self.subject}: {counts}"]
        lines += [f"  {one.verdict}: {one.name}: {one.finding}" for one in (*self.failed, *self.warned)]
        return "\n".join(lines)

    def to_json(self) -> JsonObject:
        """Return everything as JSON values."""
        counts = {verdict: len(self.of(verdict)) for verdict in VERDICTS}
        checks = [one.to_json() for one in self.results]
        return {"subject": self.subject, "ok": self.ok, "counts": counts, "checks": checks}

    @classmethod
    def from_json(cls, form: Mapping[str, Any]) -> Checks:
        """Read what `to_json` wrote."""
        return cls([Result.from_json(one) for one in form["checks"]], form["subject"])


class Check(ABC):
    """One check, written for a single network.

    It works on copies that the subject hands out, and so changes nothing.

    Attributes:
        name: what users call it.
        about: what it looks for, in one line.
        needs: what a subject must have for it: "network", "examples", "dev", "table", "step".
        any_target: whether it is made whatever is learned, not only one class or one value for each example.
    """

    name: str
    about: str
    needs: tuple[str, ...] = ("network", "examples")
    any_target: bool = False

    def missing(self, subject: Subject) -> str | None:
        """Say why the check does not apply; None if it does."""
        wanted = next((one for one in self.needs if one not in subject.has), None)
        if wanted is None and not self.any_target and subject.several_targets:
            return "the target is not one class or one value for each example"
        return None if wanted is None else f"there {ABSENT[wanted]}"

    @abstractmethod
    def run(self, subject: Subject) -> Result:
        """Check a subject that has what the check needs."""

    def passed(self, finding: str, **figures: Any) -> Result:
        """Return that all is well."""
        return Result(self.name, "pass", finding, figures)

    def skipped(self, finding: str, **figures: Any) -> Result:
        """Return that nothing can be said."""
        return Result(self.name, "skipped", finding, figures)

    def warned(self, finding: str, cause: str, fix: str, **figures: Any) -> Result:
        """Return that a closer look is due."""
        return Result(self.name, "warn", finding, figures, cause, fix)

    def failed(self, finding: str, cause: str, fix: str, **figures: Any) -> Result:
        """Return that something is wrong."""
        return Result(self.name, "fail", finding, figures, cause, fix)


def as_check(name: str, thing: Any) -> Check:
    """Take a check that was found under a name.

    Raises:
        UsageError: it is no whole check of that name.
    """
    check_class("check", name, thing, Check)
    found: Check = thing()
    return found


ABSENT = {
    "network": "is no network",
    "examples": "are no examples",
    "dev": "is no dev or test set",
    "table": "is no table, only arrays",
    "step": "is no training step of your own",
}
