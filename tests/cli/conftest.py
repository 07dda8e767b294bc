"""A study that was never trained, and the public calls of ikura replaced by ones that return it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import ikura
from ikura.checks import Checks, Result
from ikura.diagnose import Estimate, Prescription, judge_errors
from ikura.diagnose.error_rates import rates
from ikura.diagnose.findings import Findings
from ikura.diagnose.mistakes import Example, Mistakes
from ikura.explain import Explanation
from ikura.explain.permutation_importance import ColumnImportance
from ikura.large_batch.distance_law import growth_of
from ikura.large_batch.measure_result import Measures, Moment
from ikura.large_batch.noise_scale import NoiseScale
from ikura.study.record.facts import AccountRecord
from ikura.study.record.intervention import Action, Intervention, Request
from ikura.study.record.progress import Progress
from ikura.trial_state import State


class FakeSpace(dict[str, object]):
    """Only what the summary asks of a space."""

    @property
    def dimensions(self) -> list[str]:
        return list(self)


class FakeModel:
    encoder = None

    def export(self, path: Path) -> Path:
        return path

    def predict_frame(self, frame: pd.DataFrame, costs: Any = None, interval: Any = None) -> pd.DataFrame:
        """Predict "b" where x > 1."""
        share = (frame["x"] > 1).astype(float)
        return pd.DataFrame(
            {
                "prediction": ["b" if one else "a" for one in share],
                "probability_a": 1 - share,
                "probability_b": share,
            }
        )


def importance_table() -> pd.DataFrame:
    values = {"importance": [0.75, 0.25], "chance": [0.1, 0.3], "trials": [4, 3]}
    table = pd.DataFrame({"hyperparameter": ["learning_rate", "units"], **values})
    table.attrs["note"] = "From 4 trials with a score."
    return table


def asked(request: Request) -> Intervention:
    return Intervention(**vars(request), number=1, who="ada", when=0.0)


def make_study(run: Path) -> Any:
    trials = pd.DataFrame(
        {
            "number": [0, 1, 2, 3, 4],
            "state": ["complete", "stopped", "diverged", "pruned", "complete"],
            "stage": [0, 0, 0, 1, 2],
            "purpose": ["search", "search", "search", "search", "finalist"],
            "learning_rate": [0.0123456, 0.5, 0.9, 0.1, 0.0123456],
            "units": [64.0, 16.0, float("nan"), 32.0, 64.0],
            "dev_score": [0.91, 0.97, float("nan"), 0.2, 0.96],
            "dev_loss": [0.3, 0.1, float("nan"), 2.0, 0.1],
        }
    )
    return SimpleNamespace(
        run=run,
        place=run,
        named_folder=run,
        home=None,
        setting=SimpleNamespace(custom=False),
        ensemble=None,
        against_one=None,
        baselines=[],
        calibration=None,
        intervals=None,
        bounds=None,
        config={"data": {"kind": "file", "path": "table.csv"}},
        summary={"images": None},
        trials=trials,
        space=FakeSpace(learning_rate=None, units=None),
        metric=SimpleNamespace(name="accuracy", greater_is_better=True),
        best=SimpleNamespace(
            changed=False,
            number=1,
            hyperparameters={"learning_rate": 0.5, "units": 16, "optimizer": "adam"},
            dev=0.97,
            interval=(0.93, 0.99),
            dev_corrected=0.96,
            corrected_interval=(0.92, 0.98),
            next=SimpleNamespace(sentence="Better than the next, trial 0, beyond chance."),
            note=None,
        ),
        test=SimpleNamespace(metric="accuracy", value=0.955, interval=(0.91, 0.98), note=None, targets=[]),
        measures=pd.DataFrame({"metric": ["f1"], "dev": [0.9], "test": [0.85]}),
        ways={},
        seconds={"read": 0.5, "coarse": 41.2},
        diverged=1,
        frozen=0,
        account=AccountRecord(None, None),
        objectives=["accuracy"],
        findings=None,
        checks=None,
        choice=None,
        decisions=[],
        interventions=[],
        steer=SimpleNamespace(
            ask=asked,
            range=lambda name, low, high, why: asked(Request(action=Action.RANGE, values={name: low}, why=why)),
            budget=lambda why, **values: [asked(Request(action=Action.BUDGET, values=values, why=why))],
        ),
        to_json=lambda: {"best": {"dev": 0.97, "worst": float("nan")}, "run": str(run)},
        report=lambda path, report_script: path or run / "report.html",
        importance=lambda method, among: importance_table(),
        borders=[],
        export=lambda trials, curves: [trials, curves],
    )


def make_measures(run: Path) -> Measures:
    scale = NoiseScale(100.0, 50.0, float("inf"), 1.0, 0.01, 30)
    distances = pd.DataFrame({"epoch": [1], "updates": [5], "distance": [0.5], "out": [0.5]})
    growth = growth_of([5], [0.5])
    return Measures(
        run, run / "measure", 1, True, State.COMPLETE, 16, 1, 80, (80, 80), 0.0, [Moment(0, 0, scale)], distances,
        growth, {"out": growth}, None, [],
    )  # fmt: skip


def make_findings() -> Findings:
    diagnosis = judge_errors(rates(0.01, 0.11, 50_000, 10_000), Estimate.exactly(0.0))
    todo = Prescription("more-data", "variance", "The gap is wide.", "", "ikura tune more.csv", "Ng")
    hardest = (Example(7, 2.5, "a", "b", 0.08, {"x": "1.5"}),)
    predictions = {"target": [0, 1], "prediction": [1, 1], "classes": ["a", "b"]}
    return Findings(3, diagnosis, [todo], mistakes=Mistakes(hardest, 1, 2, predictions), notes=["It is small."])


class Served(SimpleNamespace):
    """A server that serves nothing."""

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Replace ikura's public calls; what they were called with is kept here, under their names."""
    kept: dict[str, Any] = {}
    study = make_study(tmp_path / "a run")

    def fake(name: str, result: Any) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            kept[name] = (arguments, named)
            progress = named.get("progress")
            if isinstance(progress, Progress):
                print("a stray print of a library")
                progress.say("5 rows, 2 features")
                progress.start("coarse", 10)
                progress.update(10, 5, 0.97)
                progress.finish()
            return result

        return call

    checks = Checks([Result("overfit", "pass", "learnt by heart")], "a network")
    fakes = {"tune": study, "resume": study, "open_study": study, "load": FakeModel(), "check": checks}
    fakes["train"] = SimpleNamespace(train=lambda: study)
    for name, result in fakes.items():
        monkeypatch.setattr(ikura, name, fake(name, result), raising=False)
    results = {"question": "Is it?", "claims": []}
    done = SimpleNamespace(results=results, folder=tmp_path, report=tmp_path / "report.html")
    monkeypatch.setattr("ikura.experiments.running.reproduce", fake("reproduce", done))
    monkeypatch.setattr("ikura.large_batch.measure.measure", lambda record, trial, **options: make_measures(record.run))
    monkeypatch.setattr("ikura.study.record.record.copied", lambda run, network=None: nullcontext(study))
    monkeypatch.setattr("ikura.diagnose.findings.examine", fake("examine", make_findings()))
    monkeypatch.setattr("ikura.diagnose.findings.keep", fake("keep", None))
    page = tmp_path / "diagnosis.html"
    monkeypatch.setattr("ikura.diagnose.diagnosis_page.write_diagnosis", fake("write_diagnosis", page))
    explanation = Explanation(3, "accuracy", [ColumnImportance("x", 0.2, 0.1, 0.3)], rows=2, of=2)
    monkeypatch.setattr("ikura.explain.explanation.explain", fake("explain", explanation))
    monkeypatch.setattr("ikura.explain.explanation.keep", fake("keep", None))
    monkeypatch.setattr("ikura.explain.explanation_sections.write_explanation", fake("write_explanation", page))
    row = SimpleNamespace(
        name="small batch", interval=(0.1, 0.2), batch_size=64, learning_rate=0.1, epochs=5, diverged=0, dev=0.9,
        difference=0.15, verdict="holds", seconds_per_epoch=0.5, seeds=5, loses=False,
    )  # fmt: skip
    scaling = SimpleNamespace(
        rows=[row], best=row, chosen="small batch", metric="accuracy", sizes=None, sentences=["It holds."], skipped=[],
        next_commands=[], folder=tmp_path, report=tmp_path / "scale.html",
        to_json=lambda: {"verdict": "holds", "p": float("nan")},
    )  # fmt: skip
    monkeypatch.setattr(ikura, "scale", fake("scale", scaling), raising=False)
    served = Served(open=False, url="http://127.0.0.1:8710/?token=key", port=8710, wait=lambda: None)
    monkeypatch.setattr("ikura.web.server.Server", fake("serve", served))
    kept["study"] = study
    return kept


@pytest.fixture
def table(tmp_path: Path) -> str:
    """A small table on disk."""
    path = tmp_path / "table.csv"
    path.write_text("x,y\n1,a\n2,b\n")
    return str(path)
