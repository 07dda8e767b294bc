"""Steering: a hand on a study while it trains; every change is a request on record, and replays repeat it."""

from ikura.steer.ask import ask
from ikura.steer.steering import Steering

__all__ = ["Steering", "ask"]
