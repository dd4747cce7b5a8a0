"""One player whom a test plays."""

from collections.abc import Coroutine
from typing import Any, NamedTuple, TypeVar

from poker_signal.emulator.client.connection import ABSENT, Client, Frame, NotHeard
from poker_signal.emulator.clock import Clock
from poker_signal.emulator.testing.background import Background

T = TypeVar("T")

PATIENCE_S = 10
"""How long an expectation waits unless it says otherwise, on a busy machine too."""


class TimedFrame(NamedTuple):
    """A frame, and when it came by the emulator's clock, in epoch milliseconds."""

    at_ms: int
    frame: Frame


class SignalPeer:
    """A player's connection to the emulator; what it hears is kept until it is expected."""

    def __init__(self, client: Client, game: str, clock: Clock, background: Background) -> None:
        self.player = client.player
        self.game = game
        self._client = client
        self._background = background
        self._heard: list[TimedFrame] = []
        self._expected: set[int] = set()
        client.on_frame = lambda frame: self._heard.append(TimedFrame(clock.now_ms(), frame))

    @property
    def heard(self) -> list[Frame]:
        """Everything that came so far, in the order in which it came."""
        return [heard.frame for heard in self._heard]

    @property
    def close_code(self) -> int | None:
        """With what the connection ended; before, ``None``."""
        return self._client.close_code

    @property
    def close_reason(self) -> str:
        """Why, in the words of whoever closed it."""
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
        """Send a text frame, whatever it says.

        Raises:
            Ended: the connection has ended, or the emulator has stopped.
        """
        __tracebackhide__ = True
        await self._do(self._client.send_text(text))

    async def expect(
        self, type: str | None = None, sender: str | None = None, within: float = PATIENCE_S
    ) -> Frame:
        """Return the next frame that is of this type and by this sender; without them, the next.

        Frames that are of another kind stay where they are, for a later ``expect``. ``within``
        is in seconds of the machine's time, whatever the emulator's clock says.

        Raises:
            NotHeard: none came in time, or the connection ended; the text says what came.
            Ended: the emulator has stopped.
        """
        __tracebackhide__ = True
        frame = await self._do(self._client.expect(type, sender, within))
        self._expected.add(frame.number)
        return frame

    async def expect_nothing(self) -> None:
        """Check that nothing has come that was not expected.

        The peer pings, and the answer must be what it hears next: that takes no waiting, but
        tells only of what was sent to it before. Let whoever caused it be answered first.

        Raises:
            AssertionError: something has come.
            Ended: the connection has ended, or the emulator has stopped.
        """
        __tracebackhide__ = True
        await self.send("ping")
        await self.expect("pong")
        surplus = [frame.text for frame in self.heard if frame.number not in self._expected]
        assert not surplus, f"{self.player} heard {', '.join(surplus)}"

    async def expect_close(self, within: float = PATIENCE_S) -> int:
        """Return the code with which the connection ends.

        Raises:
            NotHeard: it did not end in time.
            Ended: the emulator has stopped.
        """
        __tracebackhide__ = True
        return await self._do(self._client.expect_close(within))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """End the connection properly.

        Raises:
            ValueError: no such code can be sent, or the reason is too long.
            Ended: the emulator has stopped.
        """
        __tracebackhide__ = True
        await self._do(self._client.close(code, reason))

    async def abort(self) -> None:
        """End the connection as a lost network does: without a word.

        Raises:
            Ended: the emulator has stopped.
        """

        async def abort() -> None:
            self._client.abort()

        await self._do(abort())

    def story(self) -> list[tuple[TimedFrame, bool]]:
        """Return everything that came, and whether the test has expected it."""
        return [(heard, heard.frame.number in self._expected) for heard in self._heard]

    async def _do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        __tracebackhide__ = True
        try:
            return await self._background.wait(coroutine)
        except NotHeard as error:
            # How it came here from the other thread helps nobody.
            raise error.with_traceback(None) from None
