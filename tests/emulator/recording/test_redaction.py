"""What a recording does not hold, and what it still tells."""

import json
import time
from typing import Any

import pytest

from poker_signal.emulator.recording.redaction import Redaction

SDP = "\r\n".join(
    [
        "v=0",
        "o=anna 4611731400430051336 2 IN IP4 192.168.1.23",
        "s=-",
        "c=IN IP4 192.168.1.23",
        "a=ice-ufrag:F7gI",
        "a=ice-pwd:x9cml/YzichV2+XlhiMu8g",
        "a=fingerprint:sha-256 " + ":".join(["D2"] * 32),
        "a=candidate:1 1 udp 2122260223 192.168.1.23 54321 typ host generation 0",
        "a=candidate:2 1 udp 1686052607 93.184.216.34 61000 typ srflx raddr 192.168.1.23 rport 5",
        "a=candidate:3 1 udp 1 4f5d1c2e-93f3-4c0e-8f3a-0a1b2c3d4e5f.local 9 typ host",
        "a=candidate:4 1 udp 1 2a02:908:4e2::77 9 typ host",
        "a=candidate:5 1 udp 1 fe80::1cd2:8f 9 typ host",
        "a=candidate:6 1 udp 1 relay.example.org 9 typ relay raddr 93.184.216.34 rport 61000",
    ]
)

SECRETS = (
    *("192.168.1.23", "93.184.216.34", "2a02:908", "1cd2", "relay.example"),
    *("anna", "x9cml", "D2:D2", "4f5d1c2e"),
)


def redacted(value: Any, *, keep_addresses: bool = False) -> Any:
    """Return it as a recording holds it."""
    return Redaction(keep_addresses=keep_addresses).entry(value)


def test_a_session_description_keeps_its_shape_and_loses_its_addresses() -> None:
    """The same address is the same placeholder; where they are kept, only the password goes."""
    kept = redacted(SDP, keep_addresses=True)
    assert kept == SDP.replace("x9cml/YzichV2+XlhiMu8g", "redacted-1")
    lines = redacted(SDP).split("\r\n")
    assert lines == [
        "v=0",
        "o=redacted-2 4611731400430051336 2 IN IP4 10.0.0.1",
        "s=-",
        "c=IN IP4 10.0.0.1",
        "a=ice-ufrag:F7gI",
        "a=ice-pwd:redacted-1",
        "a=fingerprint:sha-256 " + "00:" * 31 + "01",
        "a=candidate:1 1 udp 2122260223 10.0.0.1 54321 typ host generation 0",
        "a=candidate:2 1 udp 1686052607 198.51.0.1 61000 typ srflx raddr 10.0.0.1 rport 5",
        "a=candidate:3 1 udp 1 00000000-0000-4000-8000-000000000001.local 9 typ host",
        "a=candidate:4 1 udp 1 2001:db8::1 9 typ host",
        "a=candidate:5 1 udp 1 fe80::1 9 typ host",
        "a=candidate:6 1 udp 1 host-1.invalid 9 typ relay raddr 198.51.0.1 rport 61000",
    ]


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_json_in_json_is_redacted_all_the_same(levels: int) -> None:
    """A message's text holds a payload, which holds an SDP; its line breaks are escaped."""
    text = SDP
    for _ in range(levels):
        text = json.dumps({"payload": text})
    found = redacted(text)
    for _ in range(levels):
        found = json.loads(found)["payload"]
    assert found == redacted(SDP)


def test_digits_that_are_escaped_are_found() -> None:
    """JSON may spell any character so."""
    escaped = "".join(f"\\u{ord(char):04x}" for char in "192.168.1.23")
    assert redacted(f'{{"candidate":"{escaped}"}}') == '{"candidate":"10.0.0.1"}'
    # A backslash of its own before a u is no escape.
    assert redacted(r'"\\u0031"') == r'"\\u0031"'


@pytest.mark.parametrize("keep_addresses", [True, False])
def test_secrets_are_never_kept(keep_addresses: bool) -> None:
    """Whoever asks for everything does not ask for somebody's seat."""
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
    # Who has the same session can still be seen.
    session = found["queryStringParameters"]["session"]
    assert found["multiValueQueryStringParameters"]["session"] == [session]
    assert session != found["queryStringParameters"]["ticket"]
    assert 8 <= len(session) <= 128


def test_nothing_that_identifies_is_left() -> None:
    """In an event as API Gateway makes it."""
    event = {
        "headers": {
            "X-Forwarded-For": "93.184.216.34, 2a02:908:4e2::77",
            "Origin": "http://192.168.1.23:8080",
            "User-Agent": "Mozilla/5.0 Chrome/120.0.0.0",
        },
        "requestContext": {"identity": {"sourceIp": "192.168.1.23"}, "requestTimeEpoch": 1},
        "body": json.dumps({"iceServers": [{"urls": "turn:93.184.216.34:3478"}], "sdp": SDP}),
    }
    found = redacted(event)
    assert [secret for secret in SECRETS if secret in json.dumps(found)] == []
    assert found["headers"] == {
        "X-Forwarded-For": "198.51.0.1, 2001:db8::1",
        "Origin": "http://10.0.0.1:8080",
        "User-Agent": "Mozilla/5.0 Chrome/120.0.0.0",
    }
    assert found["requestContext"] == {"identity": {"sourceIp": "10.0.0.1"}, "requestTimeEpoch": 1}


@pytest.mark.parametrize(
    ("text", "placeholder"),
    [
        ("from 172.20.0.9 to", "from 10.0.0.1 to"),
        ("from 100.64.3.4 to", "from 10.0.0.1 to"),
        ("from ::ffff:192.168.1.23 to", "from ::ffff:10.0.0.1 to"),
        ("from fd12:3456::9 to", "from fd00::1 to"),
        ("from 169.254.7.7 to", "from 169.254.0.1 to"),
        ("from 8.8.8.8 to", "from 198.51.0.1 to"),
        ("from fe80::aaaa:bbbb%wlan0 to", "from fe80::1%wlan0 to"),
        # Neither a colon nor a letter before an address hides it.
        ("ip:2a02:8108::77", "ip:2001:db8::1"),
        ("turn:2a02:8108::79", "turn:2001:db8::1"),
        ("turn:2a02:8108:0:0:0:0:0:79", "turn:2001:db8::1"),
        # The end of a word looks like a part of the address.
        ("id:2a02:8108::77", "id:2001:db8::1"),
        ("udp/192.168.1.23", "udp/10.0.0.1"),
        ("sha-256:" + ":".join(["D2"] * 32), "sha-256:" + "00:" * 31 + "01"),
        # These are every machine's addresses, or none.
        *((text, text) for text in ("127.0.0.1", "::1", "0.0.0.0", "12:34:56", "999.1.1.1")),
        *((text, text) for text in ("1.2.3.4.5", "Edg/131.0.0.0", "std::vector")),
    ],
)
def test_an_address_becomes_one_of_its_kind(text: str, placeholder: str) -> None:
    """Private, public, link-local: what a diagnosis needs."""
    assert redacted(text) == placeholder
    assert json.loads(redacted(json.dumps({"a": text}))) == {"a": placeholder}


def test_a_host_has_one_other_name_wherever_it_stands() -> None:
    """In headers, in what the gateway calls itself, in URLs, and in messages."""
    event: dict[str, Any] = {
        "headers": {
            "host": "annas-macbook.fritz.box",
            "Origin": "http://Annas-Macbook.fritz.box:8",
        },
        "multiValueHeaders": {"Host": ["annas-mac.local"], "origin": ["https://annas-mac.local"]},
        "requestContext": {"domainName": "annas-macbook.fritz.box:3001"},
        "queryStringParameters": {"host": "Anna"},
        "body": json.dumps(
            {
                "page": "http://annas-macbook.fritz.box/a?b#c",
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
        "requestContext": {"domainName": "host-1.invalid:3001"},
        "queryStringParameters": {"host": "Anna"},
        "body": {
            "page": "http://host-1.invalid/a?b#c",
            "turn": ["turns:host-2.invalid:443?transport=tcp", "stun:host-2.invalid"],
            "text": f"see\n{mdns}, or http://redacted-1@host-1.invalid",
            "sdp": "a=extmap:1/sendonly http://www.webrtc.org/experiments/abs-send-time\r\n",
        },
    }
    kept = redacted(event, keep_addresses=True)
    assert kept == {**event, "body": event["body"].replace("anna:SECRET", "redacted-1")}


@pytest.mark.parametrize("levels", [0, 1, 2, 3])
def test_a_name_is_found_wherever_json_escapes_what_is_around_it(levels: int) -> None:
    """What was JSON is JSON afterwards."""
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


@pytest.mark.parametrize(
    "text",
    ["http://localhost:3001/a", "ws://127.0.0.1:3001/prod", "https://[::1]:3001", "your turn:Anna"],
)
def test_names_of_this_machine_are_everybodys(text: str) -> None:
    """As its loopback addresses are."""
    assert redacted({"headers": {"Origin": text, "Host": "localhost:1"}}) == {
        "headers": {"Origin": text, "Host": "localhost:1"}
    }


def test_many_addresses_are_many() -> None:
    """A recording may hold a thousand players'."""
    redaction = Redaction()
    assert len({redaction.text(f"192.168.{i // 250}.{i % 250}") for i in range(5000)}) == 5000


PIECES = (
    *("1.2.3.", "aa:", "::", "eyJ", "a=candidate:1 ", "\\u003", "0-", "candidate:", "o=", "raddr "),
    *("IN IP4 ", "o=a 1 1", "ice-pwd:", "?ticket=", '"session":"\\', "://", "http://a@", "a@"),
    *("turn:a.", "a.local", "a-", ":\\/", "1:"),
)


def test_a_long_text_of_almost_addresses_takes_no_longer_than_it_has_characters() -> None:
    """A peer sends what it likes: no pattern may go back and forth in it."""
    redaction = Redaction()
    start = time.process_time()
    for piece in PIECES:
        text = piece * (100_000 // len(piece))
        assert redaction.text(text)
    # A tenth of a second each would do; back and forth would be minutes.
    assert time.process_time() - start < 10
