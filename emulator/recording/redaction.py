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
_GATEWAYS_OWN = frozenset(
    {"kind", "at", "n", "connectionId", "requestId", "extendedRequestId", "messageId", "apiId"}
    | {"requestTime", "routeKey", "eventType", "messageDirection", "stage"}
)
"""Members that hold nothing of a peer's."""
_SECRET_MEMBERS = _SECRET_HEADERS | _SECRET_PARAMETERS | {"x-api-key"}

# Each pattern starts with a character or a literal that is rare, and is tried only where a text
# has a certain part: a recording is written while others play.
_FOUR = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)")
_SIX = re.compile(
    r"(?:[0-9a-fA-F]{1,4}:(?:[0-9a-fA-F]{0,4}:){1,7}|::(?:[0-9a-fA-F]{0,4}:){0,6})[0-9a-fA-F]{0,4}"
    r"(?![\w:]|\.\d)"
)
_TWO_COLONS = re.compile(":[0-9a-fA-F]{0,4}:")
"""Nothing has groups without it, and it is looked for a hundred times as fast."""
_MDNS = re.compile(
    # What follows a backslash in JSON is no part of the name.
    r"(?:(?P<escape>\\(?:u[0-9a-fA-F]{4}|\w))|(?<!\\))(?P<name>[\w-]{1,63}\.local)\b"
)
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){15,63}(?![\w:])")
_WORD = r"[^\s\"\\]+"
_AFTER_SLASHES = r"[^\s\"'\\/:?#@\[\]<>(),;]+"
_DOTTED = r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
_SLASHES = r":\\{0,8}/\\{0,8}/"
"""Within JSON they may be escaped, and that again."""
_HOST_NAMES = tuple(
    (needle, re.compile(rf"(?P<before>{before})(?P<host>{host})"))
    for needle, before, host in (
        ("IN IP", r"IN IP[46] ", _WORD),
        ("candidate:", r"candidate:\S{1,64} \d+ \w+ \d+ ", _WORD),
        ("raddr ", r"raddr ", _WORD),
        ("turn", r"turns?:", _DOTTED),
        ("stun", r"stuns?:", _DOTTED),
        ("://", rf"{_SLASHES}(?:[^\s\"\\/@]{{1,200}}@)?", _AFTER_SLASHES),
        (":\\", rf"{_SLASHES}(?:[^\s\"\\/@]{{1,200}}@)?", _AFTER_SLASHES),
    )
)
"""Where a name of a host stands in a text."""
_AUTHORITY = re.compile(r"\A(?P<before>)(?P<host>[^\s:/\[\]]+)(?=(?::\d+)?\Z)")
_ADDRESS = re.compile(rf"{_FOUR.pattern}|{_SIX.pattern}|{_MDNS.pattern}")

_PARAMETERS = "|".join(_SECRET_PARAMETERS)
_SECRETS = (
    ("ice-pwd:", re.compile(r"(?P<before>ice-pwd:)(?P<secret>[^\\\s\"]+)")),
    ("=", re.compile(rf"(?P<before>[?&](?:{_PARAMETERS})=)(?P<secret>[^&\s\"\\]+)")),
    # Name and password in a URL.
    ("@", re.compile(rf"(?P<before>{_SLASHES})(?P<secret>[^\s\"\\/@]{{1,200}})(?=@)")),
    # In a message, as in {"iceServers": [{"credential": "…"}]}.
    (
        '":',
        re.compile(
            rf"(?P<before>\"(?:{_PARAMETERS}|password|icePwd)\"\s*:\s*\")"
            r"(?P<secret>(?:[^\"\\]|\\.)+)"
        ),
    ),
    # Three times base64url with dots between: a JSON Web Token, wherever it stands.
    ("eyJ", re.compile(r"(?P<before>)(?<![\w-])(?P<secret>eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,})")),
)
_USER_NAME = re.compile(r"o=(?P<name>(?!- )[^\s\"\\]{1,200})(?= \d+ \d+ IN )")

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
        self._addresses: dict[str, str] = {}
        """By how they were written."""
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
        for needle, pattern in _SECRETS:
            if needle in text:
                text = pattern.sub(self._secret, text)
        return text if self._keep_addresses else self._without_addresses(text)

    def _without_addresses(self, text: str) -> str:
        if "o=" in text:
            text = _USER_NAME.sub(self._user_name, text)
        for needle, pattern in _HOST_NAMES:
            if needle in text:
                text = pattern.sub(self._host_name, text)
        has_groups = _TWO_COLONS.search(text) is not None
        if has_groups:
            text = _FINGERPRINT.sub(self._fingerprint, text)
        if text.count(".") > 2:
            text = _FOUR.sub(self._four, text)
        if ".local" in text:
            text = _MDNS.sub(self._mdns_name, text)
        return _SIX.sub(self._six, text) if has_groups else text

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
        """Return a host, perhaps with a port, redacted."""
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
        if _ADDRESS.fullmatch(host) or "%" in host or host == "localhost":
            return match[0]
        # A header extension of RTP is named by a URL, which is nobody's.
        if "extmap:" in _before(match, 30):
            return match[0]
        return match["before"] + self._pseudonym("name", host)

    def _mdns_name(self, match: re.Match[str]) -> str:
        return (match["escape"] or "") + self._pseudonym("mdns", match["name"].lower())

    def _fingerprint(self, match: re.Match[str]) -> str:
        head, found = _without_word(match)
        is_one = not head or _FINGERPRINT.fullmatch(found)
        return head + (self._pseudonym("print", found.upper()) if is_one else found)

    def _four(self, match: re.Match[str]) -> str:
        found = match[0]
        before = _before(match, 2)
        # A version such as Chrome/120.0.0.0 looks like an address; slash and zeros tell.
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


def _continues(match: re.Match[str]) -> bool:
    """Tell whether what was found is the end of a longer word."""
    before = _before(match, 2)
    if not before or before in {"\\n", "\\r", "\\t"}:
        return False
    return before[-1].isalnum() or before[-1] == "_"


def _without_word(match: re.Match[str]) -> tuple[str, str]:
    """Split off the end of a word and its colon, as in ``id:2001:db8::1``."""
    if not _continues(match):
        return "", match[0]
    word, colon, found = match[0].partition(":")
    return word + colon, found


def _before(match: re.Match[str], count: int) -> str:
    return match.string[max(match.start() - count, 0) : match.start()]


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
