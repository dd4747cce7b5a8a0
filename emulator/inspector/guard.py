"""Access control: this machine, except pages of other origins, and holders of ``--lan``'s token.

The inspector shows players' addresses and can close connections. To listen on 127.0.0.1 only is
not enough, because any page in a local browser can send requests there. A page of another origin
must neither read (DNS rebinding: its own name resolves to 127.0.0.1) nor write (with a form).
"""

import secrets
from urllib.parse import urlsplit

from poker_signal.emulator.aws.http import Answer, Headers, Request, error
from poker_signal.emulator.protocols.origins import is_local_name, is_loopback, name_in

OWN_HEADER = "X-Poker-Signal-Inspector"
"""Header, with any value, that requests which change something must have. A form cannot send it,
and a script of another origin would need a CORS preflight, which is refused."""

READING = frozenset({"GET", "HEAD"})


COOKIE = "poker-signal-inspector"


def refusal(request: Request, own_host: str, token: str | None = None) -> Answer | None:
    """Return the refusal of a request; None if it is allowed.

    ``own_host`` is the address that the emulator listens on, or its public name. Requests from
    other machines are allowed if there is a ``token`` and they have it.
    """
    is_here = is_loopback(request.peer_ip) or request.peer_ip == own_host
    if not is_here and token is None:
        return _forbidden("The inspector answers requests from this machine only.")
    if not is_here and not (_asks_with(request, token) or _remembers(request, token)):
        return _forbidden("Open the whole URL that the emulator prints, including its token.")
    host = request.header("Host") or ""
    if not _is_own_name(host, own_host):
        return _forbidden(f"Host {host[:100]} is not a name of this machine: use 127.0.0.1.")
    origin = request.header("Origin")
    if origin is not None and _authority(origin) != host.lower():
        return _forbidden("Pages of other origins may not use the inspector.")
    site = request.header("Sec-Fetch-Site")
    is_navigation = request.header("Sec-Fetch-Mode") == "navigate"
    if site not in {None, "same-origin", "none"} and not is_navigation:
        return _forbidden("Pages of other sites may not use the inspector.")
    if request.method not in READING and request.header(OWN_HEADER) is None:
        return _forbidden(f"Send the header {OWN_HEADER}: 1.")
    return None


def refusal_of_report(request: Request, own_host: str, token: str | None = None) -> Answer | None:
    """Return the refusal of the probe's script, or of a report that it posts; None: it is allowed.

    The page under development has another origin. A report only adds trace entries, and the script
    holds nothing secret, so they are allowed from more places than the inspector: from pages of
    this machine on any port, from files (origin ``null``), from programs that send no origin, and
    with the token from every page.
    """
    if _asks_with(request, token) or _remembers(request, token):
        return None
    if not (is_loopback(request.peer_ip) or request.peer_ip == own_host):
        return _forbidden("Load the probe with the token that the emulator prints.")
    origin = request.header("Origin")
    if request.method in READING or origin is None or origin == "null":
        return None
    if not _is_own_name(_authority(origin), own_host):
        return _forbidden("Pages of other machines may not report.")
    return None


def kept_by(request: Request, token: str | None) -> Headers:
    """Return a Set-Cookie header with the token, if the request has it in its URL."""
    if token is None or not _asks_with(request, token):
        return []
    return [("Set-Cookie", f"{COOKIE}={token}; Path=/_inspect; HttpOnly; SameSite=Strict")]


def token_of(request: Request, token: str | None) -> dict[str, str]:
    """Return the query parameter ``token`` of a request that has the right one; else nothing."""
    return {"token": token} if token is not None and _asks_with(request, token) else {}


def _asks_with(request: Request, token: str | None) -> bool:
    return _is_token(dict(request.query).get("token"), token)


def _remembers(request: Request, token: str | None) -> bool:
    cookies = (part.strip().partition("=") for part in (request.header("Cookie") or "").split(";"))
    return any(name == COOKIE and _is_token(value, token) for name, _, value in cookies)


def _is_token(shown: str | None, token: str | None) -> bool:
    if shown is None or token is None:
        return False
    # In constant time, so that response times reveal no part of the token.
    return secrets.compare_digest(shown.encode(errors="replace"), token.encode())


def _forbidden(why: str) -> Answer:
    return error(403, "ForbiddenException", why)


def _authority(origin: str) -> str:
    """Return host and port of an origin in lower case; empty if it is not valid."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _is_own_name(host: str, own_host: str) -> bool:
    name = name_in(host)
    return is_local_name(name) or name == own_host.lower()
