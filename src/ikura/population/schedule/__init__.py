"""How a learning rate changes in the course of training."""

from ikura.population.schedule._base import SHAPES, Shape, follows_distance, learning_rates, shape, steady_rates
from ikura.population.schedule.by_time import batch_size_at, growth_of, pieces_of

__all__ = [
    "SHAPES",
    "Shape",
    "batch_size_at",
    "follows_distance",
    "growth_of",
    "learning_rates",
    "pieces_of",
    "shape",
    "steady_rates",
]
