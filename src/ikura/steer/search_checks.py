"""What is looked at before something is asked of a search: whether it can have an effect."""

from __future__ import annotations

import math

from ikura.errors import SpaceError, UsageError, listed, nearest
from ikura.exchange.prior import fitted
from ikura.population.member import check_value
from ikura.search import Stage
from ikura.space import Space
from ikura.steer.trial_checks import no_values
from ikura.study.record.changed_space import changed, space_from
from ikura.study.record.intervention import Action, Request
from ikura.study.record.interventions import Interventions
from ikura.study.record.networks import OWN
from ikura.study.record.record import Record
from ikura.study.record.search_budget import full_epochs, full_trials
from ikura.study.record.search_plans import plans
from ikura.study.record.tune_options import MOST
from ikura.study.search_stages import following

__all__ = ["check_add", "check_ban", "check_budget", "check_end", "check_inject", "check_range", "check_time_limit"]


def check_inject(record: Record, request: Request) -> None:
    """Refuse a configuration that the space has not."""
    _of_the_study(request)
    space = record.searched
    for name in request.values:
        if name not in space:
            raise UsageError(f"the space has no {name!r}{nearest(name, space)}; it has {listed(space, 50)}")
    if fitted(request.values, space) is None:
        values = {name: one.from_unit(0.5) for name, one in space.items() if not one.varies} | dict(request.values)
        missing = [name for name in space.active(values) if name not in values]
        if missing:
            raise UsageError(f"inject needs a value of every hyperparameter; {listed(missing)} are missing")
        space.to_unit(values)
        raise UsageError("the space that is searched has no such configuration")


def check_end(record: Record, request: Request) -> None:
    """Refuse to end the search with words that say more."""
    no_values(request)
    _of_the_study(request)


def check_range(record: Record, request: Request) -> None:
    """Refuse ends that a range cannot have."""
    _of_the_study(request)
    values = request.values
    if "name" not in values or not values.keys() <= {"name", "low", "high"} or len(values) < 2:
        raise UsageError("range takes the name of a hyperparameter and the ends low and high, or one of them")
    name, space = str(values["name"]), _space(record)
    if name in space and not (space[name].numeric and space[name].varies):
        raise UsageError(f"{name} has no range; add or ban one of its values")
    for end in ("low", "high"):
        if end in values:
            number = values[end]
            if not isinstance(number, int | float) or isinstance(number, bool) or not math.isfinite(number):
                raise UsageError(f"{end} must be a number, but is {number!r}")
            check_value(name, number, built_in=record.setting.network != OWN)
    _check_change(record, request)


def check_add(record: Record, request: Request) -> None:
    """Refuse an option that a choice has, or cannot have."""
    [(name, value)] = _pair(request)
    check_value(name, value, built_in=record.setting.network != OWN)
    _check_change(record, request)


def check_ban(record: Record, request: Request) -> None:
    """Refuse to ban what is no option, or the only one."""
    _pair(request)
    _check_change(record, request)


def check_budget(record: Record, request: Request) -> None:
    """Refuse a budget that changes nothing, or less than what was proposed."""
    _of_the_study(request)
    values = request.values
    if not values or not values.keys() <= {"trials", "epochs"}:
        raise UsageError("budget takes trials, epochs and time_limit, at least one of them")
    for name, value in values.items():
        if type(value) is not int or not 1 <= value <= MOST[name]:
            raise UsageError(f"{name} must be a whole number from 1 to {MOST[name]:,}, but is {value!r}")
    if record.setting.autopilot is not None:
        raise UsageError(
            "an autopilot divides trials and epochs by itself; only the time_limit of its study can change"
        )
    if "trials" in values and not record.space.dimensions:
        raise UsageError("the space has a single configuration; more trials of it would all be the same")
    done = _done(record)
    proposed = sum(one.trials for one in done)
    trials, epochs = _budget(record)
    wanted = int(values.get("trials", trials)), int(values.get("epochs", epochs))
    if wanted == (trials, epochs):
        raise UsageError(f"the search has {trials} trials and {epochs} epochs already")
    if wanted[0] < proposed:
        raise UsageError(f"{proposed} trials are proposed already; stop some of them, or end the search")
    if _next(record, done, *wanted) is None and _next(record, done, trials, epochs) is None:
        raise UsageError(f"all {proposed} trials are proposed, and begin with their epochs; ask for more trials, too")


def check_time_limit(record: Record, request: Request) -> None:
    """Refuse a limit that is no time."""
    _of_the_study(request)
    seconds = request.values.get("seconds")
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool) and math.isfinite(seconds)
    if request.values.keys() != {"seconds"} or not number or not isinstance(seconds, int | float) or seconds <= 0:
        raise UsageError("the time limit must be a number of seconds above 0")


def _of_the_study(request: Request) -> None:
    if request.trial is not None or request.at is not None:
        raise UsageError(f"{request.action} is for the whole search, it takes no trial and no epoch")


def _pair(request: Request) -> list[tuple[str, str | float | bool]]:
    _of_the_study(request)
    if len(request.values) != 1:
        raise UsageError(f"{request.action} takes one hyperparameter and one value, such as optimizer=adam")
    return list(request.values.items())


def _check_change(record: Record, request: Request) -> None:
    """Refuse a change of the space that cannot be made, changes nothing, or comes too late."""
    space = _space(record)
    try:
        found = changed(space, [request])
    except SpaceError as error:
        raise UsageError(str(error)) from None
    if all(found[name] == space[name] for name in space if name in found):
        raise UsageError(f"{request.values['name']} has this range already")
    done = _done(record)
    if record.setting.autopilot is None and _next(record, done, *_budget(record)) is None:
        raise UsageError(
            f"{record.called}: all {sum(one.trials for one in done)} trials are proposed already; "
            "ask for more of them first (budget)"
        )


def _space(record: Record) -> Space:
    """The space of the next proposals, as it will be when all that is asked has taken effect."""
    store = record.store
    space = space_from(store, Space.from_dict(plans(record.setting, store)[-1].space), store.count())
    for one in Interventions(store).unsettled():
        if one.action in (Action.RANGE, Action.ADD, Action.BAN):
            try:
                space = changed(space, [one])
            except SpaceError:
                continue
    return space


def _done(record: Record) -> list[Stage]:
    """The stages of the last search that are proposed."""
    plan, store = plans(record.setting, record.store)[-1], record.store
    return [
        Stage(one.stage - plan.own, one.name, one.trials, one.epochs) for one in record.stages if one.stage >= plan.own
    ] or [Stage(0, "", n, plan.epochs) for n in [store.count(stage=plan.own, parent=None)] if n]


def _budget(record: Record) -> tuple[int, int]:
    """Trials and epochs of the last search, as they will be when all that is asked has taken effect."""
    plan = plans(record.setting, record.store)[-1]
    trials, epochs = full_trials(record.store, plan), full_epochs(record.store, plan)
    for one in Interventions(record.store).unsettled():
        if one.action is Action.BUDGET:
            trials, epochs = int(one.values.get("trials", trials)), int(one.values.get("epochs", epochs))
    return trials, epochs


def _next(record: Record, done: list[Stage], trials: int, epochs: int) -> Stage | None:
    plan = plans(record.setting, record.store)[-1]
    return following(plan.proposer(record.setting.search, record.setting.seed), plan, done, trials, epochs)
