"""Rules: the defaults, and the parsing of origins and numbers."""

import pytest

from poker_signal.core.configuration import BadOrigin, Rules, Topology, parse_origins, whole_number

CANDIDATES = 60
"""Most ICE candidates of one peer: all addresses, by UDP and TCP, direct and relayed."""


def test_defaults_are_the_promised_ones() -> None:
    """The defaults are a mesh, 24 seats, no rate limit, 64 KB of payload and any origin."""
    assert Rules() == Rules(Topology.MESH, 24, 0, 2500, 65_536, frozenset())


def test_the_deployments_rate_never_meets_a_whole_table_that_joins_at_once() -> None:
    """The limits allow HOST to send every player an offer, candidates and the others' names."""
    rules = Rules(message_rate=100)  # limits.message_rate in variables.tf
    per_player = 1 + CANDIDATES + (rules.seats - 1)
    assert rules.seats * per_player <= rules.message_burst
    assert per_player <= rules.message_rate


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("", set()),
        (" , ,", set()),
        ("https://poker.example.com", {"https://poker.example.com"}),
        ("http://localhost:8080, null", {"http://localhost:8080", "null"}),
        ("https://a.example,https://a.example", {"https://a.example"}),
        ("http://[::1]:3000", {"http://[::1]:3000"}),
        ("capacitor://localhost", {"capacitor://localhost"}),
    ],
    ids=["empty", "commas", "one", "two", "twice", "IPv6", "app"],
)
def test_origins_are_separated_by_commas(text: str, origins: set[str]) -> None:
    """An environment variable lists origins with commas between them."""
    assert parse_origins(text) == origins


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "poker.example.com",
        "https://*.example.com",
        "https://poker.example.com/",
        "https://Poker.example.com",
        "https://poker.example.com/game",
        "https://user@poker.example.com",
        "https://",
        "https://a b",
        "HTTPS://poker.example.com",
    ],
)
def test_what_no_browser_sends_is_no_origin(origin: str) -> None:
    """An origin that no browser sends is an error, because it would never match."""
    with pytest.raises(BadOrigin) as caught:
        parse_origins(f"https://good.example,{origin}")
    assert str(caught.value) == (
        f"{origin!r} is no origin: write scheme://host or scheme://host:port in lower case, "
        "without a path or a wildcard, such as https://poker.example.com"
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *[("0", None), ("1", 1), ("7", 7), ("8", None), ("007", 7), ("", None), ("-1", None)],
        *[("1_0", None), ("٣", None), ("²", None), (" 1", None), ("0" * 14 + "1", 1)],
        *[("0" * 15 + "1", None), ("1e0", None)],
    ],
)
def test_a_whole_number_is_ascii_digits_within_a_range(text: str, number: int | None) -> None:
    """A number has at most fifteen digits."""
    assert whole_number(text, 1, 7) == number
    assert whole_number("9" * 15) == 10**15 - 1
