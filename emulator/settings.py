"""What the emulator can be told, with API Gateway's own numbers as defaults."""

from dataclasses import dataclass

from poker_signal.core.model import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the emulated API and its stage are set up, and which limits hold.

    Quotas are those of
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
    where no other source is named.
    """

    host: str = "127.0.0.1"
    port: int = 3001
    """0: any free one."""
    stage: str = "prod"
    topology: Topology = Topology.MESH

    idle_timeout_s: float = 600
    """A connection on which nobody says anything is closed with 1001."""
    max_duration_s: float = 7200
    """A connection is closed with 1001 at this age, whatever happens on it."""
    integration_timeout_s: float = 29
    max_frame_bytes: int = 32_768
    """On the wire, as compressed; a larger frame is closed with 1009."""
    max_message_bytes: int = 131_072
    """All frames of a message together, decompressed; a larger message is closed with 1009."""
    max_url_chars: int = 4096
    max_header_bytes: int = 10_240
    """Request line and headers; documented for REST APIs only."""
    permessage_deflate: bool = True
    pings_reset_idle: bool = False
    """AWS does not say; data messages certainly do."""
    abnormal_close_reason: str = "Connection closed abnormally"

    api_id: str = "pokerlocal"
    region: str = "us-west-2"
    account_id: str = "123456789012"

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
