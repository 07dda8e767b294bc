"""`python -m ikura` is the same as `ikura`."""

from __future__ import annotations

import sys

from ikura.cli import main

if __name__ == "__main__":
    sys.exit(main())
