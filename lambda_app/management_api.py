"""``@connections``: the only place that knows how boto says that somebody is gone."""

from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from poker_signal.core.model import ConnectionId


class CallThrottled(Exception):
    """The API is called too often, or a connection takes no more data; nothing was done."""


class ManagementApi:
    """The connections of one API. ``post`` and ``is_open`` may raise CallThrottled."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def post(self, connection_id: ConnectionId, data: str) -> bool:
        """Send a text frame; tell whether the connection is open."""
        arguments = {"ConnectionId": connection_id, "Data": data.encode()}
        try:
            return self._unless_gone(self._client.post_to_connection, **arguments)
        except EndpointConnectionError:
            # No connection came about, so nothing was sent: the one failure that a post may be
            # repeated after. It fails at once, unlike a time-out, and costs no patience.
            return self._unless_gone(self._client.post_to_connection, **arguments)

    def is_open(self, connection_id: ConnectionId) -> bool:
        """Tell whether the connection is open."""
        return self._unless_gone(self._client.get_connection, ConnectionId=connection_id)

    def close(self, connection_id: ConnectionId) -> bool:
        """Close the connection; tell whether that is done.

        Whoever took its seat is not refused because AWS fails at this: without a row it is
        nobody's connection, and hears so when it speaks.
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
        try:
            call(**arguments)
        except ClientError as error:
            # By status: not every answer 410 carries the header that names GoneException.
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 410:
                return False
            if status == 429:
                raise CallThrottled from error
            raise
        return True
