"""The front door: words in, a verdict and an exit code out. What the words mean is done elsewhere.

Importing this package must stay cheap: `--help` should answer before anyone wonders whether it will. Commands
import what they need when they run.
"""

from __future__ import annotations

from analyzer.cli.entry import main

__all__ = ["main"]
