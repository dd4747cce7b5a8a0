"""The canary: a scheduled function that plays a handshake of two players against a deployment.

It connects by the URL that clients use, from outside of the API. Its line of the log has the
metrics ``CanaryPassed`` and ``CanaryMs``, and the step that failed; like every line it has no name,
no address and no text of an exception.
"""

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from poker_signal.core import tickets
from poker_signal.core.model import HOST, GameId, PlayerId
from poker_signal.lambda_app import log
from poker_signal.lambda_app.clients import ssm_client
from poker_signal.lambda_app.web_socket import WebSocket, WebSocketError

WEBSOCKET_URL: Final = "WEBSOCKET_URL"
ORIGIN: Final = "ORIGIN"
"""A page that may connect; not set: the canary sends no Origin."""
TICKET_SECRET_PARAMETER: Final = "TICKET_SECRET_PARAMETER"
FUNCTION_NAME, STAGE = "FUNCTION_NAME", "STAGE"
"""Dimensions of the metrics: those of the function that is watched."""

PATIENCE_S: Final = 20
"""Seconds for a whole handshake. A cold start takes one, the app gives it five."""

PLAYER: Final = PlayerId("canary")
TICKET_S: Final = 60


class Canary(NamedTuple):
    """A deployment that is watched."""

    url: str
    origin: str | None = None
    ticket_keys: Callable[[], tickets.Keys] | None = None
    """Reader of the secrets with which tickets are signed. None: no ticket is needed."""
    patience_s: float = PATIENCE_S

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Canary":
        """Read the settings.

        Raises:
            KeyError: WEBSOCKET_URL is not set.
        """
        parameter = environ.get(TICKET_SECRET_PARAMETER)
        return cls(
            environ[WEBSOCKET_URL],
            environ.get(ORIGIN) or None,
            (lambda: _read_keys(parameter)) if parameter else None,
        )


class Result(NamedTuple):
    """The end of a handshake."""

    ms: int
    step: str
    """The last step that began."""
    failure: str | None
    """Class of an exception, a status, or a code of the protocol. None: it passed."""


def play(canary: Canary) -> Result:
    """Play a handshake of HOST and a player: join, offer, answer, and a candidate of each."""
    started_s = time.monotonic()
    step, failure = "read the secrets of tickets", None
    try:
        for step in _steps(canary, started_s + canary.patience_s):  # noqa: B007 # a failure names the step that was reached
            pass
    except WebSocketError as error:
        failure = str(error)
    except Exception as error:
        # Its text may quote the URL, in which a ticket is.
        failure = type(error).__name__
    return Result(round((time.monotonic() - started_s) * 1000), step, failure)


def _steps(canary: Canary, deadline_s: float) -> Iterator[str]:
    """Play the handshake; yield the name of each step before it begins."""
    game = GameId(f"canary-{secrets.token_hex(8)}")
    keys = canary.ticket_keys() if canary.ticket_keys is not None else None
    headers = {"Origin": canary.origin} if canary.origin else {}
    with ExitStack() as opened:

        def connect(name: PlayerId) -> WebSocket:
            query = {"playerId": name, "gameId": game}
            if keys is not None:
                expires_at = int(time.time()) + TICKET_S
                query["ticket"] = tickets.sign(keys, next(iter(keys)), game, name, expires_at)
            url = f"{canary.url}?{urlencode(query)}"
            return opened.enter_context(WebSocket.connect(url, deadline_s, headers))

        yield "HOST connects"
        host = connect(HOST)
        yield "the player connects"
        player = connect(PLAYER)
        for type_, sender, source, target, receiver in (
            ("join", PLAYER, player, HOST, host),
            ("offer", HOST, host, PLAYER, player),
            ("answer", PLAYER, player, HOST, host),
            ("ice-candidate", HOST, host, PLAYER, player),
            ("ice-candidate", PLAYER, player, HOST, host),
        ):
            yield f"{type_} to {target}"
            mark = secrets.token_hex(4)
            source.send(json.dumps({"type": type_, "targetId": target, "payload": mark}))
            expected = {"type": type_, "senderId": sender, "payload": mark}
            _hear(receiver, expected)
        yield "both leave"


def _hear(receiver: WebSocket, expected: dict[str, str]) -> None:
    """Wait for a frame; others, such as a join that is delivered again, are passed over."""
    while True:
        frame = json.loads(receiver.receive())
        if frame == expected:
            return
        if frame.get("type") in ("error", "undelivered"):
            raise WebSocketError(str(frame["payload"]["code"]))


def _read_keys(parameter: str) -> tickets.Keys:
    answer = ssm_client().get_parameter(Name=parameter, WithDecryption=True)
    return tickets.read_keys(answer["Parameter"]["Value"])


def line_of(result: Result, environ: Mapping[str, str], at_ms: int) -> dict[str, Any]:
    """Return the log line of a handshake."""
    metrics = ["CanaryPassed", *([] if result.failure else ["CanaryMs"])]
    return {
        "level": "ERROR" if result.failure else "INFO",
        "step": result.step,
        **({"failure": result.failure} if result.failure else {}),
        "CanaryPassed": int(result.failure is None),
        "CanaryMs": result.ms,
        "function": environ.get(FUNCTION_NAME) or "unknown",
        "stage": environ.get(STAGE) or "unknown",
        "_aws": {
            "Timestamp": at_ms,
            "CloudWatchMetrics": [
                {
                    "Namespace": log.NAMESPACE,
                    "Dimensions": [log.DIMENSIONS],
                    "Metrics": [{"Name": name} for name in metrics],
                }
            ],
        },
    }


def handler(event: object, context: object) -> dict[str, Any]:
    """Play a handshake and log it. A failed one is in the metric, and is not raised."""
    del event, context
    result = play(Canary.from_env(os.environ))
    line = line_of(result, os.environ, time.time_ns() // 1_000_000)
    log.write(line)
    return {"passed": result.failure is None, "step": result.step, "ms": result.ms}
