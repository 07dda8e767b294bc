"""Experiments on textbook claims, run with ikura itself: `python -m ikura.experiments.NAME`."""
