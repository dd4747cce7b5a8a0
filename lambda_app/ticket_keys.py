"""The keys of join tickets: from SSM's Parameter Store, once per container, and when one is new."""

import time
from collections.abc import Callable
from typing import Any, Final

from poker_signal.core import tickets
from poker_signal.core.errors import MissingTicket, UnknownTicketKey
from poker_signal.core.model import Connect

REREAD_S: Final = 60
"""How often at most an unknown ``kid`` makes a container read again: anybody can make one up."""


class TicketKeys:
    """Checks tickets with the keys of a parameter, which is read when the first one comes."""

    def __init__(
        self, client: Any, parameter: str, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._parameter = parameter
        self._now_s = now_s
        self._keys: tickets.Keys | None = None
        self._read_at_s = 0.0

    def verify(self, ticket: str | None, connect: Connect) -> None:
        """Let a player pass who has a ticket.

        Raises:
            SignalError: the player has none, or not a valid one.
            BadKeys: the parameter holds no keys.
            Exception: SSM did not answer; the next ticket asks again.
        """
        if not ticket:
            raise MissingTicket  # nothing has to be read for that
        keys = self._keys
        if keys is None:
            keys = self._read()
        try:
            _verify(ticket, keys, connect)
        except UnknownTicketKey:
            if self._now_s() - self._read_at_s < REREAD_S:
                raise
            _verify(ticket, self._read(), connect)

    def _read(self) -> tickets.Keys:
        # Before the answer: where SSM is slow as well, nobody can make it be asked all the time.
        self._read_at_s = self._now_s()
        answer = self._client.get_parameter(Name=self._parameter, WithDecryption=True)
        self._keys = tickets.read_keys(answer["Parameter"]["Value"])
        return self._keys


def _verify(ticket: str, keys: tickets.Keys, connect: Connect) -> None:
    row = connect.row
    tickets.verify(ticket, keys, row.game_id, row.player_id, connect.at)
