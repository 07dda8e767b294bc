"""The compiled training step of the built-in network."""
