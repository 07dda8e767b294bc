"""Every hyperparameter has its effect, or is refused, as the one table of effects says."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ikura.errors import SpaceError
from ikura.nn.augmentation import AUGMENTATIONS
from ikura.nn.zoo import READS
from ikura.nn.zoo.cnn import CNN_DEFAULTS
from ikura.population.schedule import SHAPES
from ikura.population.update_rules import RULES
from ikura.space import (
    CONVOLUTIONAL,
    DEFAULTS,
    HYPERPARAMETERS,
    Space,
    choice,
    default_space,
    image_space,
    integer,
    linear,
    log,
    when,
)
from ikura.space.effective import effective
from ikura.space.effects import Place
from ikura.space.hyperparameters import EFFECTS, OF_IMAGES, OPTIONS, default_of
from ikura.space.limits import ARCHITECTURE, BELOW_ONE, BOUNDS, WHOLE

PLACE = Place("mlp", "multiclass", False, 90, 20, False)
IMAGES = Place("cnn", "multiclass", True, 90, 20, False)


def test_every_hyperparameter_is_in_the_table() -> None:
    assert set(EFFECTS) == set(HYPERPARAMETERS) | set(CONVOLUTIONAL)


def test_update_rules_and_coefficients_agree() -> None:
    """What the table says of coefficients is what the rules read."""
    for name in ("momentum", "beta1", "beta2", "epsilon"):
        [[need]] = EFFECTS[name].needs
        assert [rule for rule in RULES if need.accepts(rule)] == [r for r, one in RULES.items() if name in one.uses]
    shapes = {name for one in EFFECTS.values() for group in one.needs for need in group for name in need.opens}
    assert shapes & {"step", "pieces", "plateau"} <= set(SHAPES)


def test_needs_name_hyperparameters_and_values_that_exist() -> None:
    for effect in EFFECTS.values():
        for group in effect.needs:
            for need in group:
                assert need.name in HYPERPARAMETERS
                assert all(need.accepts(value) for value in need.opens)
    for (name, value), (need, line) in OPTIONS.items():
        assert need.name in HYPERPARAMETERS
        assert line.startswith(need.name)
        assert name == "schedule_shape" and value in SHAPES  # noqa: PT018


def test_defaults_are_those_of_the_networks() -> None:
    assert default_of("normalisation", "cnn") == CNN_DEFAULTS["normalisation"]
    assert all(default_of(name, "mlp") == value for name, value in DEFAULTS.items())
    from ikura.nn.zoo import NETWORKS

    plain = NETWORKS["resnet20"]({"shape": (3, 8, 8), "outputs": 2})
    batch = NETWORKS["resnet20"]({"shape": (3, 8, 8), "outputs": 2, "normalisation": "batch"})
    assert str(plain) == str(batch)
    assert "normalisation" in READS["resnet20"]


@pytest.mark.parametrize(
    ("given", "opened"),
    [
        ({"momentum": linear(0.5, 0.9)}, {"optimizer": ("momentum", "nesterov")}),
        ({"momentum": 0.5}, {"optimizer": ("momentum", "nesterov")}),
        ({"beta1": linear(0.5, 0.9)}, {}),
        ({"momentum": 0.5, "beta2": linear(0.5, 0.9)}, {"optimizer": ("adam", "momentum", "nesterov")}),
        ({"ghost_size": choice(4, 8)}, {"normalisation": ("ghost",)}),
        ({"normalisation_momentum": 0.3}, {"normalisation": ("batch",)}),
        ({"ghost_size": 8, "normalisation_momentum": 0.3}, {"normalisation": ("ghost", "batch")}),
        ({"step_epochs": integer(2, 5)}, {"schedule_shape": ("step",)}),
        ({"step_factor": 0.3}, {"schedule_shape": ("step",)}),
        ({"initial_share": 0.1, "peak_at": 0.5}, {"schedule_shape": ("one_cycle",)}),
        ({"plateau_patience": integer(1, 4)}, {"schedule_shape": ("plateau",)}),
        ({"distance_growth": 1.2}, {"schedule_shape": ("distance",)}),
        ({"pieces": choice("2:0.1", "4:0.1")}, {"schedule_shape": ("pieces",)}),
        ({"step_epochs": 3, "initial_share": 0.2}, {"schedule_shape": ("step", "one_cycle")}),
        ({"step_epochs": 3, "learning_rate_decay": 0.2}, {"schedule_shape": ("inverse_time", "step")}),
        ({"final_share": 0.2}, {"schedule_shape": ("cosine",)}),
        ({"final_share": 0.2, "learning_rate_decay": 1.0}, {}),
    ],
)
def test_what_gives_an_effect_is_opened_and_said(given: dict[str, Any], opened: dict[str, Any]) -> None:
    space, notes = effective(Space(**given), PLACE)
    assert {
        name: getattr(space[name], "options", (space[name].from_unit(0.5),)) for name in space if name not in given
    } == opened
    assert bool(notes) == bool(opened)
    for name in opened:
        assert any(f"so {name} is " in note for note in notes)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"momentum": linear(0, 0.9), "optimizer": "adam"}, 'optimizer is adam; write optimizer = "momentum", or'),
        ({"beta1": 0.5, "optimizer": choice("sgd", "rmsprop")}, "optimizer is sgd or rmsprop; write"),
        ({"epsilon": 1e-3, "optimizer": "nesterov"}, "acts only with optimizer adagrad or adadelta or"),
        ({"ghost_size": 8, "normalisation": "batch"}, 'write normalisation = "ghost"'),
        ({"ghost_size": choice(40, 64), "normalisation": "ghost"}, "batch_size is at most 32; write a ghost_size"),
        ({"ghost_size": 16, "batch_size": choice(4, 16)}, "batch_size is at most 16"),
        ({"step_epochs": integer(20, 30)}, "needs more epochs than that"),
        ({"pieces": "30:0.1"}, "needs that many epochs"),
        ({"batch_growth": "25:2"}, "needs that many epochs"),
        ({"clip_steps": integer(1, 9)}, "write clip_norm = 1 or clip_value = 1"),
        ({"pretrained_rate": log(0.1, 1)}, "a pretrained network that learns"),
        ({"batch_size": choice(90, 128)}, "more training rows than that"),
        ({"units": integer(4, 8), "units_1": 4, "units_2": 5}, "units_1, units_2 stand in its place"),
        ({"dropout": linear(0, 0.5), "layers": 0}, "layers is 0; write layers = 1"),
        ({"activation": "tanh", "layers": 0}, "layers is 0"),
        ({"normalisation": "batch", "layers": 0}, "layers is 0"),
        ({"initial_scale": linear(0.5, 2), "initialisation": "zeros"}, 'write initialisation = "he"'),
        ({"schedule_shape": "exponential"}, "exponential is the same as constant without learning_rate_decay"),
        ({"schedule_shape": "pieces"}, 'write pieces = "81:0.1" too'),
        ({"final_share": 0.1, "schedule_shape": "constant"}, "has no effect"),
        ({"peak_at": 0.5, "schedule_shape": "cosine"}, "schedule_shape is cosine"),
        *(({name: 0.5}, "it needs images") for name in OF_IMAGES),
    ],
)  # fmt: skip
def test_what_can_have_no_effect_is_refused_with_the_line_to_write(given: dict[str, Any], told: str) -> None:
    with pytest.raises(SpaceError) as refused:
        effective(Space(**given), PLACE)
    assert told in str(refused.value)
    assert str(refused.value).startswith(f"[{next(iter(given))}] ")


def test_label_smoothing_is_for_classes() -> None:
    with pytest.raises(SpaceError, match="it needs classes"):
        effective(Space(label_smoothing=0.1), Place(task="regression"))
    effective(Space(label_smoothing=0.1), PLACE)


def test_options_without_effect_among_others_are_said() -> None:
    given = Space(schedule_shape=choice("cosine", "pieces", "exponential"))
    space, notes = effective(given, PLACE)
    assert space == given
    assert ["pieces" in notes[0], "exponential" in notes[1]] == [True, True]


def test_it_is_open_only_where_it_acts() -> None:
    given = Space(momentum=linear(0.5, 0.9), optimizer=choice("adam", "momentum"), layers=integer(0, 2), dropout=0.2)
    space, notes = effective(given, PLACE)
    assert dict(space.condition("momentum") or {}) == {"optimizer": ("momentum",)}
    assert dict(space.condition("dropout") or {}) == {"layers": (1, 2)}
    assert len(notes) == 2
    assert effective(space, PLACE) == (space, [])


def test_a_condition_of_the_callers_is_kept() -> None:
    rules = choice("adam", "momentum", "sgd")
    given = Space(when(batch_size=8, momentum=linear(0.5, 0.9)), batch_size=choice(8, 16), optimizer=rules)
    space, _ = effective(given, PLACE)
    assert dict(space.condition("momentum") or {}) == {"batch_size": (8,), "optimizer": ("momentum",)}


def test_what_says_nothing_is_no_fault() -> None:
    """A space that writes every default out, the spaces chosen for the caller, names of the caller's own network."""
    everything = Space(**DEFAULTS)
    assert effective(everything, PLACE) == (everything, [])
    for trials in (1, 16, 64, 600):
        for space, place in ((default_space(trials, 90, 4).space, PLACE), (image_space(trials, 90).space, IMAGES)):
            assert effective(space, place) == (space, [])
    own = Space(layers=0, dropout=linear(0, 0.5), ghost_size=99, my_own=3)
    assert effective(own, Place("own")) == (own, [])


@given(st.dictionaries(st.sampled_from(sorted(HYPERPARAMETERS)), st.sampled_from([0, 1, 2]), min_size=1, max_size=5))
def test_a_space_that_was_made_effective_is_so(picked: dict[str, int]) -> None:
    ranges = {
        "optimizer": choice("adam", "momentum", "sgd"), "schedule_shape": choice("constant", "step", "one_cycle"),
        "normalisation": choice("none", "batch", "ghost"), "activation": choice("relu", "tanh"),
        "initialisation": choice("he", "xavier"), "pieces": choice("1:0.5", "2:0.1"),
        "batch_growth": choice("1:2", "2:4"), "layers": integer(0, 2), "units": integer(4, 8),
        "batch_size": choice(8, 16), "ghost_size": choice(4, 8), "clip_steps": integer(1, 4),
        "plateau_patience": integer(1, 4), "step_epochs": integer(1, 4), "distance_growth": linear(1.1, 2.0),
    }  # fmt: skip
    given = {}
    for name, how in picked.items():
        parameter = ranges.get(name, linear(0.1, 0.5))
        given[name] = parameter if how == 2 else parameter.from_unit(float(how))
    try:
        space, _ = effective(Space(**given), PLACE)
    except SpaceError:
        return
    assert effective(space, PLACE) == (space, [])
    for name in space.dimensions:
        for group in EFFECTS[name].needs:
            for configuration in (dict.fromkeys(space.dimensions, u) for u in (0.0, 0.3, 0.6, 1.0)):
                values = space.from_unit(configuration)
                if name in values and len(group) == 1 and (group[0].networks or ("mlp",)) == ("mlp",):
                    assert group[0].accepts(values.get(group[0].name, DEFAULTS[group[0].name]))


def told(name: str) -> str:
    """The row of the documentation that a hyperparameter has."""
    known = BOUNDS | ARCHITECTURE
    named = ("activation", "optimizer", "initialisation", "schedule_shape", "numeric_encoding", "target_transform")
    bounds = "one of its names" if name in named else "pairs"
    if name in known:
        low, high = known[name]
        kind = "whole, " if name in WHOLE else ""
        end = "" if high == inf else f", below {high:g}" if name in BELOW_ONE else f" to {high:g}"
        bounds = f"{kind}{'from ' if not end else ''}{low:g}{end}"
    elif name == "normalisation":
        bounds = "one of its names"
    elif name in AUGMENTATIONS:
        bounds = "see images.md"
    effect = EFFECTS[name]
    needs = [" or ".join(need.words for need in group) for group in effect.needs] + [words for _, words in effect.place]
    needs += [f"a {effect.below} above it"] * bool(effect.below)
    return f"| `{name}` | {bounds} | {'; '.join(needs)} |"


def test_the_docs_have_the_bounds_and_the_effects_of_the_code() -> None:
    text = (Path(__file__).parents[2] / "docs" / "hyperparameters.md").read_text(encoding="utf-8")
    section = text.split("## Bounds, and what each acts with", 1)[1].split("\n## ", 1)[0]
    assert [line for line in section.splitlines() if line.startswith("| `")] == [told(name) for name in EFFECTS]
