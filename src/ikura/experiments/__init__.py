"""Textbook claims, measured: each experiment is a short script over ikura, run by `ikura reproduce NAME`."""

from ikura.experiments.catalogue import EXPERIMENTS
from ikura.experiments.registry import experiment
from ikura.experiments.running import Reproduction, reproduce

__all__ = ["EXPERIMENTS", "Reproduction", "experiment", "reproduce"]
