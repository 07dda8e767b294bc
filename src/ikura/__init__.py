"""ikura: tune whole populations of neural networks."""

__version__ = "0.1.0"
