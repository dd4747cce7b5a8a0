"""Who may look: this machine, in a page of our own, and whoever has the token of ``--lan``.

The inspector shows players' addresses, and can close connections. Everybody's browser reaches
127.0.0.1, whatever page is open in it, so it is not enough to listen there: a page elsewhere
must neither read (DNS rebinding: its own name, resolved to 127.0.0.1) nor write (a form).
"""

import ipaddress
import secrets
from urllib.parse import urlsplit

from poker_signal.emulator.aws.http import Answer, Headers, Request, error

OWN_HEADER = "X-Poker-Signal-Inspector"
"""What requests that change something carry, with any value. No form can send it, and a script
of another origin has to ask first (CORS), which nobody allows."""

READING = frozenset({"GET", "HEAD"})


COOKIE = "poker-signal-inspector"


def refusal(request: Request, own_host: str, token: str | None = None) -> Answer | None:
    """Return why a request is not answered; None if it may be.

    ``own_host`` is what the emulator was told to listen on, or what others call it. Other
    machines may look if there is a ``token`` and they show it.
    """
    is_here = _is_loopback(request.peer_ip) or request.peer_ip == own_host
    if not is_here and token is None:
        return _forbidden("The inspector answers this machine only.")
    if not is_here and not (_asks_with(request, token) or _remembers(request, token)):
        return _forbidden("Open the whole URL that the emulator shows, with its token.")
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


def kept_by(request: Request, token: str | None) -> Headers:
    """Return the header that lets a browser remember the token, if it was just shown."""
    if token is None or not _asks_with(request, token):
        return []
    return [("Set-Cookie", f"{COOKIE}={token}; Path=/_inspect; HttpOnly; SameSite=Strict")]


def _asks_with(request: Request, token: str | None) -> bool:
    return _is_token(dict(request.query).get("token"), token)


def _remembers(request: Request, token: str | None) -> bool:
    cookies = (part.strip().partition("=") for part in (request.header("Cookie") or "").split(";"))
    return any(name == COOKIE and _is_token(value, token) for name, _, value in cookies)


def _is_token(shown: str | None, token: str | None) -> bool:
    if shown is None or token is None:
        return False
    # As quick for a token that begins well as for another.
    return secrets.compare_digest(shown.encode(errors="replace"), token.encode())


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
