"""``@connections`` as a Python protocol: the calls of the ApiGatewayManagementApi, in process."""

from typing import NamedTuple, Protocol

from poker_signal.core.aws_event import Identity


class ConnectionInfo(NamedTuple):
    """The result of GetConnection."""

    connected_at_ms: int
    last_active_at_ms: int
    identity: Identity


class Connections(Protocol):
    """The open connections of an API. Each call may raise LimitExceeded."""

    def post(self, connection_id: str, data: str) -> bool:
        """Send a text frame; False: the connection is gone."""

    def get(self, connection_id: str) -> ConnectionInfo | None:
        """Return the state of an open connection; None: it is gone."""

    def delete(self, connection_id: str) -> bool:
        """Close a connection; False: it was gone."""
