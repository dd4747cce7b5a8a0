"""The ``@connections`` API. Only this module reads botocore's errors for a gone connection."""

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from poker_signal.core.model import ConnectionId


class CallThrottled(Exception):
    """429: too many calls, or the connection takes no more data. Nothing was done."""


MAX_IDLE_S = 20
"""Seconds without a call after which open TCP connections are not used again.

A container is frozen between invocations. Meanwhile the other side may have closed the connection,
or a NAT forgotten it: the first post would be lost, and a post may not be repeated.
"""


class ManagementApi:
    """The connections of one API. ``post`` and ``is_open`` may raise CallThrottled."""

    def __init__(self, client: Any, epoch_s: Callable[[], float] = time.time) -> None:
        self._client = client
        self._epoch_s = epoch_s
        self._used_at_s = epoch_s()

    def post(self, connection_id: ConnectionId, data: str) -> bool:
        """Send a text frame; return False if the connection is gone."""
        arguments = {"ConnectionId": connection_id, "Data": data.encode()}
        try:
            return self._unless_gone(self._client.post_to_connection, **arguments)
        except EndpointConnectionError:
            # No TCP connection was made, so nothing was sent. Only after this failure a post may be
            # repeated. Unlike a time-out it occurs at once, so the second attempt costs no time.
            return self._unless_gone(self._client.post_to_connection, **arguments)

    def is_open(self, connection_id: ConnectionId) -> bool:
        """Return whether the connection is open."""
        return self._unless_gone(self._client.get_connection, ConnectionId=connection_id)

    def close(self, connection_id: ConnectionId) -> bool:
        """Close the connection; return False if AWS failed to do so (429, 5xx, time-out).

        The newcomer that takes over is not refused for that. The old connection loses its row,
        so its next message is answered with NOT_CONNECTED.
        """
        try:
            self._unless_gone(self._client.delete_connection, ConnectionId=connection_id)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                raise
            return False
        except (HTTPClientError, CallThrottled):
            return False
        return True

    def _unless_gone(self, call: Any, **arguments: object) -> bool:
        # The wall clock goes on while the container is frozen; a monotonic one may not.
        now_s, last_s = self._epoch_s(), self._used_at_s
        self._used_at_s = now_s
        if abs(now_s - last_s) > MAX_IDLE_S:
            # Closes idle connections only: the client opens new ones.
            self._client.close()
        try:
            call(**arguments)
        except ClientError as error:
            # Compare the status: not every 410 has the header that names GoneException.
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 410:
                return False
            if status == 429:
                raise CallThrottled from error
            raise
        return True
