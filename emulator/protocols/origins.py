"""Web pages that may use the emulator, and the host names by which it may be asked.

Each page in a local browser can send requests to 127.0.0.1. A page tells by ``Origin`` where it
comes from, which a script cannot change. A page whose own name is made to resolve to 127.0.0.1 (DNS
rebinding) needs no ``Origin`` for a GET, but has its name in ``Host``.
"""

import contextlib
import ipaddress
import re
import socket
from collections.abc import Collection
from functools import cached_property
from urllib.parse import urlsplit

from poker_signal.emulator.aws.http import Request
from poker_signal.emulator.settings import Settings

_MAX_SHOWN = 200
"""Most characters of an origin or a host name in a sentence."""

# Browsers write it in lower case, without user name and path (RFC 6454, section 6.2).
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[^\s/\\:@?#\[\]]+)(?::[0-9]{1,5})?")

_IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Pages:
    """The origins that may connect, and the host names of this emulator.

    Example::

        pages = Pages(Settings())
        pages.why_not_connect(request)  # "" or a sentence that says what to do
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._listed = settings.origins()

    def why_not_connect(self, request: Request) -> str:
        """Return a sentence why a page may not connect, with the option that lets it in; else "".

        Allowed are programs, which send no ``Origin``, pages of this machine on any port, and the
        origins of ``allowed_origins``.
        """
        if self._listed is None or "origin" not in request.last_values:
            return ""
        for origin in (value for name, value in request.headers if name.lower() == "origin"):
            if origin not in self._listed and not self._is_of_this_machine(origin, request):
                return _advice(origin)
        return ""

    def why_not_manage(self, request: Request) -> str:
        """Return a sentence why a request may not use ``@connections``; else "".

        Backends send no ``Origin``, and name this machine in ``Host``.
        """
        if "origin" in request.last_values:
            return "Web pages may not use @connections."
        host = request.header("Host")
        if host is None or self._is_own_host(name_in(host)):
            return ""
        return (
            f"Host {host[:_MAX_SHOWN]} is not a name of this emulator: use 127.0.0.1, "
            "or set --domain-name"
        )

    def _is_of_this_machine(self, origin: str, request: Request) -> bool:
        parts = _ORIGIN.fullmatch(origin)
        if parts is None:
            return False
        name = parts[1].strip("[]").removesuffix(".")
        if is_local_name(name) or name in self._own_names:
            return True
        address = _address(name)
        # An address cannot be made to resolve to another machine: a page of the address by which
        # the emulator was reached is a page of the same machine, as in Docker.
        return address is not None and (
            _is_ours(address) or address == _address(name_in(request.header("Host") or ""))
        )

    def _is_own_host(self, name: str) -> bool:
        if is_local_name(name) or name in self._own_names:
            return True
        address = _address(name)
        if address is not None:
            # In a network, the emulator may have addresses that it does not know, as in Docker.
            return self._is_reachable or _is_ours(address)
        # The name of a container. No stranger can register a name without a dot, or one of Docker.
        return name != "" and ("." not in name or name.endswith(".docker.internal"))

    @cached_property
    def _is_reachable(self) -> bool:
        """True if other machines may reach the emulator."""
        address = _address(self._settings.host)
        is_every = address is not None and address.is_unspecified
        return is_every or not is_local_name(self._settings.host.lower())

    @cached_property
    def _own_names(self) -> Collection[str]:
        settings = self._settings
        names = {settings.host.lower(), (settings.shown_host or "").lower()}
        names.add(name_in(settings.domain_name or ""))
        # Only AWS can register it.
        names.add(f"{settings.api_id}.execute-api.{settings.region}.amazonaws.com".lower())
        if self._is_reachable:
            machine = socket.gethostname().lower()
            names |= {machine, f"{machine.removesuffix('.local')}.local"}
        return names - {""}


def name_in(authority: str) -> str:
    """Return the name in a host with or without a port, in lower case; "" if it is not valid."""
    try:
        return urlsplit(f"//{authority}").hostname or ""
    except ValueError:
        return ""


def is_local_name(name: str) -> bool:
    """Tell whether a name in lower case is always this machine: ``localhost`` or a loopback."""
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and (address.is_loopback or address.is_unspecified)


def is_loopback(address: str) -> bool:
    """Tell whether an IP address is a loopback address."""
    parsed = _address(address)
    return parsed is not None and parsed.is_loopback


def _address(text: str) -> _IpAddress | None:
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A dual-stack socket reports IPv4 peers as ::ffff:127.0.0.1.
    return getattr(parsed, "ipv4_mapped", None) or parsed


def _is_ours(address: _IpAddress) -> bool:
    """Tell whether this machine has an address: only then can a socket be bound to it."""
    if address.is_multicast:
        return False
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((str(address), 0))
        return True
    return False


def _advice(origin: str) -> str:
    if origin == "null":
        return (
            "a page of a file or in a sandbox may not connect: serve it from http://localhost, "
            "or let all such pages in with --allowed-origins null"
        )
    if len(origin) > _MAX_SHOWN or not _ORIGIN.fullmatch(origin):
        return f"the origin {origin[:_MAX_SHOWN]} is not valid, and may not connect"
    return f"the page {origin} may not connect: --allowed-origins {origin} lets it in"
