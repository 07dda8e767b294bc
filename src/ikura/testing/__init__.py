"""Conformance suites: what proposers and schedules must hold to, for ikura's own and for yours."""

from ikura.testing.proposers import PROPOSER_CHECKS, check_proposer
from ikura.testing.schedule import check_schedule

__all__ = ["PROPOSER_CHECKS", "check_proposer", "check_schedule"]
