"""Colours on the terminal."""

import os
import sys


def wants_colour() -> bool:
    """Return whether stderr may be coloured (https://no-color.org)."""
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ
