"""Redaction of recordings: secrets are always replaced, addresses unless the user keeps them.

A redacted recording can still be analysed. An address is replaced by another one of its kind
(private, public, link-local or mDNS), and by the same one everywhere in the recording. So are
fingerprints. Types of candidates, ports and ufrags stay, and so does the structure of a text, but
not its length.
"""

import ipaddress
import re
from collections import Counter
from typing import Any

_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie"})
_SECRET_PARAMETERS = frozenset(
    {"session", "ticket", "token", "auth", "authorization", "access_token", "credential"}
)
_GATEWAYS_OWN = frozenset(
    {"kind", "at", "n", "connectionId", "requestId", "extendedRequestId", "messageId", "apiId"}
    | {"requestTime", "routeKey", "eventType", "messageDirection", "stage"}
)
"""Members that contain no data of a peer."""
_SECRET_MEMBERS = _SECRET_HEADERS | _SECRET_PARAMETERS | {"x-api-key"}

# A recording is written during games, so redaction must be fast: each pattern starts with a rare
# character or literal, and is tried only on texts with a certain part. The inspector's page uses
# the same patterns (rules_for_page): \w stands in brackets; no \b, \A, \Z and no escaped quotes.
_FOUR = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![\w]|\.[0-9])"
_SIX = (
    r"(?:[0-9a-fA-F]{1,4}:(?:[0-9a-fA-F]{0,4}:){1,7}|::(?:[0-9a-fA-F]{0,4}:){0,6})[0-9a-fA-F]{0,4}"
    r"(?![\w:]|\.[0-9])"
)
_MDNS = (
    # An escape sequence of JSON before the name is not part of it.
    r"(?:(?P<escape>\\(?:u[0-9a-fA-F]{4}|[\w]))|(?<!\\))(?P<name>[\w-]{1,63}\.local)(?![\w])"
)
_WORD = r"""[^\s"\\]+"""
_AFTER_SLASHES = r"""[^\s"'\\/:?#@\[\]<>(),;]+"""
_DOTTED = r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
_SLASHES = r":\\{0,8}/\\{0,8}/"
"""Within JSON, slashes may be escaped; within nested JSON, repeatedly."""
_LOGIN = r"""[^\s"\\/@]{1,200}"""
"""User name and password in a URL."""
_PARAMETERS = "|".join(sorted(_SECRET_PARAMETERS))
_MEMBERS = f"{_PARAMETERS}|password|icePwd"

_RULES = {
    "fingerprint": r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){15,63}(?![\w:])",
    "four": _FOUR,
    "mdns": _MDNS,
    "six": _SIX,
    "address": f"{_FOUR}|{_SIX}|{_MDNS}",
    "userName": r"""o=(?P<name>(?!- )[^\s"\\]{1,200})(?= [0-9]+ [0-9]+ IN )""",
    # ASCII letters, digits, dots, hyphens and colons that are written as an escape such as \u0031.
    "escaped": r"(?<!\\)((?:\\\\)*)\\u00(2[de]|3[0-9aA]|[46][1-9a-fA-F]|[57][0-9aA])",
}
_SECRETS_IN_TEXT: list[tuple[str, str]] = [
    ("ice-pwd:", rf"(?P<before>ice-pwd:)(?P<secret>{_WORD})"),
    ("=", rf"""(?P<before>[?&](?:{_PARAMETERS})=)(?P<secret>[^&\s"\\]+)"""),
    ("@", rf"(?P<before>{_SLASHES})(?P<secret>{_LOGIN})(?=@)"),
    # In a message, as in {"iceServers": [{"credential": "…"}]}.
    (
        '":',
        rf"""(?P<before>"(?:{_MEMBERS})"\s*:\s*")(?P<secret>(?:[^"\\]|\\[^\n])+)""",
    ),
    # The same in JSON within JSON: all these quotes have the same number of backslashes before
    # them; a quote that is part of the secret has more.
    (
        '\\":',
        rf"""(?P<before>(?P<many>\\{{1,31}})"(?:{_MEMBERS})(?P=many)"\s*:\s*(?P=many)")"""
        r"""(?P<secret>(?:[^"\\]|(?!(?P=many)")\\{1,63}(?!\\)"?)+)""",
    ),
    # A JSON Web Token in any place: three parts in base64url, joined by dots.
    ("eyJ", r"(?P<before>)(?<![\w-])(?P<secret>eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,})"),
]
_HOST_NAMES: list[tuple[str, str]] = [
    (needle, f"(?P<before>{before})(?P<host>{host})")
    for needle, before, host in (
        ("IN IP", "IN IP[46] ", _WORD),
        ("candidate:", r"candidate:\S{1,64} [0-9]+ [\w]+ [0-9]+ ", _WORD),
        ("raddr ", "raddr ", _WORD),
        ("turn", "turns?:", _DOTTED),
        ("stun", "stuns?:", _DOTTED),
        ("/", f"{_SLASHES}(?:{_LOGIN}@)?", _AFTER_SLASHES),
    )
]
"""Places of host names in a text: a substring to search for, and then the pattern."""
_PSEUDONYMS = {
    # Long enough for a session, so that the recording can be replayed.
    "secret": "redacted-{number}",
    "name": "host-{number}.invalid",
    "mdns": "00000000-0000-4000-8000-{twelve}.local",
    "print": "00:" * 30 + "{HIGH}:{LOW}",
    "private4": "10.0.{high}.{low}",
    "link4": "169.254.{high}.{low}",
    "public4": "198.51.{high}.{low}",
    "private6": "fd00::{hex}",
    "link6": "fe80::{hex}",
    "public6": "2001:db8::{hex}",
}
"""Formats by kind. Addresses belong to no machine where possible (RFC 5737, RFC 3849)."""


def rules_for_page() -> dict[str, Any]:
    """Return the rules for texts for page/redact.js, with patterns in JavaScript's syntax."""

    def translated(pattern: str) -> str:
        pattern = pattern.replace("(?P<", "(?<").replace("(?P=many)", r"\k<many>")
        return pattern.replace(r"\w", r"\p{L}\p{N}_")

    return {
        "patterns": {name: translated(pattern) for name, pattern in _RULES.items()},
        "secrets": [(needle, translated(pattern)) for needle, pattern in _SECRETS_IN_TEXT],
        "hostNames": [(needle, translated(pattern)) for needle, pattern in _HOST_NAMES],
        "pseudonyms": _PSEUDONYMS,
    }


_FIND = {name: re.compile(pattern) for name, pattern in _RULES.items()}
_FIND_SECRETS = [(needle, re.compile(pattern)) for needle, pattern in _SECRETS_IN_TEXT]
_FIND_HOST_NAMES = [(needle, re.compile(pattern)) for needle, pattern in _HOST_NAMES]
_TWO_COLONS = re.compile(":[0-9a-fA-F]{0,4}:")
"""Part of each fingerprint and IPv6 address, and found a hundred times as fast as those."""
_AUTHORITY = re.compile(r"\A(?P<before>)(?P<host>[^\s:/\[\]]+)(?=(?::\d+)?\Z)")

_PRIVATE = [
    ipaddress.ip_network(network)
    # RFC 1918; RFC 6598 (carrier-grade NAT, which is not public either); RFC 4193.
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
]


class Redaction:
    """The pseudonyms of one recording; with ``keep_addresses`` only secrets are replaced."""

    def __init__(self, *, keep_addresses: bool = False) -> None:
        self._keep_addresses = keep_addresses
        self._known: dict[tuple[str, str], str] = {}
        self._addresses: dict[str, str] = {}
        """Pseudonyms by the address as it was written."""
        self._counts: Counter[str] = Counter()

    def entry(self, value: Any) -> Any:
        """Return a redacted copy of a trace entry, or of any part of one."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.entry(item) for item in value]
        if isinstance(value, dict):
            return {key: self._member(key, item) for key, item in value.items()}
        return value

    def text(self, text: str) -> str:
        """Return a redacted copy of a text, such as a message."""
        if "\\u00" in text:
            text = _FIND["escaped"].sub(lambda match: match[1] + chr(int(match[2], 16)), text)
        for needle, pattern in _FIND_SECRETS:
            if needle in text:
                text = pattern.sub(self._secret, text)
        return text if self._keep_addresses else self._without_addresses(text)

    def _without_addresses(self, text: str) -> str:
        if "o=" in text:
            text = _FIND["userName"].sub(self._user_name, text)
        for needle, pattern in _FIND_HOST_NAMES:
            if needle in text:
                text = pattern.sub(self._host_name, text)
        has_groups = _TWO_COLONS.search(text) is not None
        if has_groups:
            text = _FIND["fingerprint"].sub(self._fingerprint, text)
        if text.count(".") > 2:
            text = _FIND["four"].sub(self._four, text)
        if ".local" in text:
            text = _FIND["mdns"].sub(self._mdns_name, text)
        return _FIND["six"].sub(self._six, text) if has_groups else text

    def _member(self, key: str, value: Any) -> Any:
        if key in _GATEWAYS_OWN:
            return value
        if key == "domainName":
            return self._authority(value)
        if key in {"headers", "multiValueHeaders"} and isinstance(value, dict):
            return {name: self._header(name, item) for name, item in value.items()}
        if key.lower() not in _SECRET_MEMBERS:
            return self.entry(value)
        if isinstance(value, str) and value:
            return self._pseudonym("secret", value)
        if isinstance(value, list):
            return [self._member(key, item) for item in value]
        return self.entry(value)

    def _header(self, name: str, value: Any) -> Any:
        if name.lower() != "host":
            return self._member(name, value)
        if isinstance(value, list):
            return [self._authority(item) for item in value]
        return self._authority(value)

    def _authority(self, value: Any) -> Any:
        """Return a redacted copy of a host name, which may have a port."""
        if isinstance(value, str) and not self._keep_addresses:
            value = _AUTHORITY.sub(self._host_name, value)
        return self.entry(value)

    def _secret(self, match: re.Match[str]) -> str:
        return match["before"] + self._pseudonym("secret", match["secret"])

    def _user_name(self, match: re.Match[str]) -> str:
        if _continues(match) or _before(match, 1) == "=":
            return match[0]
        return "o=" + self._pseudonym("secret", match["name"])

    def _host_name(self, match: re.Match[str]) -> str:
        host = match["host"].lower()
        if _FIND["address"].fullmatch(host) or "%" in host or host == "localhost":
            return match[0]
        # The URL that names an RTP header extension is public.
        if "extmap:" in _before(match, 30):
            return match[0]
        return match["before"] + self._pseudonym("name", host)

    def _mdns_name(self, match: re.Match[str]) -> str:
        return (match["escape"] or "") + self._pseudonym("mdns", match["name"].lower())

    def _fingerprint(self, match: re.Match[str]) -> str:
        head, found = _without_word(match)
        is_one = not head or _FIND["fingerprint"].fullmatch(found)
        return head + (self._pseudonym("print", found.upper()) if is_one else found)

    def _four(self, match: re.Match[str]) -> str:
        found = match[0]
        before = _before(match, 2)
        # A version such as Chrome/120.0.0.0 looks like an address, but has a slash and zeros.
        is_version = before[1:] == "/" and before[:1].isalpha() and found.endswith(".0.0")
        if is_version or before.endswith(".") or _continues(match):
            return found
        return self._address(found)

    def _six(self, match: re.Match[str]) -> str:
        head, found = _without_word(match)
        return head + self._address(found)

    def _address(self, found: str) -> str:
        known = self._addresses.get(found)
        if known is None:
            known = self._addresses[found] = self._other_address(found)
        return known

    def _other_address(self, found: str) -> str:
        try:
            address = ipaddress.ip_address(found)
        except ValueError:
            # No address: a time of day has colons as well.
            return found
        if address.is_loopback or address.is_unspecified:
            # Addresses that identify no machine.
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


def _continues(match: re.Match[str]) -> bool:
    """Return whether a match is the end of a longer word."""
    before = _before(match, 2)
    if not before or before in {"\\n", "\\r", "\\t"}:
        return False
    return before[-1].isalnum() or before[-1] == "_"


def _without_word(match: re.Match[str]) -> tuple[str, str]:
    """Split the end of a word and its colon off a match, as in ``id:2001:db8::1``."""
    if not _continues(match):
        return "", match[0]
    word, colon, found = match[0].partition(":")
    return word + colon, found


def _before(match: re.Match[str], count: int) -> str:
    return match.string[max(match.start() - count, 0) : match.start()]


def _pseudonym(kind: str, number: int) -> str:
    high, low = divmod(number % 65536, 256)
    return _PSEUDONYMS[kind].format(
        number=number,
        hex=f"{number:x}",
        twelve=f"{number:012x}",
        high=high,
        low=low,
        HIGH=f"{high:02X}",
        LOW=f"{low:02X}",
    )
