"""URL and names as the commands take them."""

import click
import pytest

from poker_signal.cli.address import checked_name, server_url


def test_a_url_is_made_ready_for_what_clients_append() -> None:
    """No slash before the query string."""
    assert server_url("wss://x.example.org/prod/") == "wss://x.example.org/prod"


def test_a_name_is_whatever_a_human_typed() -> None:
    """As long as a server takes it."""
    assert checked_name("--player", "Zoë 🂡") == "Zoë 🂡"
    for name in ("", " ", "x" * 129, "a\tb", "\udcff"):
        with pytest.raises(click.UsageError, match=r"^--player: a name has 1 to 128 characters"):
            checked_name("--player", name)
