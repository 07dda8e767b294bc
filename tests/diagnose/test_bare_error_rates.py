"""Bare error rates: the textbook's answers, intervals where examples are given, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ikura
from ikura.cli import main
from ikura.diagnose import MARGIN

TEXTBOOK = [
    (1, 11, 0, "low", "high"),
    (15, 16, 0, "high", "low"),
    (15, 16, 15, "low", "low"),
    (15, 30, 0, "high", "high"),
    (0.5, 1, 0, "low", "low"),
]


@pytest.mark.parametrize(("train", "dev", "optimal", "bias", "variance"), TEXTBOOK)
@pytest.mark.parametrize("sign", ["", "%"])
def test_the_textbooks_answers_in_per_cent_and_in_shares(
    train: float, dev: float, optimal: float, bias: str, variance: str, sign: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = ikura.judge(train / 100, dev / 100, bayes_error=optimal / 100)
    assert (found.bias.verdict, found.variance.verdict) == (bias, variance)
    assert "taken as exact" in found.sentence
    words = ["--train-error", f"{train}{sign}", "--dev-error", f"{dev}{sign}", "--bayes-error", f"{optimal}{sign}"]
    assert main(["diagnose", *words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["diagnosis"]["bias"]["verdict"] == bias
    assert told["diagnosis"]["variance"]["verdict"] == variance
    assert set(told["remedies"]) == {name for name, one in (("bias", bias), ("variance", variance)) if one == "high"}
    assert main(["diagnose", *words]) == 0
    assert "taken as exact" in capsys.readouterr().out


def test_people_stand_for_the_best_achievable() -> None:
    assert ikura.judge(0.15, 0.16, human_error=0.14).bias.verdict == "low"
    assert ikura.judge(0.15, 0.16).bias.verdict == "high"


@given(
    st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.99), st.integers(1, 10**6) | st.none(),
    st.integers(1, 10**6) | st.none(),
)  # fmt: skip
def test_verdicts_follow_from_the_intervals(
    train: float, dev: float, optimal: float, examples: int | None, train_examples: int | None
) -> None:
    found = ikura.judge(train, dev, optimal, examples=examples, train_examples=train_examples)
    for gap in found.gaps:
        assert gap.low <= gap.value <= gap.high
        assert (gap.verdict == "high") == (gap.low > found.worth)
        assert (gap.verdict == "cannot tell") == (gap.low <= found.worth and gap.high > (1 + MARGIN) * found.worth)
    if examples is None and train_examples is None:
        assert "cannot tell" not in {gap.verdict for gap in found.gaps}
    assert ("taken as exact" in found.sentence) == (examples is None or train_examples is None)


def test_few_examples_tell_nothing_and_say_how_many_do() -> None:
    few = ikura.judge(0.01, 0.05, examples=60).variance
    assert few.verdict == "cannot tell"
    assert few.examples_needed
    enough = round(1.01 * (60 + few.examples_needed)) + 1
    assert ikura.judge(0.01, 0.05, examples=enough).variance.verdict == "high"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"train_error": 15, "dev_error": 0.2}, "train_error is a share"),
        ({"train_error": 0.1, "dev_error": float("nan")}, "dev_error is a share"),
        ({"train_error": 0.1, "dev_error": 0.2, "examples": 0}, "examples must be a whole number of at least 1"),
        ({"train_error": 0.1, "dev_error": 0.2, "examples": 2.5}, "examples must be a whole number of at least 1"),
        ({"train_error": 0.1, "dev_error": 0.2, "train_examples": float("nan")}, "train_examples must be a whole"),
        ({"train_error": "1%", "dev_error": 0.2}, "train_error is a share from 0 to 1, .* but is '1%'"),
        ({"train_error": 0.1, "dev_error": 0.2, "bayes_error": "0"}, "bayes_error is a share"),
        ({"train_error": 0.1, "dev_error": 0.2, "worth": "2"}, "worth is a share"),
        ({"train_error": 0.1, "dev_error": 0.2, "bayes_error": 0.1, "human_error": 0.1}, "exclude"),
    ],
)
def test_what_is_no_error_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ikura.UsageError, match=words):
        ikura.judge(**given)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--train-error 1", "give --dev-error too"),
        ("--dev-error 1", "give --train-error too"),
        ("", "name a run folder, or give --train-error and --dev-error"),
        ("--train-examples 5", "goes with --train-error"),
        ("--train-error 1 --dev-error 101", "per cent from 0 to 100"),
        ("--train-error few --dev-error 2", "per cent from 0 to 100"),
        ("--train-error nan --dev-error 2", "per cent from 0 to 100"),
        ("--train-error 1 --dev-error 2 --bayes-error 100", "--bayes-error must be per cent"),
        ("--train-error 1 --dev-error 2 --worth 0", "--worth must be per cent"),
        ("--train-error 1 --dev-error 2 --examples 0", "--examples must be at least 1"),
        ("runs/houses --train-error 1 --dev-error 2", "RUN is for a run"),
        ("--train-error 1 --dev-error 2 --learning-curve", "--learning-curve is for a run"),
        ("--train-error 1 --dev-error 2 --seeds 3", "--seeds is for a run"),
    ],
)
def test_what_does_not_go_together_is_told_in_one_line(
    words: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagnose", *words.split()]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
