"""Why a signaling server cannot be reached, in words, and what to do about it."""

import json
import socket
import ssl
from http import HTTPStatus
from urllib.parse import urlsplit

from websockets.exceptions import (
    InvalidHandshake,
    InvalidProxy,
    InvalidStatus,
    ProxyError,
)

from poker_signal.core.errors import HostProtected, MissingTicket
from poker_signal.emulator.aws.http import INTERNAL_SERVER_ERROR, TIMED_OUT
from poker_signal.emulator.terminal import escape

UNREACHABLE = (OSError, InvalidHandshake, InvalidProxy)
"""What connecting raises; a time-out is an OSError."""

LOG_GROUP = "/aws/lambda/poker-signaling"
"""The deployment's, unless its name_prefix is another."""

MAX_SAID = 200
"""Characters of a refusal's body that are shown."""

_LOOK_AT_THE_LOG = (
    f"the function fails or takes too long: look at its log group ({LOG_GROUP} unless name_prefix "
    "is another), or at the terminal of the emulator"
)

_ADVICE = {
    HTTPStatus.BAD_REQUEST: "the name of the player or of the game, or the session, is none that "
    "the server takes, or the server is none of poker-signal's",
    HTTPStatus.UNAUTHORIZED: "an authorizer stands before this server, and these clients have "
    "nothing to show it",
    HTTPStatus.FORBIDDEN: "is the stage missing at the end of the URL, as /prod, or the path "
    "wrong? `tofu output websocket_url` and the emulator's stdout are whole",
    HTTPStatus.NOT_FOUND: "there is a web server, but no WebSocket API at this path",
    HTTPStatus.CONFLICT: "a protected HOST is in this game; the same --session takes over",
    HTTPStatus.UPGRADE_REQUIRED: "something between here and there does not let WebSockets through",
    HTTPStatus.TOO_MANY_REQUESTS: "throttled: wait a moment, or raise the deployment's "
    "throttling.rate_limit and burst_limit (the emulator's --throttle-rate)",
    HTTPStatus.INTERNAL_SERVER_ERROR: _LOOK_AT_THE_LOG,
    HTTPStatus.BAD_GATEWAY: _LOOK_AT_THE_LOG,
    HTTPStatus.SERVICE_UNAVAILABLE: "overloaded, or just being deployed: try again in a minute",
    HTTPStatus.GATEWAY_TIMEOUT: _LOOK_AT_THE_LOG,
}

_OWN_ADVICE = {
    str(HostProtected()): "The same --session takes over",
    str(MissingTicket()): "With --ticket-secret-file FILE it is made",
}
"""What to do where our own rules refuse."""


def explain(error: BaseException, url: str, timeout_s: float) -> str:
    """Return one line: what is the matter, and what to do about it."""
    parts = urlsplit(url)
    where = parts.netloc.rpartition("@")[2]
    if isinstance(error, InvalidStatus):
        return _of_status(error.response.status_code, _said(error.response.body))
    if isinstance(error, TimeoutError):
        return (
            f"{where} did not answer within {timeout_s:g} s: is it the right address, does a "
            "firewall drop it, does the function hang? A larger --timeout waits longer"
        )
    if isinstance(error, InvalidProxy | ProxyError | ImportError):
        return f"the proxy that the environment names is of no use: {error}"
    if isinstance(error, InvalidHandshake):
        return (
            f"{where} does not speak WebSocket: {_innermost(error)}. Is it the right port, "
            f"and {_other_scheme(parts.scheme)}:// rather than {parts.scheme}://?"
        )
    return _of_os_error(error, where, parts.scheme)


def is_elsewhere(error: InvalidStatus) -> bool:
    """Tell whether a refusal may mean that there is no such stage or path: it gives no reason."""
    response = error.response
    if response.status_code not in {HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
        return False
    return not _gives_a_reason(_said(response.body), HTTPStatus(response.status_code))


def hint(came: str) -> str:
    """Return what to do about something that a client heard, or nothing."""
    if '"Internal server error"' in came:
        return _LOOK_AT_THE_LOG
    if '"Forbidden"' in came:
        return "API Gateway has no route for this: is $default there, and deployed to the stage?"
    if '"Too Many Requests"' in came or " 429 " in came:
        return _ADVICE[HTTPStatus.TOO_MANY_REQUESTS]
    return ""


def _of_os_error(error: BaseException, where: str, scheme: str) -> str:
    if isinstance(error, socket.gaierror):
        return (
            f"there is no host of the name {where}: is it spelt right, and has the deployment not "
            "been destroyed since? `tofu output websocket_url` prints the URL"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {where} is not trusted: {error.verify_message}. For `emulate "
            "--tls` set SSL_CERT_FILE to its authority.pem; a custom domain needs a certificate "
            "that names it; a company's proxy puts its own in between"
        )
    if isinstance(error, ssl.SSLError):
        return f"{where} does not speak TLS: {error}. Is it {_other_scheme(scheme)}://?"
    if isinstance(error, ConnectionResetError):
        return (
            f"{where} ended the connection during the handshake: is it the right port, and "
            f"{_other_scheme(scheme)}:// rather than {scheme}://?"
        )
    if isinstance(error, ConnectionRefusedError):
        return (
            f"nobody listens at {where}: start `poker-signal emulate`, or look at the host and "
            "the port"
        )
    return f"{where} cannot be reached: {error or type(error).__name__}"


def _of_status(status: int, said: str) -> str:
    try:
        known = HTTPStatus(status)
    except ValueError:
        refused = f"the handshake was refused with {status}"
        return f"{refused}: {said}" if said else refused
    advice = _ADVICE.get(known, _LOOK_AT_THE_LOG if status >= 500 else "")
    # Whoever gives a reason knows it; we only guess.
    reason = said if _gives_a_reason(said, known) else advice
    if said in _OWN_ADVICE:
        reason = f"{said} {_OWN_ADVICE[said]}"
    refused = f"the handshake was refused with {status} {known.phrase}"
    return f"{refused}: {reason}" if reason else refused


def _gives_a_reason(said: str, status: HTTPStatus) -> bool:
    """Tell whether a refusal says more than API Gateway's own words, which are always the same."""
    own = {"", status.phrase, INTERNAL_SERVER_ERROR, TIMED_OUT}
    return said.casefold() not in {words.casefold() for words in own}


def _said(body: bytes | bytearray) -> str:
    """Return one line of what a refusal says in words; nothing if that is a web page."""
    text = body.decode(errors="replace").strip()
    try:
        match json.loads(text):
            # As API Gateway puts it.
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
