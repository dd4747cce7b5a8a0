"""Messages for a signaling server that cannot be reached: the cause, and what to do."""

import enum
import json
import socket
import ssl
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from websockets.exceptions import (
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    ProxyError,
)

from poker_signal.core.errors import HostProtected, MissingTicket
from poker_signal.emulator.aws.http import INTERNAL_SERVER_ERROR, TIMED_OUT
from poker_signal.emulator.client.connection import date_in
from poker_signal.emulator.terminal import escape

UNREACHABLE = (OSError, InvalidHandshake, InvalidProxy)
"""Exceptions of a failed connect; a time-out is an OSError."""

LOG_GROUP = "/aws/lambda/poker-signaling"
"""Log group of a deployment with the default name_prefix."""

MAX_SAID = 200
"""Characters of a refusal's body that a message quotes."""

_LOOK_AT_THE_LOG = (
    f"the function fails or takes too long: look at its log group ({LOG_GROUP} unless name_prefix "
    "was changed), or at the emulator's output"
)

_ADVICE = {
    HTTPStatus.BAD_REQUEST: "the server does not accept the player's name, the game id or the "
    "session, or it is not a poker-signal server",
    HTTPStatus.UNAUTHORIZED: "this server has an authorizer, and this client sends no "
    "credentials for it",
    HTTPStatus.FORBIDDEN: "is the stage missing at the end of the URL, such as /prod, or is the "
    "path wrong? Copy the whole URL from `tofu output websocket_url` or the emulator's stdout",
    HTTPStatus.NOT_FOUND: "there is a web server, but no WebSocket API at this path",
    HTTPStatus.CONFLICT: "this game has a protected HOST: only its --session takes over",
    HTTPStatus.UPGRADE_REQUIRED: "a proxy on the way does not let WebSockets through",
    HTTPStatus.TOO_MANY_REQUESTS: "throttled: wait a moment, or raise the deployment's "
    "throttling.rate_limit and burst_limit (the emulator's --throttle-rate)",
    HTTPStatus.INTERNAL_SERVER_ERROR: _LOOK_AT_THE_LOG,
    HTTPStatus.BAD_GATEWAY: _LOOK_AT_THE_LOG,
    HTTPStatus.SERVICE_UNAVAILABLE: "overloaded, or being deployed: try again in a minute",
    HTTPStatus.GATEWAY_TIMEOUT: _LOOK_AT_THE_LOG,
}

_OWN_ADVICE = {
    str(HostProtected()): "Use the host's --session to take over",
    str(MissingTicket()): "Use --ticket-secret-file FILE to make one",
}
"""Advice after the sentence of a refusal by poker-signal's own rules."""


class CertificateFault(enum.Enum):
    """The reason why a certificate is refused."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    OTHER_NAME = "other name"
    UNTRUSTED = "untrusted"


_VERIFY_CODES = {
    9: CertificateFault.NOT_YET_VALID,
    10: CertificateFault.EXPIRED,
    62: CertificateFault.OTHER_NAME,
    64: CertificateFault.OTHER_NAME,
}
"""OpenSSL's X509_V_ERR_…; all others mean that no trusted authority has signed it."""


def certificate_fault(error: BaseException) -> CertificateFault | None:
    """Return the reason why a certificate was refused; None: the connect failed otherwise."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return None
    code = getattr(error, "verify_code", 0)
    return _VERIFY_CODES.get(code, CertificateFault.UNTRUSTED)


class RefusedHandshake(NamedTuple):
    """The HTTP answer of a server that refuses a handshake."""

    status: int
    said: str
    """Its text as one line; empty if it is a web page."""
    date: str | None
    """The server's clock, a header Date."""
    is_elsewhere: bool
    """The stage or path may not exist: 403 or 404 without a reason."""


def refusal(error: BaseException) -> RefusedHandshake | None:
    """Return the server's answer; None: there was none."""
    if not isinstance(error, InvalidStatus):
        return None
    answer = error.response
    said = _said(answer.body)
    return RefusedHandshake(answer.status_code, said, date_in(answer), is_elsewhere(error))


def explain(error: BaseException, url: str, timeout_s: float) -> str:
    """Return one line for a connect that failed: the cause, and what to do."""
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    if isinstance(error, InvalidStatus):
        return _of_status(error.response.status_code, _said(error.response.body))
    if isinstance(error, TimeoutError):
        return (
            f"{where} did not answer within {timeout_s:g} s: is the address right, does a firewall "
            "drop the packets, does the function hang? A larger --timeout waits longer"
        )
    if isinstance(error, InvalidProxy | ProxyError | ImportError):
        return f"the proxy named in the environment cannot be used: {error}"
    if isinstance(error, InvalidHandshake):
        return (
            f"{where} does not speak WebSocket: {_innermost(error)}. Is it the right port, "
            f"and {_other_scheme(parts.scheme)}:// rather than {parts.scheme}://?"
        )
    return _of_os_error(error, where, parts.scheme)


def is_elsewhere(error: InvalidStatus) -> bool:
    """Return True for a 403 or 404 without a reason: the stage or path may not exist."""
    response = error.response
    if response.status_code not in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
        return False
    return not _gives_a_reason(_said(response.body), HTTPStatus(response.status_code))


def hint(came: str) -> str:
    """Return advice for one of API Gateway's own error frames; empty for other text."""
    if '"Internal server error"' in came:
        return _LOOK_AT_THE_LOG
    if '"Forbidden"' in came:
        return "API Gateway has no route for this: does $default exist, deployed to the stage?"
    if '"Too Many Requests"' in came or " 429 " in came:
        return _ADVICE[HTTPStatus.TOO_MANY_REQUESTS]
    return ""


def _of_os_error(error: BaseException, where: str, scheme: str) -> str:
    if isinstance(error, socket.gaierror):
        return (
            f"the host name {where} cannot be resolved: is it spelled correctly, and does the "
            "deployment still exist? `tofu output websocket_url` prints the URL"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return _of_certificate(error, where)
    if isinstance(error, ssl.SSLError):
        return f"{where} does not speak TLS: {error}. Is it {_other_scheme(scheme)}://?"
    if isinstance(error, ConnectionResetError):
        return (
            f"{where} closed the connection during the handshake: is it the right port, and "
            f"{_other_scheme(scheme)}:// rather than {scheme}://?"
        )
    if isinstance(error, ConnectionRefusedError):
        return (
            f"no server listens at {where}: start `poker-signal emulate`, or check the host and "
            "the port"
        )
    return f"{where} cannot be reached: {error or type(error).__name__}"


def _of_certificate(error: ssl.SSLCertVerificationError, where: str) -> str:
    fault = certificate_fault(error)
    if fault is CertificateFault.EXPIRED:
        return (
            f"the certificate of {where} has expired: renew it; if it is new, this machine's clock "
            "is wrong"
        )
    if fault is CertificateFault.NOT_YET_VALID:
        return f"the certificate of {where} is not valid yet: is this machine's clock right?"
    if fault is CertificateFault.OTHER_NAME:
        return (
            f"the certificate of {where} is for another name: {error.verify_message} Connect to a "
            "name that the certificate has; a custom domain needs a certificate with its name"
        )
    return (
        f"the certificate of {where} is not trusted: {error.verify_message}. For `emulate --tls` "
        "set SSL_CERT_FILE to its authority.pem. A company's proxy may replace the certificate "
        "with its own"
    )


def _of_status(status: int, said: str) -> str:
    try:
        known = HTTPStatus(status)
    except ValueError:
        refused = f"the handshake was refused with {status}"
        return f"{refused}: {said}" if said else refused
    advice = _ADVICE.get(known, _LOOK_AT_THE_LOG if status >= 500 else "")
    # Our advice is a guess from the status: use it only if the server gives no reason.
    reason = said if _gives_a_reason(said, known) else advice
    if said in _OWN_ADVICE:
        reason = f"{said} {_OWN_ADVICE[said]}"
    refused = f"the handshake was refused with {status} {known.phrase}"
    return f"{refused}: {reason}" if reason else refused


def _gives_a_reason(said: str, status: HTTPStatus) -> bool:
    """Return True if a refusal's text is not one of API Gateway's fixed texts."""
    own = {"", status.phrase, INTERNAL_SERVER_ERROR, TIMED_OUT}
    return said.casefold() not in {words.casefold() for words in own}


def _said(body: bytes | bytearray) -> str:
    """Return a refusal's body as one line; empty if it is a web page."""
    text = body.decode(errors="replace").strip()
    try:
        match json.loads(text):
            # API Gateway's format.
            case {"message": str(message)}:
                text = message.strip()
    except (ValueError, RecursionError):
        pass
    if text.startswith("<"):
        return ""
    return escape(text if len(text) <= MAX_SAID else f"{text[:MAX_SAID]}…")


def _innermost(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _other_scheme(scheme: str) -> str:
    return "ws" if scheme == "wss" else "wss"
