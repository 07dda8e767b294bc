"""`ikura.check` as it is called: forms of data and networks, results, the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import ikura
from ikura.checks import CHECKS, Check, Subject, run_checks
from ikura.checks.checks_page import checks_section, write_checks
from ikura.checks.learning_rate import range_test
from ikura.population.examples import Examples

PAGE = Path(__file__).parents[2] / "docs" / "checks.md"


def parts(rows: int = 60) -> dict[str, Any]:
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 4)).astype(np.float32)
    return {"train": (x, (x[:, 0] > 0).astype(np.int64))}


def test_every_check_says_what_it_looks_for() -> None:
    assert len(CHECKS) >= 25
    for name, one in CHECKS.items():
        assert isinstance(one, Check)
        assert name == one.name == name.lower()
        assert one.about
        assert f"| `{name}` |" in PAGE.read_text(encoding="utf-8")
        assert set(one.needs) <= {"network", "examples", "dev", "table", "step"}


def test_results_are_json_and_found_by_name() -> None:
    checks = ikura.check(parts(), network=nn.Linear(4, 1), only=["forward", "gradient", "step"])
    assert [one.name for one in checks] == ["forward", "gradient", "step"]
    assert checks["step"].verdict == "skipped"
    assert json.loads(json.dumps(checks.to_json(), allow_nan=False))["counts"]["skipped"] == 1
    assert checks[0] is checks["forward"]
    with pytest.raises(ikura.UsageError, match="did you mean 'gradient'"):
        _ = checks["gradiant"]


@pytest.mark.parametrize(
    "network",
    [
        nn.Linear(4, 1),
        lambda: nn.Linear(4, 1),
        lambda hp: nn.Linear(hp.inputs, hp["outputs"]),
        lambda hp: nn.LazyLinear(hp.outputs),
        "mlp",
    ],
)
def test_forms_of_a_network(network: Any) -> None:
    assert ikura.check(parts(), network=network, only=["forward"])["forward"].verdict == "pass"


def test_forms_of_data() -> None:
    x, y = parts()["train"]
    frame = pd.DataFrame(x).add_prefix("x").assign(target=y)
    tensors = {"train": (torch.from_numpy(x), torch.from_numpy(y))}
    for data in ((x, y), frame, tensors):
        assert ikura.check(data, only=["labels"])["labels"].figures["classes"] == 2


def test_what_cannot_be_checked_is_refused_in_one_line() -> None:
    for call, words in (
        (lambda: ikura.check(nn.Linear(4, 1)), "give data="),
        (lambda: ikura.check({"dev": (np.ones((2, 1)), np.ones(2))}), "no 'train'"),
        (lambda: ikura.check({"train": (np.ones((2, 1)), np.ones(3))}), "must be the same"),
        (lambda: ikura.check(parts() | {"tset": None}), "did you mean 'test'"),
        (lambda: ikura.check(parts(), network=lambda hp: 3), "must return an nn.Module"),
        (lambda: ikura.check(parts(), network="resnet4"), "did you mean 'resnet44'"),
        (lambda: ikura.check(parts(), hyperparameters={"optimizer": "adm"}), "did you mean 'adam'"),
        (lambda: ikura.check("iris", hyperparameters={"learning_rte": 1}), "did you mean 'learning_rate'"),
    ):
        with pytest.raises(ikura.UsageError, match=words) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_network_that_does_not_run_stops_the_checks_that_need_it() -> None:
    checks = ikura.check(parts(), network=nn.Linear(5, 1))
    assert checks["forward"].verdict == "fail"
    assert "see forward" in checks["gradient"].finding
    assert checks["labels"].verdict == "pass"


def test_range_test_is_right_for_a_parabola() -> None:
    """w ← w - α (w - 3) diverges from α = 2 on, learns fastest at 1, and hardly moves at 1e-5."""

    class Weight(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = nn.Parameter(torch.zeros(1, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x @ self.w

    def half_square(outputs: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return ((outputs[:, 0] - y) ** 2).mean() / 2

    train = Examples(np.ones((8, 1), np.float32), np.zeros((8, 0), np.int32), np.full(8, 3, np.float32))
    subject = Subject(
        "a parabola",
        "regression",
        train,
        network=lambda seed: Weight(),
        loss=half_square,
        given={"optimizer": "sgd", "learning_rate": 0.5, "batch_size": 8},
    )
    found = range_test(subject, (1e-5, 0.5, 1.0, 10.0), steps=20)
    # J after n steps is 4.5 (1 - α)^2n.
    assert found[0.0] == pytest.approx(4.5)
    assert found[0.5] == pytest.approx(4.5 * 0.5**40, abs=1e-6)
    assert found[1.0] == pytest.approx(0, abs=1e-6)
    assert found[1e-5] == pytest.approx(4.5 * (1 - 1e-5) ** 40, rel=1e-5)
    assert found[10.0] > 1e30
    [one] = run_checks(subject, ["learning-rate"])
    assert one.verdict == "pass"


def test_the_section_escapes_what_it_shows(tmp_path: Any) -> None:
    frame = pd.DataFrame({"<b>": np.arange(40) * 0.37 % 1, "y": np.arange(40) % 2})
    frame.loc[3, "<b>"] = np.inf
    checks = ikura.check(frame, "y")
    section = checks_section(checks)
    assert "&lt;b&gt;" in section
    assert "<b>'" not in section
    assert section.index("fail") < section.index("Not made")
    assert "Checks of" in write_checks(checks, tmp_path / "page.html").read_text()
