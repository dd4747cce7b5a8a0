"""Faults in words, for the banner and for tests that fail."""

import pytest

from poker_signal.emulator.faults.spec import KINDS, parse
from poker_signal.emulator.faults.words import effect_of, never_struck


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("drop", "every message is dropped"),
        ("drop:offer#1", "message no. 1 of type offer is dropped"),
        ("drop:@Alice=1/2", "every 2nd message from Alice is dropped"),
        ("drop:$disconnect=1/13", "every 13th $disconnect event is dropped"),
        ("delay:offer=6s,50%",
         "every message of type offer, with a probability of 0.5, is held for 6 s"),
        ("reorder", "every message is held for up to 50 ms"),
        ("duplicate:join", "the function is invoked twice for every message of type join"),
        ("duplicate:join=400ms",
         "the function is invoked again after 400 ms for every message of type join"),
        ("ghost:HOST", "every connection of HOST is cut without a close frame"),
        ("miss-disconnect=1/3", "$disconnect is not invoked for every 3rd connection"),
        ("gone:@of", "@connections answers 410 to every request about of"),
        ("throttle=1/21", "@connections answers 429 to every 21st request"),
        ("index-lag=800ms", "queries of the index return its state of 800 ms ago"),
        ("cold-start=1.8s", "every invocation without an idle container waits 1.8 s"),
        ("cold-start#1=1s", "event no. 1 waits 1 s"),
        ("integration-error", "no function is invoked for every event"),
        ("slow-write:HOST=3.4s", "$connect is answered 3.4 s later for every connection of HOST"),
        ("fail-update=1/3", "every 3rd update of a row fails"),
        ("go-away:HOST=10s",
         "every connection of HOST is closed with 1001 10 s after it was opened"),
    ],
)  # fmt: skip
def test_an_effect_is_a_clause(spec: str, words: str) -> None:
    """It names the events and what happens to them."""
    assert effect_of(parse(spec)) == words


@pytest.mark.parametrize(
    ("spec", "seen", "words"),
    [
        ("drop:offer#1", 0, "0 messages of type offer were sent"),
        ("drop:offer#2", 1, "1 message of type offer was sent"),
        ("drop:@Alice", 0, "0 messages from Alice were sent"),
        ("gone:Alice", 0, "0 requests about Alice were made to @connections"),
        ("go-away:HOST=10s", 1, "1 connection of HOST was opened; it strikes 10 s later"),
        ("index-lag=1s", 0, "no query returned an older state of the index"),
        ("integration-error:$connect#9", 2, "2 $connect events were received"),
    ],
)
def test_a_fault_that_never_struck_is_told_with_what_it_waited_for(
    spec: str, seen: int, words: str
) -> None:
    """The sentence has the number of events, so that a wrong number is found as well."""
    assert never_struck(parse(spec), seen) == f"{spec} never struck: {words}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_words(kind: str) -> None:
    """No kind falls through to another one's words."""
    spec = parse(KINDS[kind].example)
    assert effect_of(spec)
    assert never_struck(spec, 0).startswith(f"{spec.text} never struck: ")
