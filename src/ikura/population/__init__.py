"""The heart: many networks trained at once."""
