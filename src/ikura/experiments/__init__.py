"""Textbook claims, measured: each experiment is a short script over ikura, run by `ikura reproduce NAME`."""

from ikura.experiments.registry import EXPERIMENTS, experiment
from ikura.experiments.running import Reproduction, reproduce

__all__ = ["EXPERIMENTS", "Reproduction", "experiment", "reproduce"]
