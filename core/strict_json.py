"""Strict JSON: ``NaN`` and the infinities, which Python's reader takes, are refused."""

from typing import NoReturn


def refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and the infinities: the ``parse_constant`` of a strict reader."""
    raise ValueError(f"{name} is not JSON")
