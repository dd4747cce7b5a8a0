"""Strict JSON: ``NaN`` and the infinities, which Python's parser accepts, are refused."""

from typing import NoReturn


def refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and the infinities. Pass this as ``parse_constant`` to ``json``."""
    raise ValueError(f"{name} is not JSON")
