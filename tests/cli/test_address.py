"""Arguments of the commands: the server URL and names."""

import click
import pytest

from poker_signal.cli.address import checked_name, server_url


def test_a_url_is_made_ready_for_what_clients_append() -> None:
    """A trailing slash is removed, so that a query string can be appended."""
    assert server_url("wss://x.example.org/prod/") == "wss://x.example.org/prod"


def test_a_name_is_whatever_a_human_typed() -> None:
    """Any name that a server accepts is accepted; other names are a usage error."""
    assert checked_name("--player", "Zoë 🂡") == "Zoë 🂡"
    for name in ("", " ", "x" * 129, "a\tb", "\udcff"):
        with pytest.raises(click.UsageError, match=r"^--player: a name has 1 to 128 characters"):
            checked_name("--player", name)
