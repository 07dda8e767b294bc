"""An option is called the same, and stands at the same, wherever it is given: in Python and on the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from inspect import signature
from typing import Any

import pytest

import ikura
from ikura.cli.autopilot_options import AutopilotArguments
from ikura.cli.budget_options import BudgetArguments
from ikura.cli.data_options import DataArguments
from ikura.cli.search_options import SearchArguments
from ikura.cli.tune import tune as tune_command
from ikura.data.options import DataOptions
from ikura.study.record.tune_options import SearchOptions, TrainingOptions

RENAMED = {"kind": "kinds", "objective": "objectives"}
"""Options that may be repeated on the command line, and what they are called where they are a list."""
ONE_MORE = {"pretrained", "freeze"}
"""Options of the command line that say in words what Python gives as a network."""


@pytest.mark.parametrize("function", [ikura.tune, ikura.check])
def test_data_options_are_arguments(function: Callable[..., Any]) -> None:
    parameters = signature(function).parameters
    usual = vars(DataOptions())
    assert {name: parameters[name].default for name in usual} == usual


def test_search_and_training_options_are_arguments_of_tune() -> None:
    parameters = signature(ikura.tune).parameters
    for one in (*fields(SearchOptions), *fields(TrainingOptions)):
        if one.name not in ("trials", "objectives", "callbacks", "autopilot"):
            assert parameters[one.name].default == one.default


@pytest.mark.parametrize("kind", [DataArguments, BudgetArguments, SearchArguments, AutopilotArguments])
def test_options_of_the_command_line_are_arguments_of_tune(kind: type[Any]) -> None:
    parameters, given = signature(ikura.tune).parameters, signature(tune_command).parameters
    for one in fields(kind):
        assert given[one.name].default == one.default
        if one.name not in ONE_MORE:
            usual = parameters[RENAMED.get(one.name, one.name)].default
            assert one.default == (False if one.name == "ask" else usual)
