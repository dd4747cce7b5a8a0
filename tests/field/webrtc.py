"""RTCPeerConnections of one process, as far as signaling decides whether a channel opens.

Measured with the app in the field in Chromium, in seconds. No media, no SDP: a description is the
mark of the end that made it, and a candidate names the same mark.
"""

import asyncio
import itertools
import random
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

CONNECT_S = 0.1
"""ICE and DTLS between the last message and the open channel."""

CLOSE_S = 0.05
"""Until the other end hears that a channel was closed."""

DISCONNECTED_S = (5.0, 8.0)
FAILED_S = (15.1, 17.7)
"""Until an end whose other end has crashed changes to this state."""

PING_S = 3
MAX_MISSED_PINGS = 3

_marks = itertools.count(1)
_ends: "WeakValueDictionary[str, PeerConnection]" = WeakValueDictionary()
"""All ends by the mark of their last description, as a network would find them."""

# When the channel opens
#
# Each end needs the description of the other, and these must belong together: the mark that one
# end has as `remote` is the `local` of the other, and the reverse. An answer to an earlier offer
# does not fit. One candidate is enough, whichever end got it: the first check of that end tells
# the other its address.
# A second offer, of another connection of the host, may come into the same end. libwebrtc takes
# it as a restart of ICE. That works as long as this end never lost a connection; after that, ICE
# connects and the channel never opens.
# A crashed end is silent. Its other end says `disconnected`, then `failed`; the channel's `close`
# never comes. Only its heartbeat, a ping each PING_S, finds that out before.


class PeerConnection:
    """One end. Its three callbacks: the channel is open; it is closed; the connection is lost.

    ``cut`` is called when the heartbeat misses a fourth answer, ``failed`` at `disconnected` and
    `failed`.
    """

    def __init__(
        self,
        opened: Callable[[], None],
        closed: Callable[[], None],
        failed: Callable[[], None],
        cut: Callable[[], None],
        chance: random.Random,
    ) -> None:
        self.is_open = False
        """True while the data channel is open, as far as this end knows."""
        self._opened = opened
        self._closed = closed
        self._failed = failed
        self._cut = cut
        self._chance = chance
        self._loop = asyncio.get_running_loop()
        self._local = ""
        self._remote = ""
        self._has_candidate = False
        self._is_there = True
        self._is_dead = False
        """True once a connection was lost: no further one opens a channel."""
        self._other: PeerConnection | None = None
        """The end to which the channel was open last."""
        self._missed = 0
        self._heartbeat: asyncio.TimerHandle | None = None

    @property
    def has_remote(self) -> bool:
        """Return whether it has a description of the other end."""
        return bool(self._remote)

    def offer(self) -> dict[str, str]:
        """Return an offer, and wait for its answer."""
        return self._describe("offer")

    def answer(self, offer: dict[str, str]) -> dict[str, str]:
        """Return the answer to an offer, which replaces an earlier one."""
        self._remote = _mark_of(offer)
        self._has_candidate = False
        description = self._describe("answer")
        self._try()
        return description

    def accept(self, answer: dict[str, str]) -> None:
        """Take the answer of the other end."""
        self._remote = _mark_of(answer)
        self._try()

    def candidate(self, number: int) -> dict[str, Any]:
        """Return a candidate of this end."""
        text = f"candidate:{number} 1 udp 1 192.0.2.1 5000 typ host ufrag {self._local}"
        return {"candidate": text, "sdpMLineIndex": 0, "sdpMid": "0"}

    def add(self, candidate: dict[str, Any]) -> None:
        """Take a candidate of the other end; one of an earlier description has no effect."""
        if str(candidate["candidate"]).rpartition(" ")[2] == self._remote:
            self._has_candidate = True
            self._try()

    def close(self) -> None:
        """Close this end; the other one hears of it."""
        other = self._end()
        if other is not None:
            self._loop.call_later(CLOSE_S, other._hear_of_close, self)

    def crash(self) -> None:
        """End without a word, as when a page is killed."""
        other = self._end()
        if other is not None:
            for span in (DISCONNECTED_S, FAILED_S):
                self._loop.call_later(self._chance.uniform(*span), other._lose, self)

    def _describe(self, type_: str) -> dict[str, str]:
        self._local = f"m{next(_marks)}"
        _ends[self._local] = self
        return {"sdp": f"v=0 {self._local}", "type": type_}

    def _end(self) -> "PeerConnection | None":
        """Disappear from the network; return the other end if the channel was open."""
        was_open, self.is_open, self._is_there = self.is_open, False, False
        self._stop_heartbeat()
        return self._other if was_open else None

    def _fits(self) -> "PeerConnection | None":
        """Return the other end if a channel can open."""
        other = _ends.get(self._remote)
        if other is None or other._remote != self._local or other._local != self._remote:
            return None
        if not (self._has_candidate or other._has_candidate):
            return None
        both = (self, other)
        return other if all(end._is_there and not end._is_dead for end in both) else None

    def _try(self) -> None:
        if self._fits() is not None:
            self._loop.call_later(CONNECT_S, self._open)

    def _open(self) -> None:
        other = self._fits()
        if other is None or (self.is_open and self._other is other):
            return
        for end, its_other in ((self, other), (other, self)):
            end.is_open, end._other, end._missed = True, its_other, 0
            end._stop_heartbeat()
            end._heartbeat = self._loop.call_later(PING_S, end._ping)
            end._opened()

    def _ping(self) -> None:
        other = self._other
        is_answered = other is not None and other._is_there and other._other is self
        self._missed = 0 if is_answered else self._missed + 1
        if self._missed > MAX_MISSED_PINGS:
            self.is_open = False
            self._cut()
        else:
            self._heartbeat = self._loop.call_later(PING_S, self._ping)

    def _hear_of_close(self, other: "PeerConnection") -> None:
        if self._other is other and self._is_there:
            self._is_dead = True
            if self.is_open:
                self.is_open = False
                self._stop_heartbeat()
                self._closed()

    def _lose(self, other: "PeerConnection") -> None:
        if self._other is other and self._is_there:
            self._is_dead = True
            self._failed()

    def _stop_heartbeat(self) -> None:
        if self._heartbeat is not None:
            self._heartbeat.cancel()
            self._heartbeat = None


def _mark_of(description: dict[str, str]) -> str:
    return description["sdp"].rpartition(" ")[2]
