"""The heart: many networks trained at once."""

from ikura.population.cache import find_place

find_place()
