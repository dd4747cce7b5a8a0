"""What a recording must not hold: secrets, ever, and addresses, unless they are asked for.

A redacted recording can still be analysed. An address becomes another one of its kind, private,
public, link-local or mDNS, and the same one everywhere in the recording; so do fingerprints.
Types of candidates, ports and ufrags stay, and so does everything about the shape of a text
but its length.
"""

import ipaddress
import re
from collections import Counter
from typing import Any

_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie"})
_SECRET_PARAMETERS = frozenset(
    {"session", "ticket", "token", "auth", "authorization", "access_token", "credential"}
)
_SECRET_MEMBERS = _SECRET_HEADERS | _SECRET_PARAMETERS | {"x-api-key"}

# What peers send is JSON text, in which a line break is the two characters \n: an address may
# stand right after one.
_STARTS = r"(?<=\\[nrt])|(?<=//)|(?<!["
_ADDRESS = re.compile(
    # A version such as Chrome/120.0.0.0 looks like an address; its slash tells.
    rf"(?:{_STARTS}\w./]))(?P<four>\d{{1,3}}(?:\.\d{{1,3}}){{3}})(?!\w|\.\d)"
    rf"|(?:{_STARTS}\w:]))(?P<six>(?:[0-9a-fA-F]{{0,4}}:){{2,7}}[0-9a-fA-F]{{0,4}})(?![\w:]|\.\d)"
    r"|(?P<mdns>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\.local)\b"
)
_FINGERPRINT = re.compile(r"(?<![\w:])[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){15,63}(?![\w:])")
_HOST_NAME = re.compile(
    r"(?P<before>\bIN IP[46] |\bcandidate:\S+ \d+ \w+ \d+ |\braddr )(?P<host>[^\s\"\\]+)"
)
_USER_NAME = re.compile(r"(?P<before>(?:\\[nr]|[\n\r\"]|^)o=)(?P<secret>(?!- )[^\s\"\\]+)(?= )")

_SECRETS = (
    re.compile(r"(?P<before>\bice-pwd:)(?P<secret>[^\\\s\"]+)"),
    re.compile(rf"(?P<before>[?&](?:{'|'.join(_SECRET_PARAMETERS)})=)(?P<secret>[^&\s\"\\]+)"),
    # In a message, as in {"iceServers": [{"credential": "…"}]}.
    re.compile(
        rf"(?P<before>\"(?:{'|'.join(_SECRET_PARAMETERS)}|password|icePwd)\"\s*:\s*\")"
        r"(?P<secret>(?:[^\"\\]|\\.)+)"
    ),
    # Three times base64url with dots between: a JSON Web Token, wherever it stands.
    re.compile(r"(?P<before>\b)(?P<secret>eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,})"),
)

# ASCII letters, digits, dots, hyphens and colons that somebody wrote as \u0031.
_ESCAPED = re.compile(r"(?<!\\)((?:\\\\)*)\\u00(2[de]|3[0-9aA]|[46][1-9a-fA-F]|[57][0-9aA])")

_PRIVATE = [
    ipaddress.ip_network(network)
    # RFC 1918; carriers' own (RFC 6598) are no more public than a living room's; RFC 4193.
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
]


class Redaction:
    """The pseudonyms of one recording; with ``keep_addresses`` only secrets are replaced."""

    def __init__(self, *, keep_addresses: bool = False) -> None:
        self._keep_addresses = keep_addresses
        self._known: dict[tuple[str, str], str] = {}
        self._counts: Counter[str] = Counter()

    def entry(self, value: Any) -> Any:
        """Return an entry of the trace, or any part of one, redacted."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.entry(item) for item in value]
        if isinstance(value, dict):
            return {key: self._member(key, item) for key, item in value.items()}
        return value

    def text(self, text: str) -> str:
        """Return a text, such as a message, redacted."""
        if "\\u00" in text:
            text = _ESCAPED.sub(lambda match: match[1] + chr(int(match[2], 16)), text)
        for pattern in _SECRETS:
            text = pattern.sub(self._secret, text)
        if self._keep_addresses:
            return text
        text = _USER_NAME.sub(self._secret, text)
        text = _HOST_NAME.sub(self._host_name, text)
        text = _FINGERPRINT.sub(lambda match: self._pseudonym("print", match[0].upper()), text)
        return _ADDRESS.sub(self._address, text)

    def _member(self, key: str, value: Any) -> Any:
        if key.lower() not in _SECRET_MEMBERS:
            return self.entry(value)
        if isinstance(value, str) and value:
            return self._pseudonym("secret", value)
        if isinstance(value, list):
            return [self._member(key, item) for item in value]
        return self.entry(value)

    def _secret(self, match: re.Match[str]) -> str:
        return match["before"] + self._pseudonym("secret", match["secret"])

    def _host_name(self, match: re.Match[str]) -> str:
        host = match["host"]
        if _ADDRESS.fullmatch(host) or "%" in host:
            return match[0]
        return match["before"] + self._pseudonym("name", host.lower())

    def _address(self, match: re.Match[str]) -> str:
        found = match[0]
        if match["mdns"]:
            return self._pseudonym("mdns", found.lower())
        try:
            address = ipaddress.ip_address(found)
        except ValueError:
            # A time of day has colons too.
            return found
        if address.is_loopback or address.is_unspecified:
            # They say nothing of anybody.
            return found
        kind = "public"
        if address.is_link_local:
            kind = "link"
        elif any(address in network for network in _PRIVATE):
            kind = "private"
        return self._pseudonym(f"{kind}{address.version}", str(address))

    def _pseudonym(self, kind: str, original: str) -> str:
        known = self._known.get((kind, original))
        if known is None:
            self._counts[kind] += 1
            known = self._known[kind, original] = _pseudonym(kind, self._counts[kind])
        return known


def _pseudonym(kind: str, number: int) -> str:
    """Return an address of a kind that is nobody's, where there are such (RFC 5737, RFC 3849)."""
    high, low = divmod(number % 65536, 256)
    match kind:
        case "secret":
            # Long enough for a session, so that it can be replayed.
            return f"redacted-{number}"
        case "name":
            return f"host-{number}.invalid"
        case "mdns":
            return f"00000000-0000-4000-8000-{number:012x}.local"
        case "print":
            return "00:" * 30 + f"{high:02X}:{low:02X}"
        case "private4":
            return f"10.0.{high}.{low}"
        case "link4":
            return f"169.254.{high}.{low}"
        case "public4":
            return f"198.51.{high}.{low}"
        case "private6":
            return f"fd00::{number:x}"
        case "link6":
            return f"fe80::{number:x}"
        case _:
            return f"2001:db8::{number:x}"
