"""What a recording must not hold."""

import json

import pytest

from poker_signal.emulator.inspector.redaction import Redaction


@pytest.mark.parametrize(
    ("secret", "pseudonym"),
    [
        ("192.168.1.23", "10.0.0.1"),
        ("8.8.4.4", "198.51.0.1"),
        ("169.254.3.4", "169.254.0.1"),
        ("2a02:8108:1::7", "2001:db8::1"),
        ("fd12:3456::9", "fd00::1"),
        ("fe80::aaaa:1", "fe80::1"),
        ("2a02:8108:0:1:2:3:4:5", "2001:db8::1"),
        (
            "5a1b2c3d-1111-4222-8333-444455556666.local",
            "00000000-0000-4000-8000-000000000001.local",
        ),
    ],
    ids=["private", "public", "link", "six", "six-private", "six-link", "six-full", "mdns"],
)
def test_an_address_becomes_another_of_its_kind(secret: str, pseudonym: str) -> None:
    """The same one everywhere; the analysis still sees what it was."""
    line = f"a=candidate:1 1 udp 2113937151 {secret} 54321 typ host ufrag abcd"
    redaction = Redaction()
    assert redaction.text(line) == line.replace(secret, pseudonym)
    assert redaction.entry([{"address": secret}, secret]) == [{"address": pseudonym}, pseudonym]


def test_different_addresses_stay_different() -> None:
    """Two candidates are two."""
    told = Redaction().text("192.168.1.1 192.168.1.2 192.168.1.1")
    assert told == "10.0.0.1 10.0.0.2 10.0.0.1"


@pytest.mark.parametrize(
    "harmless",
    [
        "Mozilla/5.0 Chrome/120.0.0.0 Safari/537.36",
        "18:23:27.396",
        "127.0.0.1 and ::1 and 0.0.0.0",
        "09/Feb/2024:18:23:28 +0000",
        "1.2.3.4.5",
        "a=group:BUNDLE 0",
    ],
)
def test_what_only_looks_like_an_address_stays(harmless: str) -> None:
    """Loopback says nothing of anybody."""
    assert Redaction().text(harmless) == harmless


def test_passwords_and_fingerprints_go_wherever_they_are() -> None:
    """Also within JSON within JSON."""
    sdp = (
        f"a=ice-pwd:s3cr3t+/x\r\na=fingerprint:sha-256 {':'.join(['AB'] * 32)}\r\na=ice-ufrag:u\r\n"
    )
    told = Redaction().entry({"body": json.dumps({"payload": {"sdp": sdp}})})
    inner = json.loads(told["body"])["payload"]["sdp"]
    assert "s3cr3t" not in inner
    assert "AB:AB" not in inner
    assert inner.startswith("a=ice-pwd:redacted\r\na=fingerprint:sha-256 00:00:")
    assert inner.endswith("a=ice-ufrag:u\r\n")


def test_credentials_of_a_handshake_go() -> None:
    """In single and in multiple values."""
    told = Redaction().entry(
        {
            "headers": {"Authorization": "Bearer x", "Cookie": "a=b", "Host": "h"},
            "multiValueHeaders": {"cookie": ["a=b"]},
            "queryStringParameters": {"session": "secret", "playerId": "Alice"},
            "n": 7,
        }
    )
    assert told == {
        "headers": {"Authorization": "redacted", "Cookie": "redacted", "Host": "h"},
        "multiValueHeaders": {"cookie": ["redacted"]},
        "queryStringParameters": {"session": "redacted", "playerId": "Alice"},
        "n": 7,
    }
