"""Redaction of recordings: values that are replaced, and values that are kept."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from poker_signal.emulator.recording import redaction as redaction_module
from poker_signal.emulator.recording.redaction import SLICE, Redaction
from tests.support import tiers

CASES: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("redaction_cases.json").read_text(encoding="utf-8")
)
"""Texts and their redaction; tests/inspector/test_redact.py tests the page with them."""


def redacted(value: Any, *, keep_addresses: bool = False) -> Any:
    """Return a value as a recording has it."""
    return Redaction(keep_addresses=keep_addresses).entry(value)


@pytest.mark.parametrize("levels", range(4))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"][:20])
def test_a_text_is_redacted_also_in_json_in_json(case: dict[str, Any], levels: int) -> None:
    """A message's text has a payload, which has an SDP with escaped line breaks."""
    if levels and not case.get("nests", True):
        return
    text = case["text"]
    for _ in range(levels):
        text = json.dumps({"payload": text})
    found = redacted(text)
    for _ in range(levels):
        found = json.loads(found)["payload"]
    assert found == case["redacted"]


@pytest.mark.parametrize("keep_addresses", [True, False])
def test_secrets_are_never_kept(keep_addresses: bool) -> None:
    """A recording with addresses must not give away a player's seat."""
    event = {
        "headers": {"Cookie": "id=SECRET", "authorization": "Bearer SECRET", "Origin": "x"},
        "multiValueHeaders": {"Cookie": ["id=SECRET", "SECRET"]},
        "queryStringParameters": {"playerId": "Anna", "session": "SECRETSECRET", "ticket": "SEC"},
        "multiValueQueryStringParameters": {"session": ["SECRETSECRET"], "token": ["SECRET"]},
        "body": json.dumps(
            {"payload": {"sdp": "a=ice-pwd:SECRET\r\n", "password": "SECRET", "credential": "SEC"}}
        ),
        "error": "no user for ?a=b&ticket=SECRET, eyJhbGciOiJI.SECRETSECRET.SECRET_SIG",
    }
    found = redacted(event, keep_addresses=keep_addresses)
    assert "SEC" not in json.dumps(found)
    assert found["queryStringParameters"]["playerId"] == "Anna"
    assert found["headers"]["Origin"] == "x"
    # Equal sessions have equal replacements.
    session = found["queryStringParameters"]["session"]
    assert found["multiValueQueryStringParameters"]["session"] == [session]
    assert session != found["queryStringParameters"]["ticket"]
    assert 8 <= len(session) <= 128


def test_a_host_has_one_other_name_wherever_it_stands() -> None:
    """A host name has one replacement in headers, domain names, URLs and messages."""
    event: dict[str, Any] = {
        "headers": {
            "host": "annas-macbook.fritz.box",
            "Origin": "http://Annas-Macbook.fritz.box:8",
        },
        "multiValueHeaders": {"Host": ["annas-mac.local"], "origin": ["https://annas-mac.local"]},
        "requestContext": {
            **{"domainName": "annas-macbook.fritz.box:3001", "requestTimeEpoch": 1},
            "identity": {"sourceIp": "192.168.1.23"},
        },
        "queryStringParameters": {"host": "Anna"},
        "body": json.dumps(
            {
                "page": "http://annas-macbook.fritz.box/a?b#c",
                "X-Forwarded-For": "93.184.216.34, 2a02:908:4e2::77, 192.168.1.23",
                "turn": ["turns:relay.example.org:443?transport=tcp", "stun:relay.example.org"],
                "text": "see\nannas-mac.local, or http://anna:SECRET@annas-macbook.fritz.box",
                "sdp": "a=extmap:1/sendonly http://www.webrtc.org/experiments/abs-send-time\r\n",
            }
        ).replace("/a?b", "\\/a?b"),
    }
    found = redacted(event)
    mdns = "00000000-0000-4000-8000-000000000001.local"
    assert {**found, "body": json.loads(found["body"])} == {
        "headers": {"host": "host-1.invalid", "Origin": "http://host-1.invalid:8"},
        "multiValueHeaders": {"Host": [mdns], "origin": [f"https://{mdns}"]},
        "requestContext": {
            **{"domainName": "host-1.invalid:3001", "requestTimeEpoch": 1},
            "identity": {"sourceIp": "10.0.0.1"},
        },
        "queryStringParameters": {"host": "Anna"},
        "body": {
            "page": "http://host-1.invalid/a?b#c",
            "X-Forwarded-For": "198.51.0.1, 2001:db8::1, 10.0.0.1",
            "turn": ["turns:host-2.invalid:443?transport=tcp", "stun:host-2.invalid"],
            "text": f"see\n{mdns}, or http://redacted-1@host-1.invalid",
            "sdp": "a=extmap:1/sendonly http://www.webrtc.org/experiments/abs-send-time\r\n",
        },
    }
    here = {"headers": {"Origin": "http://localhost:3001/a", "Host": "localhost:1"}}
    assert redacted(here) == here
    kept = redacted(event, keep_addresses=True)
    assert kept == {**event, "body": event["body"].replace("anna:SECRET", "redacted-1")}


@pytest.mark.parametrize("levels", [0, 1, 2, 3])
def test_a_name_is_found_wherever_json_escapes_what_is_around_it(levels: int) -> None:
    """Host names are found in escaped JSON, and the text is still JSON afterwards."""
    text = "http://annas-mac.fritz.box\nännas-mac.local\t.local"
    for _ in range(levels):
        text = json.dumps({"payload": text}).replace("/", "\\/")
    found = redacted(text)
    assert "annas" not in found
    assert "nnas-mac" not in found
    for _ in range(levels):
        found = json.loads(found)["payload"]
    first, second, third = found.split()
    assert (first, third) == ("http://host-1.invalid", ".local")
    assert second.endswith("00000000-0000-4000-8000-000000000001.local")


def test_many_addresses_are_many() -> None:
    """Each address has its own replacement: a recording may have a thousand players."""
    redaction = Redaction()
    assert len({redaction.text(f"192.168.{i // 250}.{i % 250}") for i in range(5000)}) == 5000


PIECES = (
    *("1.2.3.", "aa:", "::", "eyJ", "a=candidate:1 ", "\\u003", "0-", "candidate:", "o=", "raddr "),
    *("IN IP4 ", "o=a 1 1", "ice-pwd:", "?ticket=", '"session":"\\', "://", "http://a@", "a@"),
    *("turn:a.", "a.local", "a-", ":\\/", "1:", "\\", '\\"token\\":\\"'),
    '\\"token\\":\\"' + "\\" * 60,
)


def test_a_long_text_of_almost_addresses_takes_no_longer_than_it_has_characters() -> None:
    """A peer may send any text, so no pattern may backtrack over it."""
    redaction = Redaction()
    start = time.process_time()
    for piece in PIECES:
        text = piece * (100_000 // len(piece))
        assert redaction.text(text)
    # A tenth of a second per piece is enough; backtracking would take minutes.
    assert time.process_time() - start < 10


_ENDS = (*" 1aA:.-=/\\\"'@_%", "\n", "\\n", " 1 1 IN ", "ä", " IN ", ".local", ".example", "", "")


@given(
    st.lists(st.sampled_from((*PIECES, *_ENDS)), min_size=1, max_size=4).map("".join).filter(bool),
    st.sampled_from(_ENDS),
)
@example("o=", " 1 1 IN ")
@example("aa:", "")
@example(":0000", "")
@example("1.1.", "")
@settings(max_examples=tiers.EXAMPLES // 2)
def test_no_text_takes_much_time_or_keeps_the_lock(piece: str, end: str) -> None:
    """CPU time per character, and between two breaks: the event loop waits for the latter.

    120 kB, as much as a message may have: in the emulator, other players wait meanwhile.
    """
    text = piece * (120_000 // len(piece)) + end
    redaction = Redaction()
    longest = 0.0
    since = begun = time.thread_time()

    def pause() -> None:
        nonlocal longest, since
        now = time.thread_time()
        longest, since = max(longest, now - since), now

    redaction.pause = pause
    assert redaction.text(text)
    pause()
    # As measured: 0.5 s, for 40 000 addresses, and 3 ms. Before this was tested: 0.7 s at once.
    assert time.thread_time() - begun < 3
    assert longest < 0.05


@pytest.mark.parametrize("length", [SLICE - 9, SLICE, SLICE + 9, 3 * SLICE])
def test_what_lies_across_slices_is_redacted(length: int) -> None:
    """Secrets and addresses of any length, at any place of a slice."""
    secret = "S" * 20_000
    for text in (
        f'{{"credential" : "{secret}"}}',
        f"a=ice-pwd:{secret}\r\n",
        f"eyJhbGciOiJI.{secret}.SSSS",
        "o=SSSSSSSS 1 1 IN IP4 192.168.1.23 ",
        "93.184.216.34",
        "2a02:908:4e2::77",
    ):
        for more in {0, 1, 7, 17, len(text) // 2, len(text) - 1}:
            found = Redaction().text("x" * (length - more) + " " + text + " x" * SLICE)
            assert "SS" not in found
            assert "redacted-1" in found or "198.51.0.1" in found or "2001:db8::1" in found


@pytest.mark.parametrize("levels", range(13))
def test_a_secret_is_found_at_any_depth_of_json_in_json(levels: int) -> None:
    """Also with a space before the colon, and where the secret itself has quotes."""
    text = json.dumps({"credential": 'SECRET"SECRET', "icePwd": "SECRET", "x": "kept"})
    text = text.replace('"icePwd":', '"icePwd" :')
    for _ in range(levels):
        text = json.dumps(text)
    found = redacted(text, keep_addresses=True)
    assert "SECRET" not in found
    for _ in range(levels + 1):
        found = json.loads(found)
    assert found["x"] == "kept"
    assert set(found) == {"credential", "icePwd", "x"}


def test_the_memory_of_pseudonyms_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages with ever new addresses must not fill it; those of today keep theirs."""
    monkeypatch.setattr(redaction_module, "MAX_KNOWN", 100)
    redaction = Redaction()
    for i in range(1000):
        redaction.text(f"192.168.{i // 250}.{i % 250} ice-pwd:{i}")
    assert redaction.text("192.168.3.249") == "10.0.3.232"
    assert sum(len(value) for value in vars(redaction).values() if isinstance(value, dict)) < 250


def test_a_report_of_the_probe_is_redacted() -> None:
    """Names of servers, addresses and credentials in its texts are replaced; the rest stays."""
    report = {
        "n": 1,
        "at": 2,
        "kind": "probe",
        "playerId": "Anna",
        "pc": "1.1",
        "ufrag": "F7gI",
        "event": "icecandidateerror",
        "url": "turns:relay.example.org:443",
        "text": "no route to 192.168.1.23",
        "error": {"name": "SyntaxError", "message": "turn:u:p@relay.example.org?credential=SECRET"},
    }
    found = redacted(report)
    assert "SECRET" not in json.dumps(redacted(report, keep_addresses=True))
    assert found == {
        **report,
        "url": "turns:host-1.invalid:443",
        "text": "no route to 10.0.0.1",
        "error": found["error"],
    }
    assert "SECRET" not in found["error"]["message"]
