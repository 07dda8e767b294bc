"""ikura: `ikura.tune` with its own numbers; when a study ends without the target, another goes on from its trials."""

from __future__ import annotations

from benchmarks.contenders._base import Log, arguments

__all__ = ["main"]

TRIALS = 128


def main() -> None:
    """Run studies until somebody ends the process."""
    given = arguments(__doc__ or "")
    log = Log(given.log)
    import ikura
    from benchmarks.tasks import PART, TARGET, TASKS, kinds
    from ikura.study.record.progress import Progress

    tune = ikura.tune
    log.note("imported")
    task = TASKS[given.task]

    class Watch(Progress):
        """Writes the best dev score down as trials finish."""

        def start(self, stage: str, total: int) -> None:
            log.note(stage)

        def update(self, done: int, trials: int, best: float | None) -> None:
            log.score(best)

    round_, study = 0, None
    while True:
        study = tune(
            given.data / f"{task.name}.parquet",
            TARGET,
            time=PART,
            kinds=kinds(task.name, given.data),
            space=task.workload.space(),
            trials=TRIALS * 2**round_,
            epochs=task.epochs,
            search=given.search,
            schedule=given.schedule,
            prior=study,
            finalists=0 if given.search == "random" else None,
            metric=task.metric,
            seed=1000 * round_ + given.seed,
            out=given.work / f"study-{round_}",
            progress=Watch(),
        )
        round_ += 1


if __name__ == "__main__":
    main()
