"""``@connections``: the only place that knows how boto says that somebody is gone."""

from typing import Any

from botocore.exceptions import ClientError, HTTPClientError

from poker_signal.core.model import ConnectionId


class Connections:
    """The connections of one API."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def post(self, connection_id: ConnectionId, data: str) -> bool:
        """Send a text frame; tell whether the connection is open."""
        return self._unless_gone(
            self._client.post_to_connection, ConnectionId=connection_id, Data=data.encode()
        )

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
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status != 429 and status < 500:
                raise
            return False
        except HTTPClientError:
            return False
        return True

    def _unless_gone(self, call: Any, **arguments: object) -> bool:
        try:
            call(**arguments)
        except ClientError as error:
            # By status: not every answer 410 carries the header that names GoneException.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 410:
                return False
            raise
        return True
