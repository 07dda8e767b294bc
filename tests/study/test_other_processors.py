"""Where machines that compute differently trained a study, replay, report and page say so, and only there."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd
import pytest

import ikura
from ikura.api.study import Study
from ikura.node_facts import machine_facts
from ikura.report.repeat import repeat
from ikura.study.legs import add_disagreement
from ikura.study.record.facts import DISAGREEMENTS, LEGS, REPLAYED, LegFact
from ikura.web.answers import _replayed

HERE = machine_facts()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Study:
    given: dict[str, Any] = {"trials": 2, "epochs": 2, "finalists": 0, "ensemble": "none", "checks": False}
    return ikura.tune("iris", **given, out=tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture
def study(trained: Study) -> Study:
    """As it was trained: on this machine only, and never replayed."""
    [leg] = (trained.store.fact(LEGS) or [])[:1]
    trained.store.set_fact(LEGS, [leg])
    trained.store.set_fact(REPLAYED, [])
    trained.store.set_fact(DISAGREEMENTS, [])
    return trained


def as_if_trained_on(study: Study, *kinds: dict[str, str]) -> None:
    """Put on record that a second process led the training, on nodes that are this machine but for some facts."""
    first = (study.store.fact(LEGS) or [])[0]
    nodes = [{**first["nodes"][0], "host": f"h{i + 1}", **kind} for i, kind in enumerate(kinds)]
    study.store.set_fact(LEGS, [first, LegFact(engine="ray", nodes=nodes)])  # type: ignore[typeddict-item]


def warned(study: Study, caplog: pytest.LogCaptureFixture) -> list[str]:
    with caplog.at_level(logging.WARNING, "ikura"):
        pd.testing.assert_frame_equal(study.replay(0), study.curve(0), check_exact=True)
    return [record.getMessage() for record in caplog.records if record.name == "ikura"]


def reported(study: Study) -> str:
    return str(repeat(study))


def on_the_page(study: Study) -> Any:
    return _replayed(study.store.fact(REPLAYED), 0, len(study.curve(0)))  # type: ignore[arg-type]


def test_nothing_is_said_of_machines_alike(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    as_if_trained_on(study, {}, {})
    assert warned(study, caplog) == []
    assert study.reservations == []
    assert "the last bits may differ" not in reported(study)
    assert on_the_page(study) == {"replayed": True, "replayed_unlike": None}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ({"processor": "Abacus 9000"}, "h2 (Abacus 9000)"),
        ({"features": "beads"}, f"h2 ({HERE.processor})"),
    ],
)
def test_machines_of_other_kinds_are_named(
    kind: dict[str, str], name: str, study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    as_if_trained_on(study, {}, kind)
    alike = ", ".join(sorted({HERE.host, "h1"}))
    other = kind.get("processor", HERE.processor), kind.get("features", HERE.features)
    line = f"trained on {name}, unlike this machine: the last bits may differ"
    assert warned(study, caplog) == [f"{study.run}: {line}"]
    assert on_the_page(study) == {"replayed": True, "replayed_unlike": line}
    groups = sorted([(HERE.computes_as, f"{HERE.processor} on {alike}"), (other, f"{other[0]} on h2")])
    kinds = "; ".join(words for _, words in groups)
    told = f"it was trained on processors of different kinds ({kinds}): the last bits may differ"
    assert study.reservations == [told]
    assert f"But {told}." in reported(study)


def test_a_study_of_another_machine_alone_can_be_repeated_there(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    [first] = study.store.fact(LEGS) or []
    nodes = [{**first["nodes"][0], "host": "h1", "processor": "Abacus 9000"}]
    study.store.set_fact(LEGS, [LegFact(engine="ray", nodes=nodes)])  # type: ignore[typeddict-item]
    assert warned(study, caplog) == [
        f"{study.run}: trained on h1 (Abacus 9000), unlike this machine: the last bits may differ"
    ]
    assert study.reservations == []


def test_trainings_that_differed_are_reported(study: Study) -> None:
    add_disagreement(study.store, "tile 7 was trained twice, on h1 and on h2, with different results (trial 3: curve)")
    assert "But tile 7 was trained twice, on h1 and on h2, with different results (trial 3: curve)." in reported(study)
