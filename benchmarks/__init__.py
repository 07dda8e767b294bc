"""Races and measurements; each module is a command, such as `python -m benchmarks.race small`."""
