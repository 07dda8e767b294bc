"""The version of ikura."""

__all__ = ["__version__"]

__version__ = "0.1.0"
