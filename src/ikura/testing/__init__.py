"""Conformance suites: what every proposer must do, to be run on one's own."""

from ikura.testing.proposers import PROPOSER_CHECKS, check_proposer

__all__ = ["PROPOSER_CHECKS", "check_proposer"]
