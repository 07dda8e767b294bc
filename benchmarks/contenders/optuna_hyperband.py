"""Optuna: TPE and Hyperband over plain PyTorch; two processes of one thread each on one journal file.

The processes are forked after the imports, those of the first update included. Dev scores are reported at the epochs at
which Hyperband decides (3, 9, 27, …); a report at every epoch would decide the same and cost more.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

from benchmarks.contenders._base import Log, arguments

__all__ = ["main"]

PROCESSES = 2
SHORTEST, FACTOR = 3, 3


def work(given: Any, worker: int) -> None:
    """Take trials until somebody ends the process."""
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    from benchmarks.contenders.pytorch import Examples, Trial, one_thread
    from benchmarks.tasks import TASKS, load

    one_thread()
    log, task = Log(given.log), TASKS[given.task]
    examples = Examples(load(task.name, given.data))
    decisions = {SHORTEST * FACTOR**i for i in range(20)}

    def objective(trial: optuna.Trial) -> float:
        training = Trial(examples, task.workload.suggest(trial), given.seed * 1_000_000 + trial.number)
        while training.epochs < task.epochs:
            log.score(training.epoch())
            if training.diverged:
                return -1.0
            if training.epochs in decisions:
                trial.report(training.best, training.epochs)
                if trial.should_prune():
                    raise optuna.TrialPruned
        return training.best

    study = optuna.create_study(
        study_name=task.name,
        storage=JournalStorage(JournalFileBackend(str(given.work / "journal.log"))),
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=given.seed * PROCESSES + worker),
        pruner=optuna.pruners.HyperbandPruner(SHORTEST, task.epochs, FACTOR),
        direction="maximize",
    )
    study.optimize(objective)


def main() -> None:
    """Run one study in two processes until somebody ends them."""
    given = arguments(__doc__ or "")
    import optuna
    import torch

    from benchmarks.plain import optimiser

    torch.set_num_threads(1)
    update = optimiser(torch.nn.Linear(1, 1), {"learning_rate": 0.1, "optimizer": "adam"})
    update.zero_grad()
    update.step()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore")
    Log(given.log).note("imported")
    children = []
    for worker in range(PROCESSES):
        child = os.fork()
        if child == 0:
            work(given, worker)
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    raise SystemExit("a worker of Optuna ended")


if __name__ == "__main__":
    main()
