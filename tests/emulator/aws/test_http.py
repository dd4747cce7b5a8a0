"""Requests and answers as values."""

import pytest

from poker_signal.emulator.aws.http import Answer, Request


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ("?", []),
        ("?a=1&a=2&b=&flag", [("a", "1"), ("a", "2"), ("b", ""), ("flag", "")]),
        ("?q=a%20b+c%2B", [("q", "a b c+")]),
        ("?q=%F0%9F%82%A1&r=%ff", [("q", "🂡"), ("r", "\N{REPLACEMENT CHARACTER}")]),
        ("?a=1;b=2", [("a", "1;b=2")]),
        ("?a=b=c?d", [("a", "b=c?d")]),
    ],
    ids=["empty", "repeated", "decoded", "utf-8", "semicolon", "rest"],
)
def test_a_query_string_is_decoded_in_order(query: str, pairs: list[tuple[str, str]]) -> None:
    """Decoding follows AWS where it is documented, and common practice elsewhere."""
    assert Request("GET", f"/prod{query}", [], "127.0.0.1").query == pairs


def test_of_a_repeated_header_the_last_one_counts() -> None:
    """The last of repeated headers counts; header names are compared without case."""
    assert Request("GET", "/", [("A", "1"), ("a", "2")], "127.0.0.1").header("A") == "2"


def test_an_answer_has_no_header_and_no_phrase_without_a_use() -> None:
    """A handler may return any status at $connect, even one without a phrase."""
    assert "Content-Type" not in dict(Answer(426).all_headers())
    assert (Answer(499).reason, Answer(409).reason) == ("", "Conflict")
