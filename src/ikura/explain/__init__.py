"""What a tuned model looks at: importance of the columns, and how predictions follow each of them."""

from __future__ import annotations

from ikura.explain.explanation import Explanation, explain

__all__ = ["Explanation", "explain"]
