"""Redaction of recordings: secrets are always replaced, addresses unless the user keeps them.

A redacted recording can still be analysed. An address is replaced by another one of its kind
(private, public, link-local or mDNS), and by the same one everywhere in the recording. So are
fingerprints. Types of candidates, ports and ufrags stay, and so does the structure of a text, but
not its length.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
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

# Anyone who can send a message can send any text, so that each pattern takes linear time: it begins
# with a rare character or literal, and where a repetition follows, no position can be reached from
# many beginnings (a look-behind, or a delimiter that the repetition excludes). It is tried only on
# texts with a certain part. The inspector's page uses the same patterns (rules_for_page): \w stands
# in brackets; no \b, \A, \Z, no possessive repetition and no escaped quotes.
_FOUR = r"[0-9]{1,3}(?:\.[0-9]{1,3}){3,250}(?![0-9])"
"""An IPv4 address, or a longer chain of numbers that may hold one."""
_GROUPS = r"[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,250}"
"""A chain of groups: an IPv6 address, a fingerprint, or a time of day."""
_MDNS = (
    # An escape sequence of JSON before the name is not part of it.
    r"(?:(?P<escape>\\(?:u[0-9a-fA-F]{4}|[\w]))|(?<![\w\\-]))(?P<name>[\w-]+\.local)(?![\w])"
)
_WORD = r"""[^\s"\\]+"""
_AFTER_SLASHES = r"""[^\s"'\\/:?#@\[\]<>(),;]+"""
_DOTTED = r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}"
_SLASHES = r":\\{0,63}/\\{0,63}/"
"""Within JSON, slashes may be escaped; within nested JSON, repeatedly."""
_LOGIN = r"""[^\s"\\/@]{1,200}"""
"""User name and password in a URL."""
_PARAMETERS = "|".join(sorted(_SECRET_PARAMETERS))
_MEMBERS = f"{_PARAMETERS}|password|icePwd|accessToken|macKey"

_RULES = {
    "four": _FOUR,
    "mdns": _MDNS,
    "groups": _GROUPS,
    "address": f"{_FOUR}|{_GROUPS}|{_MDNS}",
    "userName": (
        r"""(?:(?<![^\s"])|(?<=\\[nrt]))o=(?P<name>(?!- )[^\s"\\]{1,200})(?= [0-9]+ [0-9]+ IN )"""
    ),
    # ASCII letters, digits, dots, hyphens and colons that are written as an escape such as \u0031.
    "escaped": r"(?<!\\)((?:\\\\)*)\\u00(2[de]|3[0-9aA]|[46][1-9a-fA-F]|[57][0-9aA])",
    # Dots and colons in a URL.
    "percent": "%(2[eE]|3[aA])",
}


def _quoted(quote: str) -> str:
    """Return the pattern of a secret member whose quotes are not escaped."""
    return (
        rf"(?P<before>{quote}(?:{_MEMBERS}){quote}\s*:\s*{quote})"
        rf"(?P<secret>(?=[^{quote}\\]|\\[^\n])[^{quote}\\]*(?:\\[^\n][^{quote}\\]*)*)"
    )


_SECRETS_IN_TEXT: list[tuple[str, str]] = [
    ("ice-pwd:", rf"(?P<before>ice-pwd:)(?P<secret>{_WORD})"),
    ("=", rf"""(?P<before>[?&](?:{_PARAMETERS})=)(?P<secret>[^&\s"\\]+)"""),
    ("@", rf"(?P<before>{_SLASHES})(?P<secret>{_LOGIN})(?=@)"),
    # In a message, as in {"iceServers": [{"credential": "…"}]}, and in Python's words of it.
    ('"', _quoted('"')),
    ("'", _quoted("'")),
    # The same in JSON within JSON: all these quotes have the same number of backslashes before
    # them; a quote that is part of the secret has more.
    (
        '\\"',
        rf"""(?P<before>(?<!\\)(?P<many>\\+)"(?:{_MEMBERS})(?P=many)"\s*:\s*(?P=many)")"""
        r"""(?P<secret>(?=[^"\\]|(?!(?P=many)")\\)"""
        r"""[^"\\]*(?:(?!(?P=many)")\\+(?!\\)"?[^"\\]*)*)""",
    ),
    # A JSON Web Token in any place: parts in base64url, joined by dots. The last one may be empty.
    ("eyJ", r"(?P<before>)(?<![\w-])(?P<secret>eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?)"),
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
SLICE = 8192
"""Characters that a pattern searches without a break."""
REACH = 4096
"""Characters that a match may need after its beginning, to be one. What it takes is not limited."""
MAX_KNOWN = 20_000
"""Most originals whose pseudonyms are remembered; an older one gets another pseudonym."""
MAX_ORIGINAL = 64
"""Most characters of an original that is remembered itself; of a longer one, a digest is."""
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
"""Part of each chain of groups, and found a hundred times as fast."""
_BACKSLASHES = "\\" * 512
_WORD_CHARACTER = re.compile(r"[\w]")

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
        self.pause: Callable[[], object] = lambda: None
        """Called about every 0.3 ms of work: a thread must not keep the interpreter's lock."""
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
            text = self._sub("escaped", text, lambda match: match[1] + chr(int(match[2], 16)))
        if "%" in text:
            text = self._sub("percent", text, lambda match: chr(int(match[1], 16)))
        for needle, pattern in _FIND_SECRETS:
            if needle in text:
                text = self._sub(pattern, text, self._secret)
        return text if self._keep_addresses else self._without_addresses(text)

    def _without_addresses(self, text: str) -> str:
        if "o=" in text:
            text = self._sub("userName", text, self._user_name)
        for needle, pattern in _FIND_HOST_NAMES:
            if needle in text:
                text = self._sub(pattern, text, self._host_name)
        if text.count(".") > 2:
            text = self._sub("four", text, self._four)
        if ".local" in text:
            text = self._sub("mdns", text, self._mdns_name)
        if self._has_groups(text):
            text = self._sub("groups", text, self._groups)
        return text

    def _has_groups(self, text: str) -> bool:
        for start in range(0, len(text), SLICE):
            self.pause()
            if _TWO_COLONS.search(text, start, start + SLICE + 8) is not None:
                return True
        return False

    def _sub(
        self, rule: str | re.Pattern[str], text: str, replace: Callable[[re.Match[str]], str]
    ) -> str:
        """Replace all matches, as ``re.sub`` does, with breaks.

        ``re`` keeps the interpreter's lock during a call: a long text is searched in slices.
        """
        pattern = _FIND[rule] if isinstance(rule, str) else rule

        def replaced(match: re.Match[str]) -> str:
            self.pause()
            return replace(match)

        self.pause()
        if len(text) <= SLICE or _BACKSLASHES in text:
            return pattern.sub(replaced, text)
        parts: list[str] = []
        done = start = 0
        while start < len(text):
            self.pause()
            end = min(start + SLICE + REACH, len(text))
            match = pattern.search(text, start, end)
            if match is None or match.start() >= start + SLICE:
                start += SLICE
                continue
            if match.end() > end - 8:
                # It may go on after the slice.
                match = pattern.match(text, match.start()) or match
            parts += text[done : match.start()], replaced(match)
            done = start = match.end()
        parts.append(text[done:])
        return "".join(parts)

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

    def _four(self, match: re.Match[str]) -> str:
        found = match[0]
        before = _before(match, 2)
        # A version such as Chrome/120.0.0.0 looks like an address, but has a slash and zeros.
        if before[1:] == "/" and before[:1].isalpha() and found.endswith(".0.0"):
            return found
        numbers = found.split(".")
        if len(numbers) == 4:
            return self._address(found)
        # With a number before or after the address, the whole chain is replaced.
        fours = (".".join(numbers[start : start + 4]) for start in range(len(numbers) - 3))
        return self._pseudonym("public4", found) if any(map(_is_address, fours)) else found

    def _groups(self, match: re.Match[str]) -> str:
        """Replace the address or the fingerprints in a chain of groups."""
        head, found = _without_word(match)
        if found.startswith(":") and not found.startswith("::"):
            head, found = head + ":", found[1:]
        tail = ""
        if found.endswith(":") and not found.endswith("::"):
            found, tail = found[:-1], ":"
        groups = found.split(":")
        if len(groups) > 15 and (prints := self._fingerprints(groups)) is not None:
            return head + prints + tail
        # The rest of a word, or of an IPv4 address, that was replaced before.
        after = match.string[match.end() : match.end() + 2]
        if not tail and (_continues_after(after)):
            return match[0]
        if len(groups) > 9 or (len(groups) > 8 and "" not in groups):
            # Too many for an address: there may be one with a number before or after it.
            return head + self._pseudonym("public6", found) + tail if any(groups) else match[0]
        return head + self._address(found) + tail

    def _fingerprints(self, groups: list[str]) -> str | None:
        """Replace each run of at least 16 bytes; None: there is none."""
        found: list[str] = []
        run: list[str] = []
        is_one = False
        for group in [*groups, ""]:
            if len(group) == 2:
                run.append(group)
                continue
            if len(run) > 15:
                is_one = True
                found.append(self._pseudonym("print", ":".join(run).upper()))
            else:
                found += run
            run = []
            found.append(group)
        return ":".join(found[:-1]) if is_one else None

    def _address(self, found: str) -> str:
        known = self._addresses.get(found)
        if known is None:
            known = self._addresses[found] = self._other_address(found)
            if len(self._addresses) > MAX_KNOWN:
                del self._addresses[next(iter(self._addresses))]
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
        if len(original) > MAX_ORIGINAL:
            original = sha256(original.encode(errors="surrogatepass")).hexdigest()
        known = self._known.get((kind, original))
        if known is None:
            self._counts[kind] += 1
            known = self._known[kind, original] = _pseudonym(kind, self._counts[kind])
            if len(self._known) > MAX_KNOWN:
                del self._known[next(iter(self._known))]
        return known


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _continues_after(after: str) -> bool:
    """Return whether a chain of groups is followed by the rest of a word or of a number."""
    if after[:1] == ".":
        return "0" <= after[1:] <= "9"
    return after[:1] != "_" and _WORD_CHARACTER.match(after) is not None


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
