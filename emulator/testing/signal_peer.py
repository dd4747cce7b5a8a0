"""A player that a test controls."""

import itertools
from collections.abc import Coroutine
from typing import Any, NamedTuple, TypeVar

from poker_signal.core.model import PRESENCE, WANTS
from poker_signal.emulator.client.connection import ABSENT, Client, Frame, NotHeard
from poker_signal.emulator.clock import Clock
from poker_signal.emulator.testing.background import Background

T = TypeVar("T")

CLIENT = "poker-signal-pytest/1"
"""Name and version in a ``hello``."""

_CAME = frozenset({"player-joined", "host-back"})
_LEFT = frozenset({"player-left", "host-away"})

PATIENCE_S = 10
"""Default timeout of an expectation in seconds, enough for a busy machine."""


class TimedFrame(NamedTuple):
    """A frame, and its arrival by the emulator's clock in epoch milliseconds."""

    at_ms: int
    frame: Frame


def words_of(wants: str | None) -> frozenset[str]:
    """Return the words of ``wants``.

    Raises:
        ValueError: the server knows one of them not.
    """
    words = frozenset(wants.split(",") if wants else ())
    if unknown := sorted(words - WANTS):
        known = ", ".join(sorted(WANTS))
        raise ValueError(f"wants={wants!r}: {unknown[0]!r} is none of {known}")
    return words


class SignalPeer:
    """A player's connection to the emulator; its frames wait until ``expect`` takes them."""

    def __init__(
        self,
        client: Client,
        game: str,
        clock: Clock,
        background: Background,
        wants: str | None = None,
    ) -> None:
        self.player = client.player
        self.game = game
        self._wants = words_of(wants)
        self._ids = itertools.count(1)
        self.connection_id = ""
        """Id of the connection in the trace; empty: it is not kept there."""
        self._client = client
        self._background = background
        self._heard: list[TimedFrame] = []
        self._expected: set[int] = set()
        client.on_frame = lambda frame: self._heard.append(TimedFrame(clock.now_ms(), frame))

    @property
    def heard(self) -> list[Frame]:
        """All frames that came so far, in order."""
        return [heard.frame for heard in self._heard]

    @property
    def players(self) -> list[str]:
        """Other players of the game, as far as the server has told: by ``hello`` and presence.

        In the order in which they were told. Of two frames about one player, the one with the
        larger version is true.
        """
        players: list[str] = []
        versions: dict[str, int] = {}
        for frame in self.heard:
            payload = frame.payload if isinstance(frame.payload, dict) else {}
            if frame.type == "welcome":
                players = list(payload.get("players") or [])
            if frame.type not in _CAME | _LEFT:
                continue
            player, version = str(payload.get("playerId")), payload.get("version", 0)
            if version < versions.get(player, 0):
                continue
            versions[player] = version
            if player in players:
                players.remove(player)
            if frame.type in _CAME:
                players.append(player)
        return players

    @property
    def close_code(self) -> int | None:
        """Close code of the connection; ``None`` until it ends."""
        return self._client.close_code

    @property
    def close_reason(self) -> str:
        """Close reason that the closing side gave."""
        return self._client.close_reason

    async def send(
        self, type: str, target: str | None = None, payload: Any = ABSENT, id: Any = ABSENT
    ) -> None:
        """Send a message of the wire protocol.

        Raises:
            Ended: the connection has ended, or the emulator has stopped.
        """
        __tracebackhide__ = True
        await self._do(self._client.send(type, target, payload, id))

    async def send_text(self, text: str) -> None:
        """Send a text frame with any text.

        Raises:
            Ended: the connection has ended, or the emulator has stopped.
        """
        __tracebackhide__ = True
        await self._do(self._client.send_text(text))

    async def expect(
        self, type: str | None = None, sender: str | None = None, within: float = PATIENCE_S
    ) -> Frame:
        """Return the next frame with this type and this sender; None: with any.

        Other frames stay in the queue for a later ``expect``. ``within`` is the timeout in
        seconds of the machine's time, not of the emulator's clock.

        Raises:
            NotHeard: none came in time, or the connection ended; the text has what came.
            Ended: the emulator has stopped.
        """
        __tracebackhide__ = True
        return await self._claimed(self._client.expect(type, sender, within))

    async def hello(self, within: float = PATIENCE_S) -> Frame:
        """Send a ``hello``; return the ``welcome``. ``players`` then has the others of the game.

        Raises:
            NotHeard: it was refused, or no welcome came in time; the text has what came.
            Ended: the connection has ended, or the emulator has stopped.
        """
        __tracebackhide__ = True
        asked = self._next_id("hello")
        await self.send("hello", payload={"client": CLIENT}, id=asked)
        return await self._answer("welcome", asked, "the “welcome”", within)

    async def report(
        self,
        state: str,
        of: str,
        *,
        ms: float | None = None,
        pair: str | None = None,
        error: str | None = None,
        within: float = PATIENCE_S,
    ) -> None:
        """Report the state of the WebRTC connection to a player; return once the server has it.

        ``state``: connected, failed, disconnected or closed. ``ms``: milliseconds that it took.
        ``pair``: kinds of the two candidates, as in ``host/relay``. ``error``: a sentence.

        Raises:
            NotHeard: it was refused, or there was no answer in time; the text has what came.
            Ended: the connection has ended, or the emulator has stopped.
        """
        __tracebackhide__ = True
        asked = self._next_id("report")
        figures = {"state": state, "ms": ms, "pair": pair, "error": error}
        payload = {name: value for name, value in figures.items() if value is not None}
        await self.send("report", of, payload, asked)
        await self._answer("ack", asked, "the “ack” of the report", within)

    async def expect_arrival(self, player: str, within: float = PATIENCE_S) -> Frame:
        """Return the next frame that tells that a player came: player-joined, or host-back.

        Raises:
            ValueError: the peer was connected without ``wants="presence"``.
            NotHeard: none came in time, or the connection ended; the text has what came.
            Ended: the emulator has stopped.
        """
        __tracebackhide__ = True
        return await self._expect_presence(_CAME, player, "arrival", within)

    async def expect_departure(self, player: str, within: float = PATIENCE_S) -> Frame:
        """Return the next frame that tells that a player left: player-left, or host-away.

        The server tells it 5 s after the connection has ended: with ``signal_clock``, advance it.

        Raises:
            ValueError: the peer was connected without ``wants="presence"``.
            NotHeard: none came in time, or the connection ended; the text has what came.
            Ended: the emulator has stopped.
        """
        __tracebackhide__ = True
        return await self._expect_presence(_LEFT, player, "departure", within)

    async def expect_nothing(self) -> None:
        """Check that no frame has come that was not expected.

        The peer sends a ping and awaits the pong, so this needs no timeout. It covers the frames
        sent before the pong: first wait until the action that might cause one has been answered.

        Raises:
            AssertionError: a frame has come.
            Ended: the connection has ended, or the emulator has stopped.
        """
        __tracebackhide__ = True
        await self.send("ping")
        await self.expect("pong")
        surplus = [frame.text for frame in self.heard if frame.number not in self._expected]
        assert not surplus, f"{self.player} heard {', '.join(surplus)}"

    async def expect_close(self, within: float = PATIENCE_S) -> int:
        """Wait until the connection ends; return its close code.

        Raises:
            NotHeard: it did not end in time.
            Ended: the emulator has stopped.
        """
        __tracebackhide__ = True
        return await self._do(self._client.expect_close(within))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection with a close frame.

        Raises:
            ValueError: the code cannot be sent, or the reason is too long.
            Ended: the emulator has stopped.
        """
        __tracebackhide__ = True
        await self._do(self._client.close(code, reason))

    async def abort(self) -> None:
        """End the connection without a close frame, as a lost network does.

        Raises:
            Ended: the emulator has stopped.
        """

        async def abort() -> None:
            self._client.abort()

        await self._do(abort())

    def story(self) -> list[tuple[TimedFrame, bool]]:
        """Return all frames that came, each with whether the test has expected it."""
        return [(heard, heard.frame.number in self._expected) for heard in self._heard]

    async def _expect_presence(
        self, types: frozenset[str], player: str, what: str, within: float
    ) -> Frame:
        __tracebackhide__ = True
        if PRESENCE not in self._wants:
            raise ValueError(
                f"{self.player} hears of no {what}: connect it with "
                f'signal_peer("{self.player}", wants="presence")'
            )

        def fits(frame: Frame) -> bool:
            has_player = isinstance(frame.payload, dict) and frame.payload.get("playerId") == player
            return frame.type in types and has_player

        waiting = self._client.expect_where(fits, f"the {what} of “{player}”", within)
        return await self._claimed(waiting)

    async def _answer(self, type_: str, asked: str, awaited: str, within: float) -> Frame:
        """Return the answer with this type to a message with this id.

        Raises:
            NotHeard: another answer came, or none in time.
        """
        __tracebackhide__ = True

        def fits(frame: Frame) -> bool:
            return isinstance(frame.body, dict) and frame.body.get("id") == asked

        frame = await self._claimed(self._client.expect_where(fits, awaited, within))
        if frame.type != type_:
            raise NotHeard(awaited, within, [frame], "")
        return frame

    async def _claimed(self, waiting: Coroutine[Any, Any, Frame]) -> Frame:
        __tracebackhide__ = True
        frame = await self._do(waiting)
        self._expected.add(frame.number)
        return frame

    def _next_id(self, type_: str) -> str:
        """Return an id that no test makes up by accident."""
        return f"signal-peer-{type_}-{next(self._ids)}"

    async def _do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        __tracebackhide__ = True
        try:
            return await self._background.wait(coroutine)
        except NotHeard as error:
            # The way through the other thread would only make the traceback longer.
            raise error.with_traceback(None) from None
