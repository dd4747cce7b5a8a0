"""Fault injection: failures of AWS on purpose, reproducible, and changeable at run time.

A fault strikes depending on its seed and on the events before, and on nothing else: the same
events in the same order give the same faults. The faults are explained in docs/faults.md.
"""

import contextlib
import json
import random
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from poker_signal.emulator.aws.events import Facts
from poker_signal.emulator.aws.results import (
    Dropped,
    Forward,
    Integration,
    NotInvokable,
    Result,
    Running,
)
from poker_signal.emulator.aws.throttling import LimitExceeded
from poker_signal.emulator.clock import Clock, duration
from poker_signal.emulator.trace.entries import DROPPED, NOT_INVOKED, Fault
from poker_signal.emulator.trace.trace import Trace

if TYPE_CHECKING:
    from poker_signal.emulator.faults.spec import Spec

GOING_AWAY = 1001

_FAILED_UPDATE = ("UpdateItem: 500", "an update of a row fails")
"""Detail and effect of ``fail-update``."""

# The gateway calls `Faults` at four places (`around`, `finds`, `opened`, `misses_disconnect`), and
# at none of them unless `are_active`. An event meets the faults in this order:
#   1. gateway        flood limit, throttle, route and trace entry come before all faults
#   2. starts_of      drop, delay, reorder, duplicate, in the order in which they were added. They
#                     plan the invocations. A drop returns Dropped; later faults do not see the
#                     event
#   3. after          the scheduler: a timer of the gateway's clock per planned invocation, unless
#                     its delay is 0. The integration timeout is already running
#   4. run            integration-error, which ends it; then cold-start, a second delay
#   5. the function   each of its posts and probes meets throttle (429), then gone (410): `finds`
# Each invocation takes steps 3 to 5 by itself; the gateway gets the first one's result.
# Connections meet ghost and go-away in `opened` or `add`. The $disconnect of a closed connection
# is skipped by ghost, or else by miss-disconnect. index-lag is in the table (lagging_*.py).
# All state is written on the event loop; other threads use `tell_of_lag_from_thread`.


_HELD = {"reorder": "held for up to {}", "slow-write": "answered {} later"}
"""Effects of faults that delay; of the others, ``held for``."""


class Connection(Protocol):
    """An open WebSocket, as far as faults use it."""

    @property
    def facts(self) -> Facts:
        """Facts about the connection that do not change."""

    @property
    def is_open(self) -> bool:
        """True while frames can be posted."""

    def close(self, code: int, reason: str = "") -> None:
        """Start the closing handshake."""

    def abort(self) -> None:
        """Close the socket without a close frame."""


class Event(NamedTuple):
    """An event for a function, as faults select it."""

    name: str
    """Reserved route key, or a message's type; ``?`` if it has none."""
    facts: Facts
    raw: Mapping[str, Any]

    @property
    def is_message(self) -> bool:
        """True if a client sent it."""
        return self.raw["requestContext"]["eventType"] == "MESSAGE"  # type: ignore[no-any-return] # of JSON


class Start(NamedTuple):
    """A planned invocation for an event."""

    after_s: float
    """Delay in seconds; 0: at once."""
    again: "_Fault | None" = None
    """The ``duplicate`` fault that caused this copy; None for the original."""


class _Fault:
    """An active fault, with its random numbers and its counts of subjects and strikes."""

    def __init__(self, spec: "Spec", seed: int) -> None:
        self.spec = spec
        # Not shared: adding another fault does not change when this one strikes.
        self.random = random.Random(f"{seed} {spec.text}")
        self.seen = 0
        """Number of subjects (events, players) that the selector allowed."""
        self.struck = 0

    def fires(self, subject: str) -> bool:
        """Count a subject (event or player) if the selector allows it; return whether to strike."""
        spec = self.spec
        if spec.selector is not None and spec.selector != subject:
            return False
        self.seen += 1
        if spec.nth is not None and self.seen != spec.nth:
            return False
        if self.seen % spec.every:
            return False
        return spec.share == 1 or self.random.random() < spec.share

    def fires_at(self, event: Event) -> bool:
        """Return ``fires`` for an event, and for its sender if the selector is a player."""
        sender = self.spec.sender
        if sender is not None and (not event.is_message or sender != event.facts.label.name):
            return False
        return self.fires(event.name)


class Faults:
    """The active faults of one emulator.

    ``types``: the types of messages that its handlers know; None: any.

    Raises:
        BadFault: one of ``specs`` is invalid, or is given twice.
    """

    def __init__(
        self,
        specs: Iterable[str] = (),
        seed: int = 0,
        types: Collection[str] | None = None,
    ) -> None:
        self._seed = seed
        self._types = types
        self._faults: list[_Fault] = []
        self._watchers: list[Callable[[], None]] = []
        self._ghosts: set[str] = set()
        """Ids of open connections whose ``$disconnect`` will be skipped."""
        self._idle: Counter[int] = Counter()
        """Number of idle containers, by the integration's ``id()``."""
        self.clock: Clock
        """The gateway's clock, set by ``attach``."""
        self._trace: Trace
        self.call_soon: Callable[[Callable[[], None]], object]
        """The event loop's ``call_soon_threadsafe``, set when the emulator starts."""
        self._connections: Callable[[], Iterable[Connection]] = tuple
        for spec in specs:
            self.add(spec)

    # For users, at any time.

    def add(self, spec: str) -> None:
        """Activate a fault, also for connections that are already open.

        Raises:
            BadFault: it is invalid, or is active already.
        """
        # Imported here: without faults, the emulator starts without the grammar.
        import poker_signal.emulator.faults.spec as fault_spec

        if spec in self.active():
            raise fault_spec.BadFault(f"{spec}: is active already")
        fault = _Fault(fault_spec.parse(spec, self._types), self._seed)
        self._faults.append(fault)
        self._changed()
        for connection in list(self._connections()):
            self._may_end(fault, connection)

    def remove(self, spec: str) -> None:
        """Deactivate a fault.

        Raises:
            BadFault: it is not active.
        """
        import poker_signal.emulator.faults.spec as fault_spec

        left = [fault for fault in self._faults if fault.spec.text != spec]
        if len(left) == len(self._faults):
            active = ", ".join(self.active()) or "-"
            raise fault_spec.BadFault(f"{spec}: is not active; active are {active}")
        self._faults = left
        self._changed()

    def active(self) -> list[str]:
        """Return the active faults, in the order in which they were added."""
        return [fault.spec.text for fault in self._faults]

    def struck(self) -> dict[str, int]:
        """Return the number of strikes of each active fault since it was added."""
        return {fault.spec.text: fault.struck for fault in self._faults}

    def in_words(self) -> list[tuple[str, str]]:
        """Return each active fault with its effect in words."""
        if not self._faults:
            return []
        from poker_signal.emulator.faults.words import effect_of

        return [(fault.spec.text, effect_of(fault.spec)) for fault in self._faults]

    def never_struck(self) -> dict[str, str]:
        """Return the active faults that never struck, each with a sentence that says so."""
        idle = [fault for fault in self._faults if not fault.struck]
        if not idle:
            return {}
        from poker_signal.emulator.faults.words import never_struck

        return {fault.spec.text: never_struck(fault.spec, fault.seen) for fault in idle}

    @property
    def index_lag_s(self) -> float:
        """Seconds by which reads of an index lag. 0: no lag."""
        return sum(fault.spec.duration_s for fault in self._of("index-lag"))

    # For the gateway and the functions.

    def attach(
        self, clock: Clock, trace: Trace, connections: Callable[[], Iterable[Connection]]
    ) -> None:
        """Use a gateway's clock, trace and open connections."""
        self.clock = clock
        self._trace = trace
        self._connections = connections

    def watch(self, changed: Callable[[], None]) -> None:
        """Call back now, and whenever ``are_active`` or ``index_lag_s`` may have changed."""
        self._watchers.append(changed)
        changed()

    @property
    def are_active(self) -> bool:
        """True while a fault is active, or a ghost's ``$disconnect`` is still to be skipped."""
        return bool(self._faults or self._ghosts)

    def opened(self, connection: Connection) -> None:
        """Apply ``ghost`` and ``go-away`` to a new connection."""
        for fault in self._faults:
            self._may_end(fault, connection)

    def finds(self, facts: Facts) -> bool:
        """Return whether ``@connections`` finds an open connection; False: it answers 410.

        Raises:
            LimitExceeded: it answers 429.
        """
        if self._fire("throttle", facts, "@connections: 429", "@connections answers 429"):
            raise LimitExceeded
        return not self._fire("gone", facts, "@connections: 410", "@connections answers 410")

    def fails_update(self) -> bool:
        """Return whether an update of a row fails; called on the event loop."""
        return self._fire("fail-update", None, *_FAILED_UPDATE) is not None

    def fails_update_in_thread(self) -> bool:
        """Return ``fails_update``, from any thread."""
        failing = [fault for fault in self._of("fail-update") if fault.fires("")]
        with contextlib.suppress(RuntimeError):
            for fault in failing:
                self.call_soon(partial(self._tell, fault, None, *_FAILED_UPDATE))
        return bool(failing)

    @property
    def can_fail_updates(self) -> bool:
        """True while updates of rows may fail."""
        return bool(self._of("fail-update"))

    def misses_disconnect(self, facts: Facts) -> bool:
        """Return whether to skip ``$disconnect`` for a closed connection."""
        if facts.connection_id in self._ghosts:
            self._ghosts.discard(facts.connection_id)
            self._changed()
            return True
        effect = "$disconnect is not invoked"
        return self._fire("miss-disconnect", facts, "$disconnect", effect) is not None

    def around(self, integration: Integration, facts: Facts) -> Integration:
        """Return the integration with the faults for a connection's events in front of it."""
        return _Troubled(self, integration, facts)

    # Faults of invocations.

    def starts_of(self, event: Event) -> list[Start] | Dropped:
        """Return the planned invocations for an event, or the fault that drops it."""
        starts = [Start(0)]
        for fault in self._of("drop", "delay", "reorder", "duplicate"):
            spec = fault.spec
            if spec.selector is None and not event.is_message:
                continue
            if not fault.fires_at(event):
                continue
            if spec.kind == "duplicate":
                starts.append(Start(starts[-1].after_s + spec.duration_s, fault))
                continue
            if spec.kind == "drop":
                self._tell_event(fault, event, DROPPED)
                return Dropped(spec.text)
            late_s = spec.duration_s * (fault.random.random() if spec.kind == "reorder" else 1)
            starts = [start._replace(after_s=start.after_s + late_s) for start in starts]
            self._tell_held(fault, event, starts[0].after_s)
        return starts

    def run(self, integration: Integration, event: Event) -> Result | Running:
        """Invoke a function, unless integration-error strikes, and after a cold start if needed."""
        failing = [fault for fault in self._of("integration-error") if fault.fires_at(event)]
        for fault in failing:
            self._tell_event(fault, event, NOT_INVOKED)
        if failing:
            return NotInvokable(f"by --fault {failing[0].spec.text}")
        container = id(integration)
        cold_s = self._cold_start_s(container, event)
        if not cold_s and self._idle[container]:
            self._idle[container] -= 1
        result = self.after(cold_s, lambda: _result_of(integration, event.raw))
        if event.name == "$connect":
            result = self._slowed(result, event)
        if isinstance(result, Running):
            return _passing(result, lambda: self._idle.update([container]))
        self._idle[container] += 1
        return result

    def _slowed(self, result: Result | Running, event: Event) -> Result | Running:
        """Return the result of a ``$connect``, later if the answer to its write is slow."""
        player = event.facts.label.name
        fired = [fault for fault in self._of("slow-write") if fault.fires(player)]
        if not fired:
            return result
        for fault in fired:
            self._tell_held(fault, event, fault.spec.duration_s)
        slow_s = fired[0].spec.duration_s
        running = Running()

        def answered(result: Result) -> None:
            self.clock.call_later(slow_s, lambda: running.finish(result))

        _follow(result, answered)
        return running

    def after(self, delay_s: float, invoke: Callable[[], Result | Running]) -> Result | Running:
        """Call ``invoke`` after a delay by the gateway's clock; 0: at once."""
        if not delay_s:
            return invoke()
        running = Running()
        self.clock.call_later(delay_s, lambda: _follow(invoke(), running.finish))
        return running

    def _cold_start_s(self, container: int, event: Event) -> float:
        for fault in self._of("cold-start"):
            # A narrow fault means certain events; any other one strikes if no container is idle.
            if (fault.spec.is_narrow or not self._idle[container]) and fault.fires_at(event):
                self._tell_held(fault, event, fault.spec.duration_s)
                return fault.spec.duration_s
        return 0

    # Faults of connections.

    def _may_end(self, fault: _Fault, connection: Connection) -> None:
        kind = fault.spec.kind
        if kind not in {"ghost", "go-away"} or not fault.fires(connection.facts.label.name):
            return

        def end() -> None:
            if not connection.is_open:
                return
            if kind == "go-away":
                self._tell(fault, connection.facts, "", "closed with 1001")
                connection.close(GOING_AWAY, "Going away")
                return
            self._tell(fault, connection.facts, "", "cut without a close frame")
            self._ghosts.add(connection.facts.connection_id)
            self._changed()
            connection.abort()

        if fault.spec.duration_s:
            self.clock.call_later(fault.spec.duration_s, end)
        else:
            end()

    # Common parts.

    def _of(self, *kinds: str) -> list[_Fault]:
        return [fault for fault in self._faults if fault.spec.kind in kinds]

    def _fire(self, kind: str, facts: Facts | None, detail: str, effect: str) -> _Fault | None:
        player = "" if facts is None else facts.label.name
        fired = [fault for fault in self._of(kind) if fault.fires(player)]
        for fault in fired:
            self._tell(fault, facts, detail, effect)
        return fired[0] if fired else None

    def _tell(self, fault: _Fault, facts: Facts | None, detail: str, effect: str) -> None:
        """Count a strike, and add it to the trace."""
        fault.struck += 1
        self._trace.add(Fault(self.clock.now_ms(), facts, fault.spec.text, detail, effect))

    def _tell_event(
        self, fault: _Fault, event: Event, effect: str, until_ms: int | None = None, more: str = ""
    ) -> None:
        """Count a strike at an event, and add it to the trace, after the event's own entry."""
        fault.struck += 1
        self._trace.add(
            Fault(
                self.clock.now_ms(),
                event.facts,
                fault.spec.text,
                event.name + more,
                effect,
                event.raw["requestContext"]["requestId"],
                event.raw["body"] if event.is_message else None,
                until_ms,
            )
        )

    def _tell_held(self, fault: _Fault, event: Event, held_s: float) -> None:
        # The longest one, also for a random time: strikes with the same words share a line.
        effect = _HELD.get(fault.spec.kind, "held for {}").format(duration(fault.spec.duration_s))
        until_ms = self.clock.now_ms() + round(held_s * 1000)
        self._tell_event(fault, event, effect, until_ms)

    def tell_of_copy(self, fault: _Fault, event: Event) -> None:
        """Add to the trace that the second invocation for an event has ended."""
        self._tell_event(fault, event, "invoked once more", more=", once more")

    def tell_of_lag(self) -> None:
        """Add to the trace that old data was read from an index."""
        for fault in self._of("index-lag"):
            self._tell(fault, None, "a lagging index was read", "a lagging index was read")

    def tell_of_lag_from_thread(self) -> None:
        """Call ``tell_of_lag`` on the event loop, from any thread."""
        # RuntimeError: the emulator has stopped meanwhile, and its event loop is closed.
        with contextlib.suppress(RuntimeError):
            self.call_soon(self.tell_of_lag)

    def _changed(self) -> None:
        for changed in self._watchers:
            changed()


class _Troubled:
    """Integration that applies the faults of invocations before it calls the real one."""

    def __init__(self, faults: Faults, integration: Integration, facts: Facts) -> None:
        self._faults = faults
        self._integration = integration
        self._facts = facts

    def invoke(self, event: Mapping[str, Any], may_forward: bool = False) -> Result | Running:
        """Start the planned invocations; return the first one's result, or Dropped."""
        struck = Event(_name_of(event), self._facts, event)
        starts = self._faults.starts_of(struck)
        if isinstance(starts, Dropped):
            return starts
        first, *more = (self._start(start, struck) for start in starts)
        for start, result in zip(starts[1:], more, strict=True):
            _follow(result, partial(self._tell_of_copy, start, struck))
        return first

    def _start(self, start: Start, event: Event) -> Result | Running:
        return self._faults.after(start.after_s, lambda: self._faults.run(self._integration, event))

    def _tell_of_copy(self, start: Start, event: Event, result: Result) -> None:
        assert start.again is not None, "the first one is followed by the gateway"
        self._faults.tell_of_copy(start.again, event)


def _result_of(integration: Integration, event: Mapping[str, Any]) -> Result | Running:
    """Invoke without ``may_forward``: the function posts itself, and each post meets the faults."""
    result = integration.invoke(event)
    assert not isinstance(result, Forward), "it was not asked for one"
    return result


def _follow(result: Result | Running, then: Callable[[Result], None]) -> None:
    """Call ``then`` with a result, now or once it is there."""
    if isinstance(result, Running):
        result.then(then)
    else:
        then(result)


def _passing(inner: Running, ended: Callable[[], None]) -> Running:
    """Return a Running that finishes with ``inner``'s result, after calling ``ended``."""
    outer = Running()

    def finish(result: Result) -> None:
        ended()
        outer.finish(result)

    inner.then(finish)
    return outer


def _name_of(event: Mapping[str, Any]) -> str:
    """Return an event's reserved route key, or its message's type; ``?`` if it has none."""
    context = event["requestContext"]
    if context["eventType"] != "MESSAGE":
        return "$connect" if context["eventType"] == "CONNECT" else "$disconnect"
    try:
        message = json.loads(event["body"])
    except (ValueError, RecursionError):
        return "?"
    type_ = message.get("type") if isinstance(message, dict) else None
    return type_ if isinstance(type_, str) else "?"
