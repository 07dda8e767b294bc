"""The studies that a study follows, for what was tried already."""

from __future__ import annotations

from ikura.diagnose.findings import read_findings
from ikura.exchange.prior import Prior
from ikura.study.record.earlier_study import EarlierStudy, Prescribed
from ikura.study.record.facts import EARLIER_STUDIES
from ikura.study.record.record import Record

__all__ = ["earlier_studies"]


def earlier_studies(prior: Prior | Record | None) -> list[EarlierStudy]:
    """The studies that a study follows, the first of them first, for what was tried already.

    Returns:
        Empty where there is none, or what is known comes from elsewhere.
    """
    if not isinstance(prior, Record) or prior.best is None:
        return []
    found = read_findings(prior)
    prescribed = found.prescriptions if found else []
    own = EarlierStudy(
        str(prior.named_folder),
        prior.best.dev,
        prior.epochs,
        prior.setting.network,
        prior.searched.as_dict(),
        [Prescribed(one.name, one.change) for one in prescribed],
    )
    return [*(prior.store.fact(EARLIER_STUDIES) or []), own]
