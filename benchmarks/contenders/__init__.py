"""Searches that are compared; each is a process of its own that writes down what it reaches, and when."""
