"""What an autopilot's decision is made of: the best trial so far, what is wrong with it, and what is left to try."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ikura.diagnose.best_achievable import best_achievable
from ikura.diagnose.bias_variance import judge_errors
from ikura.diagnose.chosen_networks import Chosen
from ikura.diagnose.decision_wording import decision_in_words
from ikura.diagnose.measured_errors import measure
from ikura.diagnose.prescription import Prescription
from ikura.diagnose.reachable_error import loss_fell_further, with_reachable_errors
from ikura.diagnose.recipe import prescribe_for
from ikura.diagnose.recipe_rule import RuleContext
from ikura.diagnose.search_budget import search_budget
from ikura.diagnose.space_borders import borders
from ikura.errors import SpaceError
from ikura.metric import metric
from ikura.metric.estimate import known_error
from ikura.nn.augmentation import AUGMENTATIONS
from ikura.space import Space
from ikura.study.chosen_space import check_space
from ikura.study.record.decision import Action, Decision, EndRecord, Leader, OfferRecord, SearchPlan
from ikura.study.record.diagnosis import WORTH, Diagnosis, Gap
from ikura.study.record.earlier_study import Change
from ikura.study.record.facts import SECONDS
from ikura.study.record.record import Record
from ikura.study.record.search_plans import begun_with, found_in, plans, with_widened
from ikura.study.record.trial import Trial
from ikura.study.search_loop import observations
from ikura.study.steered import course_of
from ikura.trial_state import State

if TYPE_CHECKING:
    from ikura.study.executor import Executor
    from ikura.study.record.setting import Setting

__all__ = ["NextSteps"]

SHARE_WORTH, LEAST_WORTH = 0.25, 0.0025
"""A gap is worth effort from this share of the dev error on, but at least this; at most `WORTH`, as for a person."""

WARM = 8
"""Trials that train longer from their weights, at most."""

CLOSER = Prescription(
    "closer-search",
    "what is left",
    "What the recipe prescribes was tried or cannot be done by a search, and some of the budget is left.",
    "a better configuration of the same kind",
    "",
    "",
)


@dataclass(frozen=True)
class NextStep:
    """What may be done next.

    Attributes:
        prescription: what to do; None to stop.
        plan: the search that does it; None to stop.
        reason: why.
    """

    prescription: Prescription | None
    plan: SearchPlan | None
    reason: str


class NextSteps:
    """Looks at a study between two searches.

    The next search changes the space in which the best trial so far was found, with the ranges widened on the way; a
    change that brought nothing better is thereby taken back.

    Args:
        record: of the study.
        executor: where it happens.
        setting: the study's.
        every: trials with a dev score, the best first.
    """

    def __init__(self, record: Record, executor: Executor, setting: Setting, every: Sequence[Trial]) -> None:
        self.record, self.executor, self.setting, self.every = record, executor, setting, every
        self.decisions = record.decisions
        self.searches = plans(setting, executor.store)
        self.leader = every[0]
        self.base = found_in(self.leader.stage, self.searches)
        stages = [one for one in record.stages if found_in(one.stage, self.searches) == self.base]
        self.space = with_widened(Space.from_dict(self.base.space), stages)
        self.diagnosis = self._diagnosis()

    def _diagnosis(self) -> Diagnosis:
        """Diagnose the best trial so far, by the network that was kept of it."""
        by = metric(self.setting.metric, self.setting.task)
        course = course_of(self.executor.store, self.leader.number)
        leader = Chosen(self.executor.run, self.executor.setup, [self.leader], by, self.setting.seed, course)
        errors, neighbour = measure(leader)
        losses = self.record.curve(self.leader.number).train_loss.tolist()
        if errors.train.high > LEAST_WORTH and loss_fell_further(leader, lambda number: losses):
            errors = with_reachable_errors(leader, errors, self.base.epochs)
        worth = min(WORTH, max(errors.dev.value * SHARE_WORTH, LEAST_WORTH))
        said = self.setting.autopilot
        known = None if said is None else known_error(said.bayes_error, said.human_error)
        if known is not None:
            return judge_errors(errors, *known, worth=worth)
        optimum, note = best_achievable(neighbour, {"this study": errors.dev})
        return judge_errors(errors, optimum, "estimate", worth, note)

    def offers(self) -> Iterator[NextStep]:
        """Yield what may be done next, the best first; the last is to stop."""
        if self.plan(Change()) is None:
            yield NextStep(None, None, "the budget is spent")
        elif not self._worth():
            yield NextStep(None, None, "neither bias nor variance is worth more effort")
        else:
            spent = self._spent()
            for one in [*self._prescribed(), CLOSER]:
                plan = self.plan(one.change, last=one is CLOSER)
                if one.name not in spent and plan is not None and (one is CLOSER or self._differs(plan)):
                    yield NextStep(one, plan, one.reason)
            yield NextStep(None, None, "nothing that the recipe prescribes is left to try")

    def _worth(self) -> list[Gap]:
        """The gaps that are worth effort, the largest first.

        One that cannot be told yet is, if its value says so: to try costs no more than the budget.
        """
        gaps = (self.diagnosis.bias, self.diagnosis.variance)
        found = [gap for gap in gaps if gap.verdict != "low" and gap.value > self.diagnosis.worth]
        return sorted(found, key=lambda gap: (gap.verdict != "high", -gap.value))

    def _prescribed(self) -> list[Prescription]:
        """What the recipe prescribes against these gaps, the first gap's remedies first."""
        order = [gap.name for gap in self._worth()]
        gaps = {gap.name: replace(gap, verdict="high") for gap in self._worth()}
        found = prescribe_for(self._case(replace(self.diagnosis, **gaps)))  # type: ignore[arg-type]
        return sorted((one for one in found if one.against in order), key=lambda one: order.index(one.against))

    def _case(self, diagnosis: Diagnosis) -> RuleContext:
        """The study as the recipe looks at one, ended with its best trial so far."""
        setting = replace(
            self.setting, epochs=self.base.epochs, trials=self.base.trials, space=self.space.as_dict(), auto={}
        )
        own = [one.stage for one in self.record.stages if found_in(one.stage, self.searches) == self.base]
        trials, leader = self.record.trials, self.leader
        found = trials[trials["stage"].isin(own)]
        pressed = borders(found, self.space, self.executor.sign > 0, leader.hyperparameters)
        chosen = (leader.number, leader.hyperparameters, leader.score)
        return RuleContext(diagnosis, self.record, trials, setting, setting.epochs, self.space, *chosen, pressed)

    def _spent(self) -> set[str]:
        """Prescriptions that were skipped, or searched for in vain."""
        return {
            one.name
            for one in self.decisions
            if isinstance(one, OfferRecord)
            and (one.action is Action.SKIP or (one.plan and not (one.found and one.found.better)))
        }

    def _differs(self, plan: SearchPlan) -> bool:
        return bool(plan.opened) or plan.epochs != self.base.epochs

    def plan(self, change: Change, last: bool = False) -> SearchPlan | None:
        """Plan the search that makes a change; None if a search cannot make it, or there is no budget for it."""
        if not set(change.settings) <= {"epochs"}:
            return None
        if any(name in AUGMENTATIONS for name in change.space) and not self.executor.setup.augmented:
            return None
        try:
            space = self._changed(change)
        except SpaceError:
            return None
        epochs = int(change.settings.get("epochs", self.base.epochs))
        opened = [name for name in space if name not in self.space or space[name] != self.space[name]]
        rows = [row for row in self.executor.store.trials() if found_in(row.stage, self.searches) == self.base]
        seconds = sum((self.executor.store.fact(SECONDS) or {}).values())
        part = search_budget(self.setting, self.searches, rows, seconds, epochs, opened, last)
        if part is None:
            return None
        begun = max((one.stage for one in self.record.stages), default=0)
        warm = self._warm(epochs) if not opened else []
        number = self.searches[-1].number + 1
        return SearchPlan(number, begun + 1, space.as_dict(), part.trials, epochs, part.until, opened, warm)

    def _changed(self, change: Change) -> Space:
        """The space with a change made; ranges that the user holds stay as they are."""
        held = [name for name in self.space if self.space[name].numeric and not self.space.widens(name)]
        forms = {name: form for name, form in change.space.items() if name not in held or not self.space[name].varies}
        space = self.space.replace(**forms) if forms else self.space
        if forms:
            check_space(space, self.setting.network, self.record.summary.get("images") is not None)
        return space

    def _warm(self, epochs: int) -> list[int]:
        """Trials that go on from their weights in a search of longer training: the best that came to the end of theirs.

        One that stopped early would do so again.
        """
        if epochs <= self.base.epochs:
            return []
        found = [
            row.number
            for row in self.every
            if row.state is State.COMPLETE
            and row.epochs == self.base.epochs
            and found_in(row.stage, self.searches) == self.base
        ]
        return found[:WARM]

    def decision(self, offer: NextStep) -> Decision:
        """Write an offer as the record of a decision, with its diagnosis and its reason."""
        assert self.leader.dev_loss is not None
        best = Leader(self.leader.number, self.leader.score, self.leader.dev_loss, self.base.number)
        after, plan, one = self.searches[-1].number, offer.plan, offer.prescription
        decision: Decision
        if plan is None or one is None:
            decision = EndRecord(after=after, best=best, diagnosis=self.diagnosis, reason=offer.reason, sentence="")
            return replace(decision, sentence=decision_in_words(decision))
        known = begun_with(observations(self.executor.store, self.executor.sign), Space.from_dict(plan.space))
        decision = OfferRecord(
            action=Action.SEARCH,
            after=after,
            best=best,
            diagnosis=self.diagnosis,
            name=one.name,
            reason=offer.reason,
            plan=plan,
            answer=None,
            against=one.against,
            expected=one.expected,
            source=one.source,
            changes=self._changes(plan),
            trials=plan.trials,
            known=len(known),
            weights=self._weights(plan),
            sentence="",
        )
        return replace(decision, sentence=decision_in_words(decision))

    def _changes(self, plan: SearchPlan) -> dict[str, list[Any]]:
        """What becomes of what: name to the table (or the epochs) before, None where there was none, and after."""
        space = Space.from_dict(plan.space)
        found: dict[str, list[Any]] = {
            name: [self.space[name].as_dict() if name in self.space else None, space[name].as_dict()]
            for name in plan.opened
        }
        if plan.epochs != self.base.epochs:
            found["epochs"] = [self.base.epochs, plan.epochs]
        return found

    def _weights(self, plan: SearchPlan) -> str:
        """Whether trained weights are used again, and why not."""
        if plan.warm:
            return f"{len(plan.warm)} trials go on from their weights"
        if any(name.split("_")[0] in ("units", "layers", "blocks", "channels") for name in plan.opened):
            return "weights are not used again: they have another shape"
        if plan.opened:
            return "weights are not used again: networks that begin with trained ones generalise worse than fresh ones"
        if plan.epochs > self.base.epochs:
            return "weights are not used again: every trial had stopped early"
        return "weights are not used again: the trials begin elsewhere"
