"""The experiment's measurement and verdict."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ikura.experiments.batch_norm_regularises import measure, table


def found(small: float, large: float, noise: float = 0.01) -> pd.DataFrame:
    """Gaps that batch normalisation narrows by so much at mini-batches of 8 and of 512."""
    rng = np.random.default_rng(0)
    rows = []
    for size, narrowed in ((8, small), (512, large)):
        for seed in range(6):
            for name, gap in (("none", 0.5), ("batch", 0.5 - narrowed + noise * rng.standard_normal())):
                dev = gap + 1 + 0.01 * rng.standard_normal()
                rows.append({"size": size, "normalisation": name, "seed": seed, "gap": gap, "dev": dev})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("small", "large", "verdict"), [(0.3, 0.1, "it does"), (0.1, 0.3, "the opposite"), (0.2, 0.2, "not decided")]
)
def test_verdict(small: float, large: float, verdict: str) -> None:
    lines = table(found(small, large)).splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["8", "512"]
    assert "0.5000 ± 0.0000" in lines[1]
    # Student's interval of six differences with a deviation of 0.014 has half a width of 0.015.
    assert lines[-2].startswith("Batch normalisation narrows the gap by ")
    assert lines[-2].endswith(f"less as the mini-batch grows: {verdict}.")
    # Training losses are all 1 but for noise.
    assert lines[-1].startswith("Batch normalisation holds the training loss up by ")
    assert lines[-1].endswith("not decided.")


def test_measured_are_networks_with_and_without(tmp_path: Path) -> None:
    rows = [measure(256, name, 1, 20, tmp_path).iloc[0] for name in ("none", "batch")]
    assert [row["normalisation"] for row in rows] == ["none", "batch"]
    assert rows[0]["dev"] != rows[1]["dev"]
    assert all(np.isfinite([row["gap"], row["dev"]]).all() for row in rows)
