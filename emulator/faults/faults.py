"""Faults that AWS has, on purpose: replayable, and changeable while the emulator runs.

Whether a fault fires depends on its seed and on what it has seen, on nothing else: the same
events in the same order meet the same trouble. The gateway asks at four places, and at none of
them while no fault is active. What each fault stands for: docs/faults.md.
"""

import contextlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from poker_signal.emulator.aws.events import Facts
from poker_signal.emulator.aws.results import (
    Forward,
    Integration,
    NotInvokable,
    Result,
    Returned,
    Running,
)
from poker_signal.emulator.aws.throttling import LimitExceeded
from poker_signal.emulator.clock import Clock
from poker_signal.emulator.trace.entries import Fault
from poker_signal.emulator.trace.trace import Trace

if TYPE_CHECKING:
    from poker_signal.emulator.faults.spec import Spec

GOING_AWAY = 1001


class Connection(Protocol):
    """An open WebSocket, as far as trouble goes."""

    @property
    def facts(self) -> Facts:
        """What does not change of it."""

    @property
    def is_open(self) -> bool:
        """Tell whether something can be posted."""

    def close(self, code: int, reason: str = "") -> None:
        """Start the closing handshake."""

    def abort(self) -> None:
        """Cut the socket, without a word."""


class Start(NamedTuple):
    """An invocation of an event."""

    after_s: float
    again: "Spec | None" = None
    """The fault that asked for it, where it is not the first."""


class _Fault:
    """One fault and what it has seen."""

    def __init__(self, spec: "Spec", seed: int) -> None:
        self.spec = spec
        # Of its own: another fault that is added does not change what becomes of this one.
        self.random = random.Random(f"{seed} {spec.text}")
        self._seen = 0

    def fires(self, subject: str) -> bool:
        """Take note of what the fault may be about; tell whether it fires."""
        spec = self.spec
        if spec.selector is not None and spec.selector != subject:
            return False
        self._seen += 1
        if spec.nth is not None and self._seen != spec.nth:
            return False
        if self._seen % spec.every:
            return False
        return spec.share == 1 or self.random.random() < spec.share


class Faults:
    """The faults of one emulator.

    Raises:
        BadFault: one of ``specs`` cannot be understood.
    """

    def __init__(self, specs: Iterable[str] = (), seed: int = 0) -> None:
        self._seed = seed
        self._faults: list[_Fault] = []
        self._watchers: list[Callable[[], None]] = []
        self._ghosts: set[str] = set()
        """Connections whose end nobody is told of."""
        self._idle: Counter[int] = Counter()
        """Containers that wait for work, by integration."""
        self.clock: Clock
        """The gateway's, once there is one."""
        self._trace: Trace
        self.call_soon: Callable[[Callable[[], None]], object]
        """What other threads reach the event loop by, once there is one."""
        self._connections: Callable[[], Iterable[Connection]] = tuple
        for spec in specs:
            self.add(spec)

    # What people ask for, at any time.

    def add(self, spec: str) -> None:
        """Let a fault happen from now on; to connections that are open too.

        Raises:
            BadFault: it cannot be understood, or is active already.
        """
        # Only who asks for a fault waits for the grammar.
        import poker_signal.emulator.faults.spec as fault_spec

        if spec in self.active():
            raise fault_spec.BadFault(f"{spec}: is active already")
        fault = _Fault(fault_spec.parse(spec), self._seed)
        self._faults.append(fault)
        self._changed()
        for connection in list(self._connections()):
            self._may_end(fault, connection)

    def remove(self, spec: str) -> None:
        """Let a fault happen no more.

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
        """Return the faults that are active, in the order in which they were added."""
        return [fault.spec.text for fault in self._faults]

    @property
    def index_lag_s(self) -> float:
        """How old what a reader of the index sees is, in seconds."""
        return sum(fault.spec.duration_s for fault in self._of("index-lag"))

    # What the gateway asks.

    def attach(
        self, clock: Clock, trace: Trace, connections: Callable[[], Iterable[Connection]]
    ) -> None:
        """Work for a gateway: its time, its trace, its open connections."""
        self.clock = clock
        self._trace = trace
        self._connections = connections

    def watch(self, changed: Callable[[], None]) -> None:
        """Call now, and whenever ``are_active`` or ``index_lag_s`` may have changed."""
        self._watchers.append(changed)
        changed()

    @property
    def are_active(self) -> bool:
        """Tell whether the gateway has to ask at all."""
        return bool(self._faults or self._ghosts)

    def opened(self, connection: Connection) -> None:
        """Take note of a connection that has just been established."""
        for fault in self._faults:
            self._may_end(fault, connection)

    def finds(self, facts: Facts) -> bool:
        """Tell whether ``@connections`` finds an open connection.

        Raises:
            LimitExceeded: it answers 429, whether there is one or not.
        """
        if self._fire("throttle", facts.label.name, facts, "@connections: 429"):
            raise LimitExceeded
        return not self._fire("gone", facts.label.name, facts, "@connections: 410")

    def misses_disconnect(self, facts: Facts) -> bool:
        """Tell whether ``$disconnect`` of a closed connection is not invoked."""
        if facts.connection_id in self._ghosts:
            self._ghosts.discard(facts.connection_id)
            self._changed()
            return True
        return self._fire("miss-disconnect", facts.label.name, facts, "$disconnect") is not None

    def around(self, integration: Integration, facts: Facts) -> Integration:
        """Return the integration as the event of a connection meets it."""
        return _Troubled(self, integration, facts)

    # What happens to invocations.

    def starts_of(self, name: str, facts: Facts) -> list[Start]:
        """Return when an event's invocations start; none: it is lost."""
        starts = [Start(0)]
        for fault in self._of("drop", "delay", "reorder", "duplicate"):
            spec = fault.spec
            if spec.selector is None and name.startswith("$"):
                continue
            if not fault.fires(name):
                continue
            if spec.kind == "duplicate":
                starts.append(Start(starts[-1].after_s + spec.duration_s, spec))
                continue
            self.tell(spec, facts, name)
            if spec.kind == "drop":
                return []
            late_s = spec.duration_s * (fault.random.random() if spec.kind == "reorder" else 1)
            starts = [start._replace(after_s=start.after_s + late_s) for start in starts]
        return starts

    def run(
        self, integration: Integration, name: str, facts: Facts, event: Mapping[str, Any]
    ) -> Result | Running:
        """Invoke a function, in a container that may have to be started, if it is not refused."""
        if self._fire("integration-error", name, facts, name):
            return NotInvokable("by --fault integration-error")
        container = id(integration)
        cold_s = self._cold_start_s(container, name, facts)
        if not cold_s and self._idle[container]:
            self._idle[container] -= 1
        result = self.after(cold_s, lambda: _result_of(integration, event))
        if isinstance(result, Running):
            return _passing(result, lambda: self._idle.update([container]))
        self._idle[container] += 1
        return result

    def after(self, delay_s: float, invoke: Callable[[], Result | Running]) -> Result | Running:
        """Invoke something then, or at once."""
        if not delay_s:
            return invoke()
        running = Running()
        self.clock.call_later(delay_s, lambda: _follow(invoke(), running.finish))
        return running

    def _cold_start_s(self, container: int, name: str, facts: Facts) -> float:
        for fault in self._of("cold-start"):
            # Who asks for certain ones means those; otherwise only who finds none idle waits.
            if (fault.spec.is_narrow or not self._idle[container]) and fault.fires(name):
                self.tell(fault.spec, facts, name)
                return fault.spec.duration_s
        return 0

    # What happens to connections.

    def _may_end(self, fault: _Fault, connection: Connection) -> None:
        kind = fault.spec.kind
        if kind not in {"ghost", "go-away"} or not fault.fires(connection.facts.label.name):
            return

        def end() -> None:
            if not connection.is_open:
                return
            self.tell(fault.spec, connection.facts, "")
            if kind == "go-away":
                connection.close(GOING_AWAY, "Going away")
                return
            self._ghosts.add(connection.facts.connection_id)
            self._changed()
            connection.abort()

        if fault.spec.duration_s:
            self.clock.call_later(fault.spec.duration_s, end)
        else:
            end()

    # All of them.

    def _of(self, *kinds: str) -> list[_Fault]:
        return [fault for fault in self._faults if fault.spec.kind in kinds]

    def _fire(self, kind: str, subject: str, facts: Facts, type_: str) -> "Spec | None":
        fired = [fault.spec for fault in self._of(kind) if fault.fires(subject)]
        for spec in fired:
            self.tell(spec, facts, type_)
        return fired[0] if fired else None

    def tell(self, spec: "Spec", facts: Facts | None, detail: str) -> None:
        """Tell that a fault has struck."""
        self._trace.add(Fault(self.clock.now_ms(), facts, spec.text, detail))

    def tell_of_lag(self) -> None:
        """Tell that somebody has read what is no longer true."""
        for fault in self._of("index-lag"):
            self.tell(fault.spec, None, "an index was read that lags behind")

    def tell_of_lag_from_thread(self) -> None:
        """Tell the same, from any thread."""
        # The emulator may have stopped meanwhile: then nobody is left to be told.
        with contextlib.suppress(RuntimeError):
            self.call_soon(self.tell_of_lag)

    def _changed(self) -> None:
        for changed in self._watchers:
            changed()


class _Troubled:
    """An integration that an event reaches late, twice, or not at all."""

    def __init__(self, faults: Faults, integration: Integration, facts: Facts) -> None:
        self._faults = faults
        self._integration = integration
        self._facts = facts

    def invoke(self, event: Mapping[str, Any], may_forward: bool = False) -> Result | Running:
        """Call the function as often as it happens; the first call's result counts."""
        name = _name_of(event)
        starts = self._faults.starts_of(name, self._facts)
        if not starts:
            return Returned({"statusCode": 200})
        first, *more = (self._start(start, name, event) for start in starts)
        for start, result in zip(starts[1:], more, strict=True):
            _follow(result, partial(self._tell_of_copy, start, name))
        return first

    def _start(self, start: Start, name: str, event: Mapping[str, Any]) -> Result | Running:
        return self._faults.after(start.after_s, lambda: self._run(name, event))

    def _tell_of_copy(self, start: Start, name: str, result: Result) -> None:
        assert start.again is not None, "the first one is followed by the gateway"
        self._faults.tell(start.again, self._facts, f"{name}, once more")

    def _run(self, name: str, event: Mapping[str, Any]) -> Result | Running:
        return self._faults.run(self._integration, name, self._facts, event)


def _result_of(integration: Integration, event: Mapping[str, Any]) -> Result | Running:
    """Let the function make its own posts, so that each of them meets the faults."""
    result = integration.invoke(event)
    assert not isinstance(result, Forward), "it was not asked for one"
    return result


def _follow(result: Result | Running, then: Callable[[Result], None]) -> None:
    """Hand on a result, now or once it is there."""
    if isinstance(result, Running):
        result.then(then)
    else:
        then(result)


def _passing(inner: Running, ended: Callable[[], None]) -> Running:
    """Return what finishes as ``inner`` does, after saying so."""
    outer = Running()

    def finish(result: Result) -> None:
        ended()
        outer.finish(result)

    inner.then(finish)
    return outer


def _name_of(event: Mapping[str, Any]) -> str:
    """Return an event's reserved route key, or its message's type."""
    context = event["requestContext"]
    if context["eventType"] != "MESSAGE":
        return "$connect" if context["eventType"] == "CONNECT" else "$disconnect"
    try:
        message = json.loads(event["body"])
    except (ValueError, RecursionError):
        return "?"
    type_ = message.get("type") if isinstance(message, dict) else None
    return type_ if isinstance(type_, str) else "?"
