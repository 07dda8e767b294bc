"""Ray Tune: ASHA and random draws over plain PyTorch; two actors of one thread each, used again for trial after trial.

A step trains to the next epoch at which ASHA decides (3, 9, 27, …), so that a trial costs a handful of reports. Dev
scores are written down where they are computed, before Ray hears of them.
"""

from __future__ import annotations

import os
from typing import Any

from benchmarks.contenders._base import Log, arguments
from benchmarks.machine import ROOT

__all__ = ["main"]

WORKERS = 2
SHORTEST, FACTOR = 3, 3
MANY = 1_000_000


def space(task: Any) -> dict[str, Any]:
    """The space as Ray takes it; a momentum is always drawn, and used where the update rule has one."""
    from ray import tune

    found: dict[str, Any] = {}
    for name, one in task.ranges.items():
        if one.options:
            found[name] = tune.choice(list(one.options))
        elif one.whole:
            low, high = int(one.low), int(one.high) + 1
            found[name] = tune.lograndint(low, high) if one.log else tune.randint(low, high)
        else:
            found[name] = tune.loguniform(one.low, one.high) if one.log else tune.uniform(one.low, one.high)
    return found


def main() -> None:
    """Run one experiment until somebody ends it."""
    given = arguments(__doc__ or "")
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AIR_NEW_OUTPUT": "0", "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1"}
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    os.environ |= {"TUNE_MAX_PENDING_TRIALS_PG": str(WORKERS), "RAY_DEDUP_LOGS": "0"}
    import numpy as np
    import ray
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler

    from benchmarks.tasks import TASKS

    log, task = Log(given.log), TASKS[given.task]
    log.note("imported")
    data, seed, name, epochs = given.data, given.seed, task.name, task.epochs

    class Training(tune.Trainable):
        """One trial of plain PyTorch."""

        def setup(self, config: dict[str, Any]) -> None:
            from benchmarks.contenders.pytorch import Examples, one_thread
            from benchmarks.tasks import load

            one_thread()
            self.log, self.examples = Log(log.path), Examples(load(name, data))
            self.begin(config)

        def begin(self, config: dict[str, Any]) -> None:
            from benchmarks.contenders.pytorch import Trial

            draw = int(np.random.default_rng([seed, int(1e9 * config["dropout"])]).integers(2**31))
            self.trial = Trial(self.examples, config, draw)

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self.begin(new_config)
            return True

        def step(self) -> dict[str, Any]:
            until = min(max(SHORTEST, FACTOR * self.trial.epochs), epochs)
            while self.trial.epochs < until and not self.trial.diverged:
                self.log.score(self.trial.epoch())
            over = self.trial.diverged or self.trial.epochs >= epochs
            return {"best": max(self.trial.best, -1.0), "trained": self.trial.epochs, "done": over}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            """Nothing is kept."""

        def load_checkpoint(self, checkpoint: Any) -> None:
            """Nothing was kept."""

    ray.init(
        num_cpus=WORKERS,
        include_dashboard=False,
        object_store_memory=100 * 2**20,
        log_to_driver=False,
        configure_logging=False,
        _temp_dir=str(given.work),
    )
    log.note("ready")
    tune.Tuner(
        tune.with_resources(Training, {"cpu": 1}),
        param_space=space(task),
        tune_config=tune.TuneConfig(
            metric="best",
            mode="max",
            num_samples=MANY,
            reuse_actors=True,
            search_alg=tune.search.BasicVariantGenerator(random_state=seed),
            scheduler=ASHAScheduler(time_attr="trained", max_t=epochs, grace_period=SHORTEST, reduction_factor=FACTOR),
        ),
        run_config=tune.RunConfig(storage_path=str(given.work / "results"), verbose=0),
    ).fit()


if __name__ == "__main__":
    main()
