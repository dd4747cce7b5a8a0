"""Properties that must hold in every schedule.

They are checked against the true state (``world.py``), never against the core's view of it.
"""

from typing import TYPE_CHECKING, Any

from tests.adversity.world import LIFETIME_MS, Connection, Said

if TYPE_CHECKING:
    from tests.adversity.schedule import Schedule, Task

PATIENCE_MS = 900
"""Least wait of a candidate for its offer: one second, less 100 ms of tolerance."""

NOT_FOUND = {"TARGET_NOT_FOUND", "HOST_NOT_FOUND"}


class Violation(AssertionError):
    """A property that does not hold."""


def inherit_seat(task: "Task") -> None:
    """Give a newcomer the seat of the connection that it replaces, if it saw that one's row."""
    newcomer = task.connection
    former = [
        one.seat
        for one in task.seen
        if one.is_same_seat(newcomer) and not one.is_expired(task.started_ms)
    ]
    newcomer.seat = min([newcomer.seat, *former])


def check_rows(schedule: "Schedule", stored: set[str]) -> None:
    """Check that every open connection has a row, unless a takeover replaced it."""
    for connection in schedule.connections:
        if connection.state != "open" or connection.key in stored:
            continue
        if connection.is_expired(schedule.now_ms) or _was_taken_over(schedule, connection):
            continue
        if _took_long_to_open(connection):
            continue
        raise Violation(f"{connection.key} ({connection.player}) is connected and has no row")


def check_delivery(
    schedule: "Schedule", task: "Task", target: Connection, frame: dict[str, Any]
) -> None:
    """Check that a message reaches its target once, after its offer, under its sender's name."""
    said = schedule.said[frame["payload"]]
    name = f"{said.type} {said.number}"
    is_own = task.said is said
    if not is_own or frame["senderId"] != said.sender.player:
        raise Violation(f"{name} names {frame['senderId']} as its sender, which did not send it")
    if said.delivered_to:
        raise Violation(f"{name} is delivered twice")
    said.delivered_to.append(target)
    if target.game != said.sender.game:
        raise Violation(f"{name} is delivered to another game")
    if target.player != said.target:
        raise Violation(f"{name} to {said.target} is delivered to {target.player}")
    if target.is_expired(task.started_ms):
        raise Violation(f"{name} is delivered to a row that has expired")
    _check_order(schedule, task, target, name)
    for rival in _rivals(schedule, task, target):
        raise Violation(f"{name} is for {rival.key}, and {target.key} got it")
    for rival in _rivals(schedule, task, said.sender):
        raise Violation(f"{name}: {said.sender.key} sends under the name of {rival.key}")


def check_end(schedule: "Schedule", task: "Task", result: object) -> None:
    """Check that an invocation's message or connect has an outcome, and the right one."""
    if isinstance(result, Exception):
        return
    if task.kind == "$default":
        _check_outcome(schedule, task)
    elif task.kind == "$connect":
        _check_admission(schedule, task)


def check_expiry(schedule: "Schedule") -> None:
    """Check that each row expires no later than its connection may last (two hours)."""
    for row in schedule.host.rows():
        (connection,) = schedule.by_key([row.connection_id])
        if row.ttl > (connection.connected_ms + LIFETIME_MS) // 1000:
            raise Violation(f"the row of {connection.key} outlives its connection")


def _check_order(schedule: "Schedule", task: "Task", target: Connection, name: str) -> None:
    assert task.said is not None
    pair = task.said.sender, target
    if task.said.type in ("offer", "answer"):
        schedule.offered.add(pair)
    waited_ms = schedule.now_ms - task.started_ms
    is_early = task.said.type == "ice-candidate" and pair not in schedule.offered
    if is_early and waited_ms < PATIENCE_MS and _has_offer_on_its_way(schedule, task.said):
        raise Violation(f"{name} overtakes its offer")


def _has_offer_on_its_way(schedule: "Schedule", candidate: Said) -> bool:
    return any(
        task.said is not None
        and task.said.number < candidate.number
        and task.said.type in ("offer", "answer")
        and (task.said.sender, task.said.target) == (candidate.sender, candidate.target)
        for task in schedule.running()
    )


def _check_outcome(schedule: "Schedule", task: "Task") -> None:
    said = task.said
    assert said is not None
    name = f"{said.type} {said.number}"
    is_told = task.answers or said.delivered_to or task.connection.state != "open"
    if not is_told:
        raise Violation(f"{name} is neither delivered nor answered")
    if NOT_FOUND & {*task.answers}:
        for one in _still_there(schedule, task):
            if one.player == said.target:
                raise Violation(f"{name}: {one.key} is connected, but was not found")
    has_row = task.had_row and task.connection.key in schedule.host.stored()
    has_row = has_row and not task.connection.is_expired(task.started_ms)
    if "NOT_CONNECTED" in task.answers and has_row:
        raise Violation(f"{name}: its sender has a row, but gets NOT_CONNECTED")
    if "DUPLICATE_NAME" in task.answers and not _had_rival(schedule, task):
        raise Violation(f"{name}: no other connection of its sender's name is alive")


def _check_admission(schedule: "Schedule", task: "Task") -> None:
    newcomer = task.connection
    if newcomer.state == "refused":
        if not _had_rival(schedule, task) and not _was_taken_over(schedule, newcomer):
            raise Violation(f"{newcomer.key} is refused, but no other connection has its name")
        return
    for one in _still_there(schedule, task):
        protected = newcomer.player == "HOST" and one.session not in (None, newcomer.session)
        if one.is_same_name(newcomer) and protected:
            raise Violation(f"{newcomer.key} is let in beside the protected {one.key}")
        if one.is_same_seat(newcomer) and not task.had_fault and one.age < newcomer.age:
            raise Violation(f"{newcomer.key} does not take over from {one.key}")


def _took_long_to_open(connection: Connection) -> bool:
    """Return whether API Gateway answered 410 for so long that the host may delete its row.

    A row that is skipped as possibly still connecting is probed for a second, then deleted.
    """
    if connection.saved_ms is None or connection.opened_ms is None:
        return False
    return connection.opened_ms - connection.saved_ms > PATIENCE_MS


def _was_taken_over(schedule: "Schedule", connection: Connection) -> bool:
    return any(
        other.was_saved and other.is_same_seat(connection) and other.age > connection.age
        for other in schedule.connections
    )


def _had_rival(schedule: "Schedule", task: "Task") -> bool:
    """Return whether another connection of the name was alive at any time of the invocation."""
    return any(
        one is not task.connection
        and one.is_same_name(task.connection)
        and one.was_open
        and (one.closed_ms is None or one.closed_ms >= task.started_ms)
        and not one.is_expired(task.started_ms)
        for one in schedule.connections
    )


def _still_there(schedule: "Schedule", task: "Task") -> list[Connection]:
    """Return the connections that were open and had a row during the whole invocation."""
    stored = schedule.host.stored()
    return [
        one
        for one in task.firm
        if one.state == "open" and one.key in stored and not one.is_expired(task.started_ms)
    ]


def _rivals(schedule: "Schedule", task: "Task", chosen: Connection) -> list[Connection]:
    """Return the connections that rank before the chosen one as owners of its name."""
    return [
        one
        for one in _still_there(schedule, task)
        if one is not chosen
        and one.is_same_name(chosen)
        and one.beats(chosen)
        and (one.is_same_seat(chosen) or not _is_crowded(schedule, task, one, chosen))
    ]


def _is_crowded(schedule: "Schedule", task: "Task", *some: Connection) -> bool:
    """Return whether a player of these has several rows: a takeover is still under way."""
    known = schedule.by_key(schedule.host.stored() | schedule.host.indexed())
    return any(
        one.is_same_seat(other) and one is not other
        for one in some
        for other in (*known, *task.seen)
    )
