"""Who may look: this machine, in a page of our own.

The inspector shows players' addresses, and can close connections. Everybody's browser reaches
127.0.0.1, whatever page is open in it, so it is not enough to listen there: a page elsewhere
must neither read (DNS rebinding: its own name, resolved to 127.0.0.1) nor write (a form).
"""

import ipaddress
from urllib.parse import urlsplit

from poker_signal.emulator.http import Answer, Request, error

OWN_HEADER = "X-Poker-Signal-Inspector"
"""What requests that change something carry, with any value. No form can send it, and a script
of another origin has to ask first (CORS), which nobody allows."""

READING = frozenset({"GET", "HEAD"})


def refusal(request: Request, own_host: str) -> Answer | None:
    """Return why a request is not answered; None if it may be.

    ``own_host`` is what the emulator was told to listen on.
    """
    if not (_is_loopback(request.peer_ip) or request.peer_ip == own_host):
        return _forbidden("The inspector answers this machine only.")
    host = request.header("Host") or ""
    if not _is_own_name(host, own_host):
        return _forbidden(f"Host {host[:100]} is no name of this machine: use 127.0.0.1.")
    origin = request.header("Origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        return _forbidden("Pages of other origins may not use the inspector.")
    site = request.header("Sec-Fetch-Site")
    is_navigation = request.header("Sec-Fetch-Mode") == "navigate"
    if site not in {None, "same-origin", "none"} and not is_navigation:
        return _forbidden("Pages of other sites may not use the inspector.")
    if request.method not in READING and request.header(OWN_HEADER) is None:
        return _forbidden(f"Send the header {OWN_HEADER}: 1.")
    return None


def _forbidden(why: str) -> Answer:
    return error(403, "ForbiddenException", why)


def _is_own_name(host: str, own_host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return (
        name in {"localhost", own_host.lower()} or name.endswith(".localhost") or _is_loopback(name)
    )


def _is_loopback(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    # A socket of both families tells of IPv4 in IPv6's clothes.
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback
