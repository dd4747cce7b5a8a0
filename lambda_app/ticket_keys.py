"""The keys of join tickets, read from SSM Parameter Store and cached per container."""

import time
from collections.abc import Callable
from typing import Any, Final

from poker_signal.core import tickets
from poker_signal.core.errors import MissingTicket, UnknownTicketKey
from poker_signal.core.model import Connect

REREAD_S: Final = 60
"""Minimum seconds between two reads for an unknown ``kid``: any client can invent one."""


RETRY_S: Final = REREAD_S / 10
"""Seconds after a failed read in which no other is tried: any client can send a ticket, and SSM
takes 40 calls a second from the whole account."""


class TicketKeys:
    """Ticket checker. It reads the parameter with the keys at the first ticket."""

    def __init__(
        self, client: Any, parameter: str, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._parameter = parameter
        self._now_s = now_s
        self._keys: tickets.Keys | None = None
        self._read_at_s = 0.0
        self._failure: Exception | None = None
        """The last read's failure; None: it succeeded."""

    def verify(self, ticket: str | None, connect: Connect) -> None:
        """Check that a ticket admits the player who connects.

        Raises:
            SignalError: there is no ticket, or it is not valid.
            BadKeys: the parameter holds no keys.
            Exception: SSM failed; after RETRY_S, a ticket reads the parameter again.
        """
        if not ticket:
            raise MissingTicket  # before the parameter is read
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
        now_s = self._now_s()
        if self._failure is not None and now_s - self._read_at_s < RETRY_S:
            raise self._failure.with_traceback(None)
        # Set before the call, so that invented kids cannot cause call after call of a slow SSM.
        self._read_at_s = now_s
        try:
            answer = self._client.get_parameter(Name=self._parameter, WithDecryption=True)
            self._keys = tickets.read_keys(answer["Parameter"]["Value"])
        except Exception as error:
            self._failure = error
            raise
        self._failure = None
        return self._keys


def _verify(ticket: str, keys: tickets.Keys, connect: Connect) -> None:
    row = connect.row
    tickets.verify(ticket, keys, row.game_id, row.player_id, connect.at)
