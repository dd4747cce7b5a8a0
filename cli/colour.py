"""Whether the terminal wants colours."""

import os
import sys


def wants_colour() -> bool:
    """Tell whether what is written to stderr may be coloured (https://no-color.org)."""
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ
