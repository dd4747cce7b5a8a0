"""What JSON has no word for, and Python's reader takes all the same."""

from typing import NoReturn


def refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and the infinities: the ``parse_constant`` of a strict reader."""
    raise ValueError(f"{name} is not JSON")
