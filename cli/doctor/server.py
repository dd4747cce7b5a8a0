"""Checks of the server's address: scheme, certificate, connection, and the origins of pages."""

import ipaddress
import secrets
import shlex
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import Any

from poker_signal.cli.doctor import machine
from poker_signal.cli.doctor.checked import Checked, Examined, Health, ok, warning, wrong
from poker_signal.core.errors import MissingTicket
from poker_signal.core.model import HOST
from poker_signal.emulator.client.connection import Client, signal_client
from poker_signal.emulator.client.explain import (
    LOG_GROUP,
    UNREACHABLE,
    CertificateFault,
    RefusedHandshake,
    certificate_fault,
    explain,
    refusal,
)
from poker_signal.emulator.protocols.origins import is_local_name
from poker_signal.emulator.protocols.tls import kept_authority
from poker_signal.emulator.settings import Settings

RENEW_BEFORE_DAYS = 7
DAY_S = 86_400


def scheme(server: Examined) -> Checked | None:
    """Find clients that refuse ``ws://`` to this host; None: none does."""
    if server.is_tls or is_local_name(server.host):
        return None
    words = (
        f"ws:// to {server.host} is refused by pages of https:// sites and by release builds of "
        "apps on iOS and Android"
    )
    if _is_private(server.host):
        return warning("scheme", words, "poker-signal emulate --lan --tls, and use its wss:// URL")
    return wrong("scheme", words, f"poker-signal doctor wss{server.url.removeprefix('ws')}")


def _is_private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(".local")


async def connection(server: Examined) -> list[Checked]:
    """Connect a host; return the outcomes for certificate, clock and server, as far as it came."""
    try:
        async with _host(server) as client:
            found = [machine.clock(client.date), ok("server", f"{server.url} accepts connections")]
            if client.certificate is not None:
                found.insert(0, _trusted(client.certificate, server))
            return found
    except UNREACHABLE as error:
        words = explain(error, server.url, server.timeout_s)
        if fault := certificate_fault(error):
            return [wrong("certificate", words, _for_certificate(fault, server))]
        refused = refusal(error)
        clock = [machine.clock(refused.date)] if refused else []
        return [*clock, wrong("server", words, _for_connection(error, server))]


def has_failed(found: list[Checked]) -> bool:
    """Return True if the checks that follow need what is wrong here."""
    return any(
        each.health is Health.WRONG and each.name in {"certificate", "server"} for each in found
    )


def _host(server: Examined, origin: str | None = None) -> AbstractAsyncContextManager[Client]:
    game = f"DOCTOR-{secrets.token_hex(4)}"
    ticket = server.tickets and server.tickets(game, HOST)
    return signal_client(
        server.url, HOST, game, timeout_s=server.timeout_s, ticket=ticket, origin=origin
    )


def _trusted(certificate: Mapping[str, Any], server: Examined) -> Checked:
    """Return the outcome for a certificate that this machine trusts."""
    left_s = ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()
    words = f"trusted, for {server.host}, for {left_s / DAY_S:.0f} more days"
    if left_s < RENEW_BEFORE_DAYS * DAY_S:
        return warning("certificate", words, "renew the certificate")
    return ok("certificate", words)


def _for_certificate(fault: CertificateFault, server: Examined) -> str:
    """Return the command for a certificate that this machine does not trust."""
    authority = kept_authority()
    if fault is CertificateFault.UNTRUSTED and authority and _is_private(server.host):
        return f"SSL_CERT_FILE={shlex.quote(str(authority))} poker-signal doctor {server.url}"
    if fault is CertificateFault.NOT_YET_VALID:
        return machine.set_clock()
    # It shows names, dates and the authority that signed.
    place = f"{server.host}:{server.port}"
    return f"openssl s_client -connect {place} -servername {server.host} </dev/null"


def _for_connection(error: BaseException, server: Examined) -> str:
    """Return the command for a connect that failed."""
    is_here = is_local_name(server.host)
    refused = refusal(error)
    if refused is not None:
        return _for_refusal(refused, server)
    if isinstance(error, ConnectionRefusedError) and is_here:
        return "poker-signal emulate" + _port_option(server)
    if is_here:
        return machine.listener(server.port)
    if isinstance(error, socket.gaierror):
        return "tofu output websocket_url"
    if _is_private(server.host):
        emulate = f"poker-signal emulate --lan{_port_option(server)}"
        return f"on {server.host}: {emulate}, and allow TCP port {server.port} in its firewall"
    return f"curl -v {'https' if server.is_tls else 'http'}://{server.host}:{server.port}/"


def _for_refusal(refused: RefusedHandshake, server: Examined) -> str:
    """Return the command for a handshake that the server refused."""
    if refused.said == str(MissingTicket()):
        return f"poker-signal doctor {server.url} --ticket-secret-file FILE"
    if refused.is_elsewhere and not server.stage:
        return f"poker-signal doctor {server.url}/prod"
    if refused.is_elsewhere and not (is_local_name(server.host) or _is_private(server.host)):
        return "tofu output websocket_url"
    if refused.status == HTTPStatus.NOT_FOUND:
        return machine.listener(server.port)
    if refused.is_elsewhere:
        return "copy the URL from the stdout of poker-signal emulate"
    if refused.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"aws logs tail {LOG_GROUP} --since 10m"
    if server.tickets is not None and refused.status == HTTPStatus.FORBIDDEN:
        return "compare the file with the server's keys, and both clocks: docs/tickets.md"
    return f"poker-signal check {server.url}"


def _port_option(server: Examined) -> str:
    return "" if server.port == Settings().port else f" --port {server.port}"


async def origin(server: Examined, page: str) -> Checked:
    """Connect as a browser does for a page of this origin."""
    name = f"origin {page}"
    try:
        async with _host(server, page):
            return ok(name, "its pages may connect")
    except UNREACHABLE as error:
        words = explain(error, server.url, server.timeout_s)
        if is_local_name(server.host) or _is_private(server.host):
            return wrong(name, words, f"poker-signal emulate --allowed-origins {page}")
        return wrong(name, words, f"add {page} to limits.allowed_origins of the module; tofu apply")
