"""Settings: their checks, and the rules made from them."""

from typing import Any

import pytest

from poker_signal.core.configuration import Rules, Topology
from poker_signal.emulator.settings import Settings


@pytest.mark.parametrize("name", ["idle_timeout_s", "integration_timeout_s", "throttle_rate"])
def test_nan_is_no_number(name: str) -> None:
    """NaN is refused: it would pass range checks, and no timer can be set to it."""
    wrong: dict[str, Any] = {name: float("nan")}
    with pytest.raises(ValueError, match=f"{name}: nan"):
        Settings(**wrong)


def test_an_empty_host_is_none() -> None:
    """An empty host would bind every address and give a URL without a host."""
    with pytest.raises(ValueError, match="host: empty"):
        Settings(host="")


def test_the_keys_of_tickets_are_not_shown() -> None:
    """Settings are printed when a test fails, and while debugging."""
    secret = b"a-secret-of-november-with-entropy"
    assert "entropy" not in repr(Settings(ticket_keys={"1": secret}))


def test_the_rules_are_what_was_set() -> None:
    """Options that are not set have the values of production, where joins are watched."""
    assert Settings().rules() == Rules(later=True)
    settings = Settings(
        topology=Topology.STAR,
        seats=9,
        message_rate=1.5,
        message_burst=3,
        max_payload_bytes=1000,
        later=False,
        auto_join=True,
    )
    assert settings.rules() == Rules(Topology.STAR, 9, 1.5, 3, 1000, later=False, auto_join=True)


def test_origins_are_a_list_or_all() -> None:
    """The gateway knows them, not the rules: they hold for each handler."""
    assert Settings().origins() == frozenset()
    settings = Settings(allowed_origins="https://a.example, null")
    assert settings.origins() == frozenset({"https://a.example", "null"})
    assert settings.rules().origins == frozenset()
    assert Settings(allowed_origins="https://a.example, *").origins() is None
