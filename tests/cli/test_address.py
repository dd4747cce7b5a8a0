"""URL as the commands take it."""

import click
import pytest

from poker_signal.cli.address import server_url


def test_a_url_is_made_ready_for_what_clients_append() -> None:
    """No slash before the query string."""
    assert server_url("wss://x.example.org/prod/") == "wss://x.example.org/prod"


def test_another_is_wrong_usage() -> None:
    """With the URL, and what is wrong with it."""
    with pytest.raises(click.UsageError, match=r"^http://x: a WebSocket URL starts with ws://"):
        server_url("http://x")
