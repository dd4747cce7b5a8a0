"""What a recording must not hold: addresses, ICE passwords, sessions, credentials.

A redacted recording can still be analysed: an address becomes another one of its kind, the
same everywhere in the recording; ufrags and types of candidates stay.
"""

import ipaddress
import re
from collections import Counter
from typing import Any

_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
_SECRET_PARAMETERS = frozenset({"session", "ticket", "token", "access_token"})
_REDACTED = "redacted"

# A version such as Chrome/120.0.0.0 looks like an address; its slash tells.
_ADDRESS = re.compile(
    r"(?<![\w./:])(?P<four>\d{1,3}(?:\.\d{1,3}){3})(?![\w.]*\.\d)(?!\w)"
    r"|(?<![\w:])(?P<six>(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4})(?![\w:])"
    r"|\b(?P<mdns>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\.local)\b"
)
_PASSWORD = re.compile(r"(a=ice-pwd:)[^\\\s\"]+")
_FINGERPRINT = re.compile(r"(?<![\w:])[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){15,63}(?![\w:])")


class Redaction:
    """The pseudonyms of one recording."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

    def entry(self, value: Any) -> Any:
        """Return an entry, or any part of one, without what identifies people or devices."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.entry(item) for item in value]
        if isinstance(value, dict):
            return {key: self._member(key, item) for key, item in value.items()}
        return value

    def _member(self, key: str, value: Any) -> Any:
        lower = key.lower()
        if lower in _SECRET_HEADERS or lower in _SECRET_PARAMETERS:
            return [_REDACTED] if isinstance(value, list) else _REDACTED
        return self.entry(value)

    def text(self, text: str) -> str:
        """Return a text with other addresses and fingerprints, and without passwords."""
        text = _PASSWORD.sub(rf"\1{_REDACTED}", text)
        text = _FINGERPRINT.sub(lambda match: self._pseudonym(match[0].upper(), "print"), text)
        return _ADDRESS.sub(self._address, text)

    def _address(self, match: re.Match[str]) -> str:
        found = match[0]
        if match["mdns"]:
            return self._pseudonym(found.lower(), "mdns")
        try:
            address = ipaddress.ip_address(found)
        except ValueError:
            return found
        # Neither says anything of anybody.
        if address.is_loopback or address.is_unspecified:
            return found
        kind = "private" if address.is_private else "public"
        if address.is_link_local:
            kind = "link"
        return self._pseudonym(str(address), f"{kind}{address.version}")

    def _pseudonym(self, original: str, kind: str) -> str:
        known = self._known.get(original)
        if known is None:
            self._counts[kind] += 1
            known = self._known[original] = _pseudonym(kind, self._counts[kind])
        return known


_PREFIXES = {
    "private4": "10.0.",
    "public4": "198.51.",
    "link4": "169.254.",
    "private6": "fd00:",
    "public6": "2001:db8:",
    "link6": "fe80:",
}
"""Addresses for documentation (RFC 5737, RFC 3849) where the kind has some."""


def _pseudonym(kind: str, number: int) -> str:
    high, low = divmod(number % 65536, 256)
    match kind:
        case "mdns":
            return f"00000000-0000-4000-8000-{number:012x}.local"
        case "print":
            return "00:" * 30 + f"{high:02X}:{low:02X}"
        case _ if kind.endswith("4"):
            return f"{_PREFIXES[kind]}{high}.{low}"
        case _:
            return f"{_PREFIXES[kind]}:{number:x}"
