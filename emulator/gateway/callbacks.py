"""``@connections`` for a function in this process: called directly, and throttled all the same.

On AWS a function's calls count against the same throttle as its clients' messages do.
"""

from poker_signal.emulator.aws.throttling import Throttled, TokenBucket
from poker_signal.emulator.functions.signaling import Connections


class ThrottledConnections:
    """Connections that may be asked for something only so often."""

    def __init__(self, connections: Connections, throttle: TokenBucket) -> None:
        self._connections = connections
        self._throttle = throttle

    def post(self, connection_id: str, data: str) -> bool:
        """Send a text frame; tell whether the connection is open.

        Raises:
            Throttled: this was one call too many.
        """
        self._take()
        return self._connections.post(connection_id, data)

    def is_open(self, connection_id: str) -> bool:
        """Tell whether the connection is open.

        Raises:
            Throttled: this was one call too many.
        """
        self._take()
        return self._connections.is_open(connection_id)

    def close(self, connection_id: str) -> bool:
        """Close the connection; tell whether it was open.

        Raises:
            Throttled: this was one call too many.
        """
        self._take()
        return self._connections.close(connection_id)

    def _take(self) -> None:
        if not self._throttle.take():
            raise Throttled
