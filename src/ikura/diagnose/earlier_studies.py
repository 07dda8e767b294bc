"""The studies that a study follows, for what was tried already."""

from __future__ import annotations

from ikura.diagnose.findings import read_findings
from ikura.exchange.prior import Prior
from ikura.json_values import JsonObject
from ikura.study.record.facts import EARLIER_STUDIES
from ikura.study.record.record import Record

__all__ = ["earlier_studies"]


def earlier_studies(prior: Prior | Record | None) -> list[JsonObject]:
    """The studies that a study follows, the first of them first, for what was tried already.

    Returns:
        For each its run, the best dev score, epochs, network, the space searched, and what was prescribed for it: name
        and change. Empty where there is none, or what is known comes from elsewhere.
    """
    if not isinstance(prior, Record) or prior.best is None:
        return []
    prescribed = (read_findings(prior) or {}).get("prescriptions") or []
    own = {
        "run": str(prior.run),
        "dev": prior.best.dev,
        "epochs": prior.epochs,
        "network": prior.setting.network,
        "space": prior.searched.as_dict(),
        "prescribed": [{"name": one["name"], "change": one["change"]} for one in prescribed],
    }
    return [*(prior.store.fact(EARLIER_STUDIES) or []), own]
