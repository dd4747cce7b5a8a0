"""Requests and answers as values."""

import pytest

from poker_signal.emulator.aws.http import Answer, Request


def request(target: str, *headers: tuple[str, str]) -> Request:
    """Return a GET request."""
    return Request("GET", target, list(headers), "127.0.0.1")


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ("", []),
        ("?", []),
        ("?a=1&a=2&b=", [("a", "1"), ("a", "2"), ("b", "")]),
        ("?flag", [("flag", "")]),
        ("?q=a%20b+c%2B", [("q", "a b c+")]),
        ("?q=%F0%9F%82%A1", [("q", "🂡")]),
        ("?q=%ff", [("q", "\N{REPLACEMENT CHARACTER}")]),
        ("?a=1;b=2", [("a", "1;b=2")]),
        ("?a=b=c?d", [("a", "b=c?d")]),
    ],
    ids=["none", "empty", "repeated", "flag", "decoded", "utf-8", "not-utf-8", "semicolon", "rest"],
)
def test_a_query_string_is_decoded_in_order(query: str, pairs: list[tuple[str, str]]) -> None:
    """The rules of reference section 1.6, defaults where AWS does not say."""
    assert request(f"/prod{query}").query == pairs


def test_of_a_repeated_header_the_last_one_counts() -> None:
    """Whatever its casing."""
    assert request("/", ("A", "1"), ("a", "2")).header("A") == "2"


def test_an_answer_without_a_body_has_no_content_type() -> None:
    """There is nothing that it could describe."""
    assert "Content-Type" not in dict(Answer(426).all_headers())


def test_a_status_that_http_does_not_know_has_no_phrase() -> None:
    """A handler may return any status at $connect."""
    assert (Answer(499).reason, Answer(409).reason) == ("", "Conflict")
