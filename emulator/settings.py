"""What the emulator can be told, with API Gateway's own numbers as defaults."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from poker_signal.core import configuration as rules
from poker_signal.core.configuration import Rules, Topology, parse_origins


class Option(NamedTuple):
    """How a setting looks on the command line."""

    help: str
    name: str = ""
    """Without the dashes; empty: that of the field."""
    least: float | None = None
    most: float | None = None
    above: bool = False
    """The least value itself is too little."""


def _option(default: Any, help: str, **more: Any) -> Any:
    return field(default=default, metadata={"option": Option(help, **more)})


def _seconds(default: float, help: str, name: str, **more: Any) -> Any:
    return _option(default, help, name=name, **{"least": 0, "above": True, **more})


def _count(default: int | None, help: str, least: int = 1, **more: Any) -> Any:
    return _option(default, help, least=least, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the emulated API and its stage are set up, and which limits hold.

    Quotas are those of
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
    where no other source is named. A field that is described by an option is one of
    ``poker-signal emulate``.
    """

    host: str = _option("127.0.0.1", "Address to listen on.")
    port: int = _count(3001, "Port to listen on; 0: any free.", 0, most=65535)
    stage: str = _option("prod", "Stage, the path of the URL.")
    topology: Topology = _option(
        Topology.MESH, "Who may address whom: everybody, or players only HOST."
    )
    seats: int = _count(rules.SEATS, "Players a game has room for besides HOST; 0: any number.", 0)
    message_rate: float = _option(
        rules.MESSAGE_RATE,
        "Messages per second of one connection; more are RATE_LIMITED. 0: any number.",
        least=0,
    )
    message_burst: int = _count(
        rules.MESSAGE_BURST, "Messages that may come at once under --message-rate."
    )
    max_payload_bytes: int = _count(
        rules.MAX_PAYLOAD_BYTES,
        "Largest payload of a message that is passed on.",
        most=rules.LARGEST_PAYLOAD_BYTES,
    )
    allowed_origins: str | None = _option(
        None, "Web pages that may connect, as https://poker.example.com,…  [default: all]"
    )

    idle_timeout_s: float = _seconds(600, "Seconds of silence before 1001.", "idle-timeout")
    max_duration_s: float = _seconds(7200, "Seconds a connection may last.", "max-duration")
    integration_timeout_s: float = _seconds(
        29, "Seconds a handler may take.", "integration-timeout", least=0.05, above=False, most=29
    )
    max_frame_bytes: int = _count(32_768, "Largest frame of a client, as on the wire.")
    max_message_bytes: int = _count(131_072, "Largest message, of a client or posted to one.")
    max_url_chars: int = _count(4096, "Longest URL.")
    # Documented for REST APIs only.
    max_header_bytes: int = _count(10_240, "Longest request line and headers together.")
    serial: bool = False
    """One message of a connection after the other; AWS promises no order."""
    throttle_rate: float | None = _option(
        None, "Requests and messages per second, all together; more are 429.", least=0
    )
    throttle_burst: int | None = _count(
        None, "Requests that may come at once under --throttle-rate.  [default: the rate]", 0
    )
    flood_rate: float | None = _option(
        None,
        "Messages per second of one client beyond which it is closed with 1008.  [default: never]",
        least=0,
        above=True,
    )
    enforce_new_connection_rate: bool = _option(
        False, "Refuse more than 500 new connections a second with 429, as AWS does."
    )
    permessage_deflate: bool = _option(True, "Accept compressed messages.")
    pings_reset_idle: bool = _option(False, "Let control pings count against --idle-timeout.")
    strict_sigv4: bool = _option(False, "Refuse @connections requests that are not signed.")
    outbound_fragment_bytes: int | None = _count(
        None, "Split messages to clients into frames of this size.  [default: one frame]"
    )
    abnormal_close_reason: str = _option(
        "Connection closed abnormally", "disconnectReason of a socket that just ended."
    )

    domain_name: str | None = _option(
        None, "domainName that handlers see.  [default: host and port]"
    )
    api_id: str = _option("pokerlocal", "apiId that handlers see.")
    region: str = _option("us-west-2", "Region in ARNs, and of handlers.")
    account_id: str = _option("123456789012", "Account in ARNs.")

    # No option of its own: a command line can be read by everybody on the machine.
    ticket_keys: Mapping[str, bytes] | None = field(default=None, repr=False)
    """The keys of join tickets; with them ``$connect`` needs one."""

    shown_host: str | None = None
    """What clients are told to connect to, where ``host`` is every address of this machine."""
    inspector_token: str | None = field(default=None, repr=False)
    """What whoever looks from another machine has to show; None: nobody else may look."""

    # What AWS does not tell of its sockets, and every server needs.
    request_timeout_s: float = 10
    """From the first byte of an HTTP request to its last."""
    keep_alive_timeout_s: float = 75
    """How long an HTTP connection may stay open between requests."""
    close_timeout_s: float = 1
    """How long a peer may take to answer a close frame."""
    max_unread_bytes: int = 1_048_576
    """What may wait for a peer that does not read; beyond, it is cut off. Eight messages of
    full size, and far more than a whole handshake."""
    max_in_flight: int = 128
    """Invocations of one connection that may run at once; beyond, it is not read from."""
    turn_s: float = 0.005
    """How long one connection may keep the event loop to itself, however much it sends."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, float) and math.isnan(value):
                raise ValueError(f"{name}: nan is no number")
        try:
            parse_origins(self.allowed_origins or "")
        except ValueError as error:
            raise ValueError(f"allowed-origins: {error}") from error
        if not self.host:
            raise ValueError("host: empty; 0.0.0.0 is every address of this machine")
        if not re.fullmatch("[A-Za-z0-9_-]{1,128}", self.stage):
            raise ValueError(
                f"stage {self.stage!r}: 1 to 128 letters, digits, - or _, as API Gateway has it"
            )

    def rules(self) -> Rules:
        """Return what the core is to decide by."""
        return Rules(
            # Anew, because --reload may have replaced the enumeration.
            topology=Topology(self.topology),
            seats=self.seats,
            message_rate=self.message_rate,
            message_burst=self.message_burst,
            max_payload_bytes=self.max_payload_bytes,
            origins=parse_origins(self.allowed_origins or ""),
        )
