"""Settings of the emulator; API Gateway's own limits are the defaults."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from poker_signal.core import configuration as rules
from poker_signal.core.configuration import Rules, Topology, parse_origins
from poker_signal.core.ice import IceConfig


class Option(NamedTuple):
    """Command-line option of a setting."""

    help: str
    name: str = ""
    """Name without the dashes; empty: the field's name."""
    least: float | None = None
    most: float | None = None
    above: bool = False
    """True if the minimum is exclusive."""


def _option(default: Any, help: str, **more: Any) -> Any:
    return field(default=default, metadata={"option": Option(help, **more)})


def _seconds(default: float, help: str, name: str, **more: Any) -> Any:
    return _option(default, help, name=name, **{"least": 0, "above": True, **more})


def _count(default: int | None, help: str, least: int = 1, **more: Any) -> Any:
    return _option(default, help, least=least, **more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Set-up and limits of the emulated API and its stage.

    Quotas are those of
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
    unless another source is named. Fields with an ``Option`` are options of
    ``poker-signal emulate``.
    """

    host: str = _option("127.0.0.1", "Host name or IP address to listen on.")
    port: int = _count(3001, "TCP port to listen on. 0: any free port.", 0, most=65535)
    stage: str = _option("prod", "Name of the stage, which is the path of the URL.")
    topology: Topology = _option(
        Topology.MESH, "mesh: all players may send to each other; star: players only to HOST."
    )
    seats: int = _count(rules.SEATS, "Players per game besides HOST. 0: no limit.", 0)
    message_rate: float = _option(
        rules.MESSAGE_RATE,
        "Messages per second of one connection; more are refused as RATE_LIMITED. 0: no limit.",
        least=0,
    )
    message_burst: int = _count(
        rules.MESSAGE_BURST, "Burst of --message-rate: messages at once from one connection."
    )
    max_payload_bytes: int = _count(
        rules.MAX_PAYLOAD_BYTES,
        "Largest payload of a relayed message, in bytes.",
        most=rules.LARGEST_PAYLOAD_BYTES,
    )
    allowed_origins: str | None = _option(
        None,
        "Comma-separated origins of web pages that may connect besides those of this machine, as "
        "in https://poker.example.com. *: all.  [default: none besides]",
    )

    later: bool = _option(
        True,
        "Watch joins until they end, and keep the connection of a waiting HOST open.  "
        "[default: on]",
    )
    auto_join: bool = _option(
        False, "Join a player who connects and sends no join, as table-poker needs it."
    )

    idle_timeout_s: float = _seconds(
        600, "Seconds without a message, in or out, before a close with 1001.", "idle-timeout"
    )
    max_duration_s: float = _seconds(
        7200, "Seconds before every connection is closed with 1001.", "max-duration"
    )
    integration_timeout_s: float = _seconds(
        29, "Seconds a handler may take.", "integration-timeout", least=0.05, above=False, most=29
    )
    max_frame_bytes: int = _count(32_768, "Largest frame from a client, in bytes on the wire.")
    max_message_bytes: int = _count(131_072, "Largest message from or to a client, in bytes.")
    max_url_chars: int = _count(4096, "Longest URL, in characters.")
    # AWS documents this quota for REST APIs only.
    max_header_bytes: int = _count(10_240, "Longest request line and headers together, in bytes.")
    serial: bool = False
    """True: messages of a connection run one after the other. False: all at once, as on AWS."""
    throttle_rate: float | None = _option(
        None,
        "Requests and messages per second in all; more are refused (429).  [default: no limit]",
        least=0,
    )
    throttle_burst: int | None = _count(
        None, "Burst of --throttle-rate: requests and messages at once.  [default: the rate]", 0
    )
    flood_rate: float | None = _option(
        None,
        "Messages per second from one client; above, it is closed with 1008.  [default: no limit]",
        least=0,
        above=True,
    )
    enforce_new_connection_rate: bool = _option(
        False, "Refuse new connections above 500 per second with 429, as AWS does."
    )
    permessage_deflate: bool = _option(True, "Accept compressed messages.  [default: on]")
    pings_reset_idle: bool = _option(False, "Let ping and pong frames restart --idle-timeout.")
    strict_sigv4: bool = _option(
        False, "Refuse @connections requests without a SigV4 Authorization header."
    )
    outbound_fragment_bytes: int | None = _count(
        None, "Split messages to clients into frames of this many bytes.  [default: one frame]"
    )
    abnormal_close_reason: str = _option(
        "Connection closed abnormally",
        "disconnectReason of a connection that ended without a close frame.",
    )

    base_path: str | None = _option(
        None,
        "Path of the API in place of the stage, as on a custom domain; / is none.  "
        "[default: the stage]",
    )
    domain_name: str | None = _option(None, "domainName in events.  [default: host and port]")
    api_id: str = _option("pokerlocal", "apiId in events.")
    region: str = _option("us-west-2", "AWS region in ARNs and for handlers.")
    account_id: str = _option("123456789012", "AWS account id in ARNs.")

    # Not an option: all users of the machine can read a command line.
    ticket_keys: Mapping[str, bytes] | None = field(default=None, repr=False)
    """Keys of join tickets by ``kid``. None: ``$connect`` needs no ticket."""
    ice: IceConfig | None = field(default=None, repr=False)
    """ICE servers that clients get in their ``welcome``. None: they get none."""

    shown_host: str | None = None
    """Host in the URLs for clients, if ``host`` is a wildcard address. None: ``host``."""
    inspector_token: str | None = field(default=None, repr=False)
    """Token for inspector requests from other machines. None: they are refused."""

    # Limits that every server needs, and AWS does not document.
    request_timeout_s: float = 10
    """Seconds from the first byte of an HTTP request to its last."""
    keep_alive_timeout_s: float = 75
    """Seconds that an HTTP connection may stay open between requests."""
    close_timeout_s: float = 1
    """Seconds that a peer may take to answer a close frame."""
    max_unread_bytes: int = 1_048_576
    """Bytes in the write buffer of a peer that does not read; beyond, it is disconnected. Eight
    messages of full size, and far more than a whole WebRTC handshake."""
    max_in_flight: int = 128
    """Concurrent invocations of one connection; at this number, reading from it is paused."""
    turn_s: float = 0.001
    """Most seconds that one connection may keep the event loop busy without a break."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, float) and math.isnan(value):
                raise ValueError(f"{name}: nan is not a number")
        try:
            self.origins()
        except ValueError as error:
            raise ValueError(f"allowed-origins: {error}") from error
        if not self.host:
            raise ValueError("host: empty; 0.0.0.0 is every address of this machine")
        if not re.fullmatch("[A-Za-z0-9_.-]{0,128}", (self.base_path or "").strip("/")):
            raise ValueError(f"base-path {self.base_path!r}: one segment of a path, or /")
        if not re.fullmatch("[A-Za-z0-9_-]{1,128}", self.stage):
            raise ValueError(
                f"stage {self.stage!r}: 1 to 128 letters, digits, - or _, as in API Gateway"
            )

    @property
    def path(self) -> str:
        """Path of the API: its stage, or the base path of a custom domain; empty for none."""
        path = self.stage if self.base_path is None else self.base_path.strip("/")
        return path and f"/{path}"

    def origins(self) -> frozenset[str] | None:
        """Return the origins of pages that may connect besides this machine's; None: all pages."""
        text = self.allowed_origins or ""
        if "*" in (part.strip() for part in text.split(",")):
            return None
        return parse_origins(text)

    def rules(self) -> Rules:
        """Return the settings of the core's rules.

        Without origins: the gateway lets pages in, whatever function runs behind it.
        """
        # Imported and converted here: --reload may have replaced the core since.
        from poker_signal.core.configuration import Rules, Topology

        return Rules(
            topology=Topology(self.topology),
            seats=self.seats,
            message_rate=self.message_rate,
            message_burst=self.message_burst,
            max_payload_bytes=self.max_payload_bytes,
            later=self.later,
            auto_join=self.auto_join,
            ice=self.ice is not None,
        )
