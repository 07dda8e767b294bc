"""Conformance suites: what proposers and schedules must hold to, for ikura's own and for yours."""

from ikura.testing.schedule import check_schedule

__all__ = ["check_schedule"]
