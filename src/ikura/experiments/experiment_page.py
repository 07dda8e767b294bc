"""An experiment's report: one page in the look of a study's report."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ikura.experiments._base import Experiment, Findings
from ikura.experiments.claim import HOLDS, Claim
from ikura.experiments.folders import default_folder
from ikura.page.cards import card, head
from ikura.page.formatting import duration, number, plural
from ikura.page.html_tables import table
from ikura.page.markup import Html, element, join, passage
from ikura.page.page import page, write_text

__all__ = ["write_page"]


def write_page(path: Path, experiment: Experiment, findings: Findings, results: Mapping[str, Any]) -> Path:
    """Write the report: what is asked, the verdicts, the charts behind them, the method, how to repeat it.

    Args:
        path: the file.
        experiment: what was run.
        findings: what it found.
        results: settings and times, as in results.json.

    Returns:
        The file's path.
    """
    parts = [(one.name, one.heading, one.content) for one in findings.sections]
    parts.append(("Verdicts", "The claims, one by one", _claims(findings.claims)))
    parts.append(("Method", "How it was measured", _method(experiment, findings.notes, results)))
    parts.append(("Repeat", "How to repeat it", _repeat(results)))
    return write_text(path, page(f"{experiment.name} · ikura", _header(experiment, findings, results), parts))


def _header(experiment: Experiment, findings: Findings, results: Mapping[str, Any]) -> Html:
    size = f"{plural(results['repetitions'], 'repetition')}, {duration(results['seconds'])}"
    warning = "A quick run, smaller than the method below says: it shows that the experiment works and proves little."
    return head(
        f"ikura reproduce {experiment.name} · {size}",
        experiment.question,
        experiment.says,
        map(_card, findings.claims),
        [warning] if results["quick"] else [],
    )


def _card(claim: Claim) -> Html:
    verdict, told = claim.verdict[0].upper() + claim.verdict[1:], f"{claim.what}: {number(claim.estimate)}"
    kind = "main" if claim.verdict == HOLDS else None
    return card(claim.sentence, verdict, element("span", told), _between(claim), kind=kind)


def _between(claim: Claim) -> Html | None:
    if not math.isfinite(claim.low):
        return None
    return element("span", f"95 % interval {number(claim.low)} to {number(claim.high)}")


def _claims(claims: Sequence[Claim]) -> Html:
    headings = ["verdict", "claim", "measured", "estimate", "95 % interval", "claimed", "measurements"]
    rows = [
        [
            element("b", claim.verdict),
            claim.sentence,
            claim.what,
            number(claim.estimate),
            f"{number(claim.low)} to {number(claim.high)}" if math.isfinite(claim.low) else "–",
            _range(claim),
            str(claim.repetitions),
        ]
        for claim in claims
    ]
    return passage(
        "A claim holds if the whole interval lies inside of what is claimed, does not hold if the whole interval "
        "lies outside, and is not decided otherwise.",
        table(headings, rows, words={"claim", "measured", "claimed"}),
    )


def _range(claim: Claim) -> str:
    if math.isinf(claim.most):
        return f"above {number(claim.least)}"
    if math.isinf(claim.least):
        return f"below {number(claim.most)}"
    return f"between {number(claim.least)} and {number(claim.most)}"


def _method(experiment: Experiment, notes: Sequence[str], results: Mapping[str, Any]) -> Html:
    files = join(
        "The measurements: ",
        *(join(", " if place else "", element("code", name)) for place, name in enumerate(results["tables"].values())),
        ", and in one file ",
        element("code", "results.json"),
        ", beside this page.",
    )
    return passage(*experiment.method.split("\n\n"), *notes, element("p", files))


def _repeat(results: Mapping[str, Any]) -> Html:
    name, seed, quick, options = (results[key] for key in ("experiment", "seed", "quick", "options"))
    words = ["ikura", "reproduce", name]
    for option, value in options.items():
        words += [f"--{option.replace('_', '-')}", str(value)]
    words += [*(["--seed", str(seed)] if seed else []), *(["--quick"] if quick else [])]
    again = f"{default_folder(name, seed, quick, options)}-again"
    words += ["--repetitions", str(results["repetitions"]), "--out", again]
    return passage(
        element("pre", element("code", shlex.join(words))),
        f"With ikura {results['ikura']} on the same kind of machine it gives the same numbers.",
    )
