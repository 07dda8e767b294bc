"""Every planted fault is found and named; sound cases are silent. `python -m benchmarks.checks` runs all of them."""

from __future__ import annotations

import pytest

import ikura

from ..sweep import swept

faults = pytest.importorskip("benchmarks.faults")
sound = pytest.importorskip("benchmarks.sound")


@pytest.mark.parametrize("name", list(faults.FAULTS))
def test_a_planted_fault_is_found_and_named(name: str) -> None:
    fault = faults.FAULTS[name]
    one = ikura.check(**fault.make(), only=[fault.check, "forward"])[fault.check]
    assert one.verdict in ("fail", "warn"), one
    assert fault.named in " ".join([one.finding, one.cause, one.fix])
    assert one.cause.endswith((".", "?"))
    assert one.fix.endswith((".", "?"))


SAMPLE = [
    "wine, batch norm",
    "diabetes, momentum, l2",
    "moons, tanh, dropout",
    "classes, residual",
    "images, cnn, batch norm, seed 20",
    "sequences, lstm, seed 20",
    "sums, attention, seed 20",
]
CORE = ("moons, tanh, dropout", "diabetes, momentum, l2", "classes, residual")


@pytest.mark.parametrize("name", swept(SAMPLE, core=CORE))
def test_a_sound_case_is_silent(name: str) -> None:
    checks = ikura.check(**sound.SOUND[name].make())
    assert not checks.failed
    assert not checks.warned
    assert len(checks.of("pass")) >= 20
    assert not [one for one in checks.of("skipped") if "could not be made" in one.finding]


def test_there_are_faults_of_every_kind_and_enough_sound_cases() -> None:
    assert len(faults.FAULTS) >= 25
    assert {one.where for one in faults.FAULTS.values()} == {"code", "data", "settings"}
    assert len(sound.SOUND) >= 100
