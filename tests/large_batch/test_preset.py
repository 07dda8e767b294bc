"""The paper's networks: their schedules laid out over time, and settings that add up."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ikura.errors import UsageError
from ikura.experiments.large_batch_columns import COLUMNS, Setting, hyperparameters
from ikura.large_batch.preset import PRESETS, preset
from ikura.population.member import Member
from ikura.population.schedule import learning_rates, pieces_of


@pytest.mark.parametrize("name", PRESETS)
@settings(deadline=None)
@given(st.integers(0, 300), st.sampled_from([1, 7, 32]))
def test_phases_keep_their_order_and_are_stretched(name: str, more: int, stretch: int) -> None:
    own = preset(name)
    epochs, pieces = own.schedule(len(own.phases) + more, stretch)
    plain = pieces_of(own.schedule(len(own.phases) + more)[1])
    assert epochs == stretch * (len(own.phases) + more)
    assert [share for _, share in pieces_of(pieces)] == [share for _, share in own.phases]
    assert [begin for begin, _ in pieces_of(pieces)] == [stretch * begin for begin, _ in plain]
    assert pieces_of(pieces)[-1][0] < epochs


@pytest.mark.parametrize("name", PRESETS)
def test_every_network_takes_its_settings(name: str) -> None:
    for column in COLUMNS:
        epochs, values = hyperparameters(Setting(network=name).resolved(), column)
        rates = learning_rates(Member(0, values, 0).values, 0, 10, epochs)
        assert 0 < rates[0] <= values["learning_rate"]


def test_the_published_schedule_of_resnet44() -> None:
    values = hyperparameters(Setting("resnet44").resolved(), "small")[1]
    rates = [learning_rates(Member(0, values, 0).values, epoch, 10)[0] for epoch in (0, 80, 81, 121, 122, 163, 164)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001, 1e-4])


def test_columns_add_up() -> None:
    found = {
        name: hyperparameters(Setting(batch_size=8, ratio=16, epochs=8, learning_rate=0.1).resolved(), name)
        for name in COLUMNS
    }
    before: dict[str, object] = found["small"][1]
    changed = []
    for name in list(COLUMNS)[1:]:
        now = found[name][1]
        changed.append({key: value for key, value in now.items() if before.get(key) != value})
        before = now
    assert changed == [
        {"batch_size": 128},
        {"learning_rate": pytest.approx(0.4)},
        {"normalisation": "ghost", "ghost_size": 8},
        {"clip_norm": 5.0},
        {"pieces": "0:1 32:0.1 64:0.01 96:0.001"},
    ]
    assert [epochs for epochs, _ in found.values()] == [8] * 5 + [128]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"network": "resnet4"}, "did you mean 'resnet44'"),
        ({"network": "c1", "width": 8}, "width of c1 cannot be chosen"),
        ({"epochs": 3}, "at least 4, one for each phase"),
        ({"ratio": 1}, "--ratio must be at least 2"),
        ({"learning_rate": 0.0}, "--learning-rate must be above 0"),
    ],
)
def test_mistakes(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Setting(**options)  # type: ignore[arg-type]
