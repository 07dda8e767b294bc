"""`ikura.scale`: from a tuned small batch to a large one, and the proof."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Any, Literal

from torch import nn

from ikura.engine import worker_count
from ikura.errors import UsageError
from ikura.files import shown, sweep_partial, write_atomically
from ikura.large_batch.column_training import Trained, Trainer, sweep
from ikura.large_batch.comparison import Row, choose_column, compare, margin_of, with_epoch_seconds
from ikura.large_batch.ghost_norm import Ghosts, without_ghosts
from ikura.large_batch.largest import Sizes, sizes
from ikura.large_batch.regime import stretch
from ikura.large_batch.scale_result import Scaling
from ikura.large_batch.scaling_columns import Column, Winner, check_batch, columns
from ikura.large_batch.scaling_rules import candidates, check_rule
from ikura.large_batch.timing import seconds_per_epoch
from ikura.large_batch.winner import changed_on_the_way, winner_of
from ikura.metric import metric as metric_of
from ikura.population.member import Hyperparameters, Member
from ikura.population.tile_size import COMPILED_TILE
from ikura.population.warmup import warm_up
from ikura.process_state import cores
from ikura.space._base import Configuration
from ikura.study.factory_check import check_network
from ikura.study.record.command import predict_command
from ikura.study.record.device import chosen_device
from ikura.study.record.networks import resolved
from ikura.study.record.open_run import open_run
from ikura.study.record.progress import Progress
from ikura.study.record.record import Record
from ikura.study.record.tune_options import check_counts
from ikura.study.run_folder import alone
from ikura.study.training_setup import make_setup, model_of, network_again

__all__ = ["scale"]

AUTO: Literal["auto"] = "auto"


def scale(
    run: str | Path | Record,
    batch_size: int | Literal["auto"] = AUTO,
    *,
    rule: str = AUTO,
    regime: str | float | None = None,
    ghost: int | None = None,
    seeds: int = 5,
    within: float | None = None,
    controls: bool = False,
    device: str | None = None,
    jobs: int | None = None,
    network: Callable[[Hyperparameters], nn.Module] | None = None,
    progress: Progress | None = None,
) -> Scaling:
    """Train a run's winner with a large batch, one measure after another, and compare it with the small batch.

    The columns are those of Hoffer, Hubara and Soudry (2017): small batch, large batch, + learning rate, + ghost
    normalisation, + clipping (or warm-up), + regime adaptation; and, if asked for, controls with noise of other kinds.
    Each is trained with the same seeds: initial weights, order of examples and noise are common, and differences are
    paired over seeds and dev examples. The dev set decides; the test set is not touched.

    What is trained is kept in the folder `scale` of the run, so that a call that was stopped goes on where it was.

    Args:
        run: the run folder, or the study.
        batch_size: examples in the large mini-batch; "auto" finds the largest that holds the score.
        rule: "sqrt", "linear" or "auto": √ratio for adaptive update rules; of the others the better one on the dev set.
        regime: how far the schedule is stretched in the last column: "same-epochs" (not at all), "between" (√ratio),
            "same-updates" (the ratio of the batch sizes), or a factor. By default "between", and only if no column
            before it holds.
        ghost: examples in a ghost, for networks with batch normalisation; by default those of the small batch.
        seeds: networks trained of each column.
        within: how much of the dev score may be lost; by default 0.003 of a metric that is 1 at best, and the standard
            deviation from seed to seed of others.
        controls: whether the large batch is trained with gradient noise, dropout, DropConnect and label noise, too.
        device: "auto", "cpu" or "cuda"; by default the run's.
        jobs: tiles that train at once; by default one for each core.
        network: the factory, if the network is the caller's own and `run` is a folder.
        progress: who is told how it goes.

    Returns:
        The table, the verdict, the settings, the model and the report.

    Raises:
        UsageError: an argument cannot be used with this run.
        RunError: there is no such run, or it has not chosen a network yet.

    Example:
        >>> import tempfile, ikura
        >>> run = tempfile.mkdtemp() + "/iris"
        >>> space = {"learning_rate": 0.01, "batch_size": 8, "optimizer": "momentum", "units": 8}
        >>> study = ikura.tune("iris", space=space, trials=1, epochs=5, finalists=0, out=run)
        >>> scaling = ikura.scale(run, 32, regime="between", rule="sqrt", seeds=2)
        >>> list(scaling.table["name"])
        ['small batch', 'large batch', '+ learning rate', '+ clipping', '+ regime adaptation']
    """
    record = run if isinstance(run, Record) else Record(run, network)
    return _Work(
        record, batch_size, rule, regime, ghost, seeds, within, controls, device, jobs, progress or Progress()
    ).run()


@dataclass
class _Work:
    record: Record
    batch_size: int | Literal["auto"]
    rule: str
    regime: str | float | None
    ghost: int | None
    seeds: int
    within: float | None
    controls: bool
    device: str | None
    jobs: int | None
    progress: Progress

    def run(self) -> Scaling:
        self._check()
        run, folder = self.record.run, self.record.run / "scale"
        self.setting = self.record.setting
        if self.device is not None:
            device = chosen_device(self.device, self.setting.network != "mlp")
            self.setting = replace(self.setting, device=device)
        with alone(folder):
            for place in (folder, *folder.glob("*"), *folder.glob("*/model")):
                sweep_partial(place, own=True)
            winner = self._open(folder / "trained")
            found = self._sizes(winner) if self.batch_size == AUTO else None
            batch, rules = self._plan(winner, found)
            every, skipped, rule = self._table(winner, batch, rules)
            rows = with_epoch_seconds(self._measure(every, "comparison"), self._seconds(every))
            best = choose_column(rows, self.sign)
            column = next(one for one in every if one.name == best.name)
            place = folder / (f"batch-{batch}" if found is None else "auto")
            self._keep_model(winner, column, place / "model")
            scaling = Scaling(
                run, place, winner.batch, batch, self.metric.name, self.sign, self.margin, self.setup.device,
                rule, best.name, column.hyperparameters, column.epochs, rows, skipped, found,
                {row.name: [one.curve.tolist() for one in self.trained[row.name]] for row in rows},
                self._command(), self._next(best, found),
                predict_command(place, self.setting.data, self.dataset.summary.images is not None),
            )  # fmt: skip
            self._write(scaling)
            sweep(folder / "trained")
        return scaling

    def _command(self, **given: Any) -> str:
        """The command that these arguments stand for, but for some that are given; what is usual is left out."""
        batch = str(given.get("batch_size", self.batch_size))
        words = ["ikura", "scale", shown(self.record.run), "--batch-size", batch]
        parameters = signature(scale).parameters
        for name in ("rule", "regime", "ghost", "seeds", "within", "device"):
            value = given.get(name, getattr(self, name))
            if value != parameters[name].default:
                words += [f"--{name}", str(value)]
        return shlex.join([*words, "--controls"] if self.controls else words)

    def _next(self, best: Row, found: Sizes | None) -> list[str]:
        """Commands that may go further, the likeliest first; none where the large batch holds."""
        if best.holds:
            return []
        commands = []
        open_ = best.wanted
        if open_ is not None and open_.examples is None and open_.seeds is not None and open_.seeds > self.seeds:
            commands.append(self._command(seeds=open_.seeds))
        if self.regime not in ("same-updates", "same-epochs"):
            commands.append(self._command(regime="same-updates"))
        if found is None:
            commands.append(self._command(batch_size=AUTO))
        return commands

    def _open(self, kept: Path) -> Winner:
        """Read the data and set everything up; the test set stays where it is."""
        setting, run = self.setting, self.record.run
        self.dataset = setting.prepare(run)
        factory = resolved(setting.network, network_again(setting, run, self.record.network))
        self.setup = make_setup(setting, self.dataset, Ghosts(factory) if setting.custom and factory else factory)
        if setting.custom:
            began, store = open_run(run, copied=True)
            with closing(store):
                check_network(store, began, make_setup(began, self.dataset, factory))
        winner = winner_of(self.record, self.setup)
        if self.record.about_one is not None:
            self.progress.say(self.record.about_one)
        if changed := changed_on_the_way(self.record):
            self.progress.say(changed)
        if self.batch_size != AUTO:
            check_batch(winner, self.batch_size)
        if self.setup.compiled:
            warm_up(setting.dtype, self.progress.say, self.setup.convolutional)
        jobs = worker_count(self.jobs or cores(), self.progress.say)
        self.trainer = Trainer(self.setup, kept, setting.seed, jobs, COMPILED_TILE, self.progress)
        self.metric = metric_of(setting.metric, setting.task)
        self.sign = 1.0 if self.metric.greater_is_better else -1.0
        self.target = self.setup.scorer.target(self.setup.dev.y)
        self.rules = candidates(self.rule, winner.values.optimizer)
        self.trained: dict[str, list[Trained]] = {}
        return winner

    def _keep_model(self, winner: Winner, column: Column, place: Path) -> None:
        """Save the best network of a column, unless all of them diverged."""
        networks = self.trained[column.name]
        replicate = max(range(self.seeds), key=lambda k: _merit(networks[k], self.sign))
        if networks[replicate].evidence is None:
            return
        member = self.trainer.member(column, replicate)
        module = self.setup.trained(member, networks[replicate].weights, networks[replicate].buffers)
        if self.setting.custom:
            plain = Member(member.number, {**winner.hyperparameters, **_training_of(column)}, member.seed)
            dtype = next(p.dtype for p in module.parameters())
            member, module = plain, without_ghosts(module, self.setup.module(plain).to(dtype))
        model_of(self.setting, self.dataset, self.setup, module, member).save(place)

    def _check(self) -> None:
        check_counts(batch_size=None if self.batch_size == AUTO else self.batch_size, jobs=self.jobs)
        check_counts(seeds=(self.seeds, 2), ghost=(self.ghost, 2))
        check_rule(self.rule)
        stretch(str(self.regime or "between"), 2)
        if self.within is not None and not self.within >= 0:
            raise UsageError(f"within must be at least 0, but is {self.within}")

    def _measure(self, every: list[Column], stage: str) -> list[Row]:
        """Train columns, the small batch first, and compare them."""
        self.trained |= self.trainer.train(every, self.seeds, stage)
        small = self.trained[every[0].name]
        failed = sum(one.evidence is None for one in small)
        if failed:
            raise UsageError(
                f"the run's own settings diverge with {failed} of {self.seeds} other seeds, so there is nothing to "
                "compare with; tune with a smaller learning rate first"
            )
        self.margin = margin_of(self.metric, self.within, small)
        rows = len(self.setup.train)
        return compare(every, self.trained, self.metric, self.target, rows, self.margin, self.trainer.seed)

    def _table(self, winner: Winner, batch: int, rules: tuple[str, ...]) -> tuple[list[Column], list[str], str]:
        """Train every column of the table; of several rules the one that does best with all other measures goes in."""
        ratio = batch / winner.batch
        factor = stretch(str(self.regime or "between"), ratio)
        asked = self.regime is not None

        def plan(rule: str, factor: float) -> tuple[list[Column], list[str]]:
            return columns(winner, batch, rule, ghost=self.ghost, factor=factor, controls=self.controls)

        plans = {rule: plan(rule, factor if asked else 1.0) for rule in rules}
        rule = rules[0]
        if len(plans) > 1:
            full = {rule: [one for one in made if not one.control][-1] for rule, (made, _) in plans.items()}
            last = {rule: replace(one, name=f"all measures ({rule})") for rule, one in full.items()}
            first = plans[rule][0][0]
            rows = self._measure([first, *last.values()], "rules of the learning rate")[1:]
            pairs = list(zip(plans, rows, strict=True))
            rule, _ = max(pairs, key=lambda pair: (not pair[1].diverged, self.sign * pair[1].dev))
        every, skipped = plans[rule]
        rows = self._measure(every, f"batch {batch}")
        if not asked and factor > 1 and not choose_column(rows, self.sign).holds:
            every, skipped = plan(rule, factor)
            self._measure(every, "regime adaptation")
        elif not asked:
            skipped = [*skipped, "regime adaptation: the measures before it are enough"]
        return every, skipped, rule

    def _sizes(self, winner: Winner) -> Sizes:
        def factor(ratio: float) -> float:
            return 1.0 if self.regime is None else stretch(str(self.regime), ratio)

        return sizes(winner, self.rules, self.ghost, factor, self._measure, self._seconds, self.sign)

    def _plan(self, winner: Winner, found: Sizes | None) -> tuple[int, tuple[str, ...]]:
        """The batch size of the table, and the rules that are tried for it."""
        if found is None:
            assert self.batch_size != AUTO
            return self.batch_size, self.rules
        if not found.tried:
            raise UsageError(
                f"the run's batch of {winner.batch} cannot be doubled: the training set has {winner.rows} examples"
            )
        batch = next((one for one in (found.largest, found.possible) if one > winner.batch), 2 * winner.batch)
        return batch, (next(one.rule for one in found.tried if one.batch_size == batch),)

    def _seconds(self, every: list[Column]) -> dict[str, float]:
        """Seconds of an epoch, by name; settings that cost the same are timed once."""
        self.progress.say(f"timing an epoch of each on {self.setup.device}")
        about: dict[str, str] = {}
        for column in every:
            values = column.values
            alike = (values.batch_size, values.normalisation, values.ghost_size, values.clip_norm > 0)
            about[column.name] = str(alike)
        first = {key: next(c for c in every if about[c.name] == key) for key in about.values()}
        members = {key: self.trainer.member(column, 0) for key, column in first.items()}
        seconds = seconds_per_epoch(self.setup, members)
        return {name: seconds[key] for name, key in about.items()}

    def _write(self, scaling: Scaling) -> None:
        from ikura.large_batch.scale_page import write_page
        from ikura.page.markup import plain_json

        write_atomically(scaling.folder / "scale.json", plain_json(scaling.to_json()).encode())
        write_atomically(scaling.folder / "scale.csv", scaling.table.to_csv(index=False).encode())
        write_page(scaling.folder / "scale.html", scaling)


def _training_of(column: Column) -> Configuration:
    """The column's hyperparameters but for those that make ghosts of a caller's own network."""
    left_out = ("normalisation", "ghost_size")
    return {name: value for name, value in column.hyperparameters.items() if name not in left_out}


def _merit(one: Trained, sign: float) -> float:
    return sign * one.dev_score if one.evidence is not None else -float("inf")
