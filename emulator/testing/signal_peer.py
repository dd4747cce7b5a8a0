"""A player that a test controls."""

from collections.abc import Coroutine
from typing import Any, NamedTuple, TypeVar

from poker_signal.emulator.client.connection import ABSENT, Client, Frame, NotHeard
from poker_signal.emulator.clock import Clock
from poker_signal.emulator.testing.background import Background

T = TypeVar("T")

PATIENCE_S = 10
"""Default timeout of an expectation in seconds, enough for a busy machine."""


class TimedFrame(NamedTuple):
    """A frame, and its arrival by the emulator's clock in epoch milliseconds."""

    at_ms: int
    frame: Frame


class SignalPeer:
    """A player's connection to the emulator; its frames wait until ``expect`` takes them."""

    def __init__(self, client: Client, game: str, clock: Clock, background: Background) -> None:
        self.player = client.player
        self.game = game
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
        frame = await self._do(self._client.expect(type, sender, within))
        self._expected.add(frame.number)
        return frame

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

    async def _do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        __tracebackhide__ = True
        try:
            return await self._background.wait(coroutine)
        except NotHeard as error:
            # The way through the other thread would only make the traceback longer.
            raise error.with_traceback(None) from None
