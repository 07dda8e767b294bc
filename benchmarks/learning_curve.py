"""Does the learning curve foresee what more data bring?

A study is given a part of a data set. What its learning curve expects of 2 and 4 times the training examples is
compared with the error, on rows held out from everything, of the same configuration trained on that many (5 seeds).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.output import command, give, say, table

SHARE_HELD_OUT, SHARE_GIVEN = 0.3, 0.2
TIMES = (2, 4)
SEEDS = 5
TRIALS, EPOCHS = 8, 40


def _digits() -> pd.DataFrame:
    from sklearn.datasets import load_digits

    return load_digits(as_frame=True).frame


def _interactions() -> pd.DataFrame:
    from sklearn.datasets import make_classification

    x, y = make_classification(
        6_000, 20, n_informative=10, n_redundant=4, n_classes=3, n_clusters_per_class=3, flip_y=0.02, random_state=0
    )
    return pd.DataFrame(x).add_prefix("x").assign(target=[f"class {one}" for one in y])


def _friedman() -> pd.DataFrame:
    from sklearn.datasets import make_friedman1

    x, y = make_friedman1(4_000, 10, noise=1.0, random_state=0)
    return pd.DataFrame(x).add_prefix("x").assign(target=y)


def _noisy() -> pd.DataFrame:
    """Two classes on 8 columns, a fifth of the labels wrong: no data bring the error below 20 %."""
    from sklearn.datasets import make_classification

    x, y = make_classification(5_000, 8, n_informative=5, flip_y=0.4, random_state=1)
    return pd.DataFrame(x).add_prefix("x").assign(target=np.where(y > 0, "yes", "no"))


def _cancer() -> pd.DataFrame:
    from sklearn.datasets import load_breast_cancer

    return load_breast_cancer(as_frame=True).frame


TASKS: dict[str, Callable[[], pd.DataFrame]] = {
    "digits": _digits,
    "interactions": _interactions,
    "friedman": _friedman,
    "noisy": _noisy,
    "breast_cancer": _cancer,
}


def forecast(frame: pd.DataFrame, seed: int, folder: Path) -> list[dict[str, Any]]:
    """Compare what the learning curve of a part of the rows expects with what comes."""
    import ikura
    from ikura.diagnose.chosen_networks import Chosen
    from ikura.diagnose.error_rates import error_of, measured_by
    from ikura.diagnose.learning_curve import learning_curve, train_on
    from ikura.diagnose.measured_errors import setup_again
    from ikura.population.examples import Examples
    from ikura.process_state import one_thread_each
    from ikura.search import schedule
    from ikura.study.choice import predictions

    order = np.random.default_rng([seed, 7]).permutation(len(frame))
    held = frame.iloc[order[: round(SHARE_HELD_OUT * len(frame))]]
    pool = frame.iloc[order[round(SHARE_HELD_OUT * len(frame)) :]]
    rows = round(SHARE_GIVEN * len(pool)) if len(pool) > 1000 else len(pool) // 3
    study = ikura.tune(
        pool.iloc[:rows].reset_index(drop=True), "target", trials=TRIALS, epochs=EPOCHS, jobs=1, seed=seed, out=folder
    )
    dataset, setup = setup_again(study)
    chosen = Chosen.of(study, setup)
    setting = study.setting
    patience = schedule(setting.schedule).patience(setting.epochs)

    def examples(part: pd.DataFrame) -> Examples:
        x, codes = dataset.encoder.transform(part.drop(columns="target"))
        y = part["target"]
        if dataset.task.classes is not None:
            y = pd.Index([str(one) for one in dataset.task.classes]).get_indexer(y.astype(str))
        else:
            y = (y - dataset.target_mean) / dataset.target_std
        return Examples(np.ascontiguousarray(x, np.float32), codes, np.asarray(y, np.float32))

    unseen = examples(held)
    more = examples(pool.iloc[rows:])
    by, measure = measured_by(chosen.metric)
    with one_thread_each():
        curve = learning_curve(chosen, setting.epochs, patience, 0.02, jobs=1)
        found = []
        for times in TIMES:
            extra = (times - 1) * len(setup.train)
            if extra > len(more):
                continue
            own = []
            for one in range(SEEDS):
                drawn = np.random.default_rng([seed, times, one]).permutation(len(more))[:extra]
                together = Examples(
                    *(np.concatenate([getattr(setup.train, n), getattr(more, n)[drawn]]) for n in ("x", "codes", "y"))
                )
                trained = train_on(chosen, together, one, setting.epochs, patience)
                if trained is not None:
                    own.append(predictions(trained[0], trained[1], unseen))
            came, _ = error_of(by, own, setup.scorer.target(unseen.y))
            expected = curve.beyond[times * len(setup.train)]
            found.append(
                {
                    "times": times,
                    "rows": len(setup.train),
                    "measure": measure,
                    "now": curve.points[-1].dev.value,
                    "expected": expected.value,
                    "low": expected.low,
                    "high": expected.high,
                    "came": came.value,
                    "came_low": came.low,
                    "came_high": came.high,
                    "help": curve.help,
                }
            )
    return found


def main(arguments: list[str] | None = None) -> None:
    """Forecast and train, and print the table."""
    parser = command(
        "learning_curve",
        __doc__.splitlines()[0],
        "",
        "--tasks digits friedman --seeds 2",
    )
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS), help="data sets")
    parser.add_argument("--seeds", type=int, default=6, help="studies of each")
    given = parser.parse_args(arguments)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name in given.tasks:
            frame = TASKS[name]()
            for seed in range(given.seeds):
                for row in forecast(frame, seed, Path(folder) / f"{name}-{seed}"):
                    found.append({"task": name, "seed": seed, **row})
                    say(f"{name} {seed} x{row['times']}: expected {row['expected']:.3f}, came {row['came']:.3f}")
    rows = []
    for name in given.tasks:
        for times in TIMES:
            own = [row for row in found if (row["task"], row["times"]) == (name, times)]
            if own:
                held = sum(row["low"] <= row["came"] <= row["high"] for row in own)
                now, expected, came = (float(np.mean([row[key] for row in own])) for key in ("now", "expected", "came"))
                rows.append([name, times, own[0]["rows"], now, expected, came, f"{held} of {len(own)}"])
    header = ["task", "times", "training rows", "dev error now", "expected", "came", "within the interval"]
    held = sum(row["low"] <= row["came"] <= row["high"] for row in found)
    text = f"{table(header, rows)}\n\n{held} of {len(found)} lie within the 95 % interval"
    give({"rows": found, "within": held, "of": len(found)}, text, given.json)


if __name__ == "__main__":
    main()
