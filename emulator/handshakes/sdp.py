"""Session descriptions and ICE candidates: text in, values out.

RFC 8866 (SDP), RFC 8839 (ICE in SDP), RFC 8122 (fingerprints). Malformed parts are left out.
"""

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Any, Literal

MAX_LINES = 5000
MAX_CANDIDATES = 500

Scope = Literal["mdns", "loopback", "private", "link", "public", "name"]


@dataclass(frozen=True)
class Candidate:
    """An ICE candidate."""

    type: str
    """``host``, ``srflx``, ``prflx`` or ``relay``."""
    protocol: str
    address: str
    port: str
    scope: Scope
    ufrag: str | None


@dataclass
class Description:
    """The parts of a session description that decide whether two peers can connect."""

    lines: int = 0
    media: list[str] = field(default_factory=list)
    """The kind of each ``m=`` section: ``application``, ``audio``, ``video``."""
    ufrags: list[str] = field(default_factory=list)
    fingerprints: list[str] = field(default_factory=list)
    setups: list[str] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)

    @property
    def has_data_channel(self) -> bool:
        """True if one of its sections is for data channels."""
        return "application" in self.media


_LISTS = {"ice-ufrag": "ufrags", "fingerprint": "fingerprints", "setup": "setups"}


def parse_sdp(text: str) -> Description:
    """Parse a session description."""
    found = Description()
    for line in re.split(r"\r\n|\n|\r", text, maxsplit=MAX_LINES):
        if not line:
            continue
        found.lines += 1
        if line.startswith("m="):
            found.media.append(line[2:].partition(" ")[0])
        elif line.startswith("a=candidate:"):
            candidate = parse_candidate(line)
            if candidate is not None and len(found.candidates) < MAX_CANDIDATES:
                found.candidates.append(candidate)
        elif line.startswith("a="):
            name, _, value = line[2:].partition(":")
            known: list[str] | None = getattr(found, _LISTS[name]) if name in _LISTS else None
            if known is not None and value and value.strip() not in known:
                known.append(value.strip())
    return found


def parse_candidate(line: str) -> Candidate | None:
    """Parse a candidate, with or without ``a=`` and ``candidate:``; None: it is not one."""
    text = line.strip().removeprefix("a=").removeprefix("candidate:")
    parts = text.split(maxsplit=60)
    if len(parts) < 8 or parts[6] != "typ":
        return None
    more = dict(zip(parts[8::2], parts[9::2], strict=False))
    return Candidate(
        type=parts[7],
        protocol=parts[2].lower(),
        address=parts[4],
        port=parts[5],
        scope=scope_of(parts[4]),
        ufrag=more.get("ufrag"),
    )


# Not `is_private` of the standard library: it counts addresses for documentation as well, and not
# those of carrier-grade NAT (RFC 6598).
_PRIVATE = [
    ipaddress.ip_network(each)
    for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
]


def scope_of(address: str) -> Scope:
    """Return the scope of an address or a name."""
    if address.lower().endswith(".local"):
        return "mdns"
    try:
        parsed: Any = ipaddress.ip_address(address)
    except ValueError:
        return "name"
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if parsed.is_loopback:
        return "loopback"
    if parsed.is_link_local:
        return "link"
    return "private" if any(parsed in each for each in _PRIVATE) else "public"
