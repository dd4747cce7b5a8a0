"""Properties that must hold in every schedule.

They are checked against the true state (``world.py``), never against the core's view of it.
"""

from typing import TYPE_CHECKING, Any

from tests.adversity.world import LIFETIME_MS, Connection, Said

if TYPE_CHECKING:
    from tests.adversity.schedule import Schedule, Task

PATIENCE_MS = 900
"""Least wait of a candidate for its offer: one second, less 100 ms of tolerance."""

RESERVED_S = 60
VAIN_FOR_S = 60
WAITS_AT_ONCE = 32

FULL_WAIT_MS = 950
"""Least sum of pauses that is surely all of them, which last one second."""

DESCRIPTIONS = {"offer", "answer"}
NOT_FOUND = {"TARGET_NOT_FOUND", "HOST_NOT_FOUND"}


class Violation(AssertionError):
    """A property that does not hold."""


def inherit_seat(task: "Task") -> None:
    """Give a newcomer the seat of the connection that it replaces, if it saw that one's row."""
    newcomer = task.connection
    former = [
        one.seat
        for one in task.seen
        if one.is_same_seat(newcomer)
        and (not one.is_expired(task.started_ms) or one.is_reserved(task.started_ms))
    ]
    newcomer.seat = min([newcomer.seat, *former])


def check_rows(schedule: "Schedule") -> None:
    """Check that every open connection has a row, and every reservation its time.

    A takeover replaces both.
    """
    stored, reserved = schedule.host.stored(), schedule.host.reserved()
    for one in schedule.connections:
        if one.key in reserved:
            _check_reservation(schedule, one)
        elif one.is_reserved(schedule.now_ms) and not _was_taken_over(schedule, one):
            raise Violation(f"the name of {one.key} ({one.player}) is not reserved any more")
        if one.state != "open" or one.key in stored or one.is_expired(schedule.now_ms):
            continue
        if not _was_taken_over(schedule, one):
            raise Violation(f"{one.key} ({one.player}) is connected and has no row")


def check_delivery(
    schedule: "Schedule", task: "Task", target: Connection, frame: dict[str, Any]
) -> None:
    """Check that a message reaches its target once, after its offer, under its sender's name."""
    said = schedule.said[frame["payload"]]
    name = said.name
    is_own = task.said is said
    if not is_own or frame["senderId"] != said.sender.player:
        raise Violation(f"{name} names {frame['senderId']} as its sender, which did not send it")
    if said.delivered_to:
        raise Violation(f"{name} is delivered twice")
    said.delivered_to.append(target)
    if said.type in DESCRIPTIONS:
        schedule.described.setdefault((said.sender, target), False)
    if target.game != said.sender.game:
        raise Violation(f"{name} is delivered to another game")
    if target.player != said.target:
        raise Violation(f"{name} to {said.target} is delivered to {target.player}")
    if target.is_expired(task.started_ms):
        raise Violation(f"{name} is delivered to a row that has expired")
    if not task.was_known:
        raise Violation(f"{name} is delivered, but its sender has no row")
    _check_order(schedule, task, target, name)
    _check_listed(schedule, task, name)
    for rival in rivals(schedule, task, target):
        raise Violation(f"{name} is for {rival.key}, and {target.key} got it")
    for rival in rivals(schedule, task, said.sender):
        raise Violation(f"{name}: {said.sender.key} sends under the name of {rival.key}")


def check_end(schedule: "Schedule", task: "Task", result: object) -> None:
    """Check that an invocation's message or connect has an outcome, and the right one."""
    if isinstance(result, Exception):
        return
    if task.kind == "$default":
        _check_outcome(schedule, task)
    elif task.kind == "$connect":
        _check_admission(schedule, task)
    elif not task.had_fault:
        _check_departure(schedule, task)


def check_expiry(schedule: "Schedule") -> None:
    """Check that each row expires no later than its connection may last (two hours)."""
    for row in schedule.host.rows():
        if row.left_at is not None:
            continue
        (connection,) = schedule.by_key([row.connection_id])
        if row.ttl > (connection.connected_ms + LIFETIME_MS) // 1000:
            raise Violation(f"the row of {connection.key} outlives its connection")


def _check_reservation(schedule: "Schedule", one: Connection) -> None:
    assert one.reserved_until_s is not None
    if one.state == "open" or one.session is None:
        raise Violation(f"the name of {one.key} is reserved: {one.state}, session {one.session}")
    if one.reserved_until_s > schedule.now_ms // 1000 + RESERVED_S:
        raise Violation(f"the name of {one.key} is reserved for too long")


def _check_order(schedule: "Schedule", task: "Task", target: Connection, name: str) -> None:
    assert task.said is not None
    pair = task.said.sender, target
    is_new = any(one.is_young(task.started_ms) for one in pair)
    is_early = task.said.type == "ice-candidate" and is_new and pair not in schedule.offered
    # A candidate that was sent too early is noted like an offer: no other one waits.
    if task.said.type in DESCRIPTIONS or is_early:
        schedule.offered.add(pair)
    is_too_soon = is_early and _ends_too_soon(schedule, task, is_for_name=False)
    if is_too_soon and _has_offer_on_its_way(schedule, task.said):
        raise Violation(f"{name} overtakes its offer")
    task.is_overdue = is_early


def _check_listed(schedule: "Schedule", task: "Task", name: str) -> None:
    assert task.said is not None
    is_listed = task.was_listed or task.connection.key in schedule.host.indexed()
    if task.said.type != "ice-candidate" and not is_listed and _ends_too_soon(schedule, task):
        raise Violation(f"{name} is delivered before the index lists its sender")


def _ends_too_soon(schedule: "Schedule", task: "Task", is_for_name: bool = True) -> bool:
    """Return whether a message with a reason to wait ends sooner than it has to.

    It need not wait if its sender's budget is used, or has waited for the same name in vain.
    """
    said = task.said
    assert said is not None
    if schedule.now_ms - task.started_ms >= PATIENCE_MS:
        return False
    if is_for_name and any(vain.covers(said, task.started_ms) for vain in schedule.vain):
        return False
    sent = [other for other in schedule.tasks if other.connection is said.sender]
    return sum(other.slept_ms > 0 for other in sent) < WAITS_AT_ONCE


def _has_offer_on_its_way(schedule: "Schedule", candidate: Said) -> bool:
    return any(
        task.said is not None
        and task.said.number < candidate.number
        and task.said.type in ("offer", "answer")
        and (task.said.sender, task.said.target) == (candidate.sender, candidate.target)
        for task in schedule.running()
    )


def _check_outcome(schedule: "Schedule", task: "Task") -> None:
    said, sender = task.said, task.connection
    assert said is not None
    name = said.name
    is_told = task.answers or said.delivered_to or sender.state != "open" or sender in task.lost
    if not is_told:
        raise Violation(f"{name} is neither delivered nor answered")
    if NOT_FOUND & {*task.answers}:
        _check_miss(schedule, task, name)
    has_row = task.had_row and sender.key in schedule.host.stored()
    if "NOT_CONNECTED" in task.answers and has_row and not sender.is_expired(task.started_ms):
        raise Violation(f"{name}: its sender has a row, but gets NOT_CONNECTED")
    if "DUPLICATE_NAME" in task.answers and not _had_rival(schedule, task):
        raise Violation(f"{name}: no other connection of its sender's name is alive")
    if not task.was_known and {*task.answers} - {"NOT_CONNECTED"}:
        raise Violation(f"{name}: its sender has no row, and gets {task.answers}")
    is_rowless = not task.was_known or "NOT_CONNECTED" in task.answers
    if is_rowless and sender.state == "open" and not task.had_fault:
        raise Violation(f"{name}: its sender has no row, and is not closed")
    _check_waits(schedule, task, name)


def _check_miss(schedule: "Schedule", task: "Task", name: str) -> None:
    """Check that a target that was not found is not there, and that there was time to find it."""
    assert task.said is not None
    target = task.said.target
    wanted = [one for one in holders(schedule, task) if one.player == target]
    may_appear = not (task.was_listed or task.connection.key in schedule.host.indexed())
    for one in wanted:
        if one.state != "open" or _may_be_doubted(one, task):
            may_appear = True
        elif not any(_is_kept_from(one, each, schedule, task) for each in schedule.connections):
            raise Violation(f"{name}: {one.key} is connected, but was not found")
    if may_appear and _ends_too_soon(schedule, task):
        raise Violation(f"{name}: {target} may appear, but is not waited for")


def _is_kept_from(one: Connection, other: Connection, schedule: "Schedule", task: "Task") -> bool:
    """Return whether the name of one connection is, or was found, reserved for another."""
    if not other.is_same_name(one) or other.session is None or other.state == "open":
        return False
    is_reserved = other.is_reserved(task.started_ms) or other in task.seen
    return is_reserved and (other.beats(one) or _is_crowded(schedule, task, other, one))


def _check_waits(schedule: "Schedule", task: "Task", name: str) -> None:
    """Check that a message waits for a reason, and none twice in vain."""
    said = task.said
    assert said is not None
    is_candidate = said.type == "ice-candidate"
    at_ms = task.started_ms
    namesakes = [one for one in task.seen if one.player == said.target]
    has_reason = task.saw_lag or any(
        one.state != "open" or one in task.lost or not one.was_open_at(at_ms) for one in namesakes
    )
    is_new = is_candidate and any(one.is_young(at_ms) for one in (said.sender, *namesakes))
    if task.slept_ms and not has_reason and not is_new:
        raise Violation(f"{name} waits without a reason")
    is_vain = any(vain.covers(said, at_ms) and vain.is_known_to(task) for vain in schedule.vain)
    if task.slept_ms and not is_candidate and is_vain:
        raise Violation(f"{name} waits in vain again")
    for pair in [(said.sender, target) for target in said.delivered_to]:
        is_noted = schedule.noted_ms.get(pair, schedule.now_ms) < at_ms
        if task.slept_ms and is_candidate and is_noted and not has_reason:
            raise Violation(f"{name} waits, but another one of its pair has arrived")
        if not task.had_note_fault and (said.type in DESCRIPTIONS or task.is_overdue):
            schedule.noted_ms.setdefault(pair, schedule.now_ms)
    if schedule.now_ms - task.started_ms >= PATIENCE_MS:
        is_unheard = said.sender in task.lost and not said.delivered_to
        if is_unheard or NOT_FOUND & {*task.answers}:
            is_certain = not is_unheard and not is_candidate and task.slept_ms >= FULL_WAIT_MS
            schedule.note_vain(task, is_certain)


def _check_admission(schedule: "Schedule", task: "Task") -> None:
    newcomer = task.connection
    if newcomer.state == "refused":
        if not _had_rival(schedule, task) and not _was_taken_over(schedule, newcomer):
            raise Violation(f"{newcomer.key} is refused, but no other connection has its name")
        return
    for one in holders(schedule, task):
        protected = newcomer.player == "HOST" and one.session not in (None, newcomer.session)
        if one.is_same_name(newcomer) and protected:
            raise Violation(f"{newcomer.key} is let in beside the protected {one.key}")
        is_former = one.is_same_seat(newcomer) and one.age < newcomer.age
        if one.state != "pending" and is_former and not task.had_fault:
            raise Violation(f"{newcomer.key} does not take over from {one.key}")


def _check_departure(schedule: "Schedule", task: "Task") -> None:
    """Check that the name of a connection with a session is reserved after its end."""
    one = task.connection
    is_kept = one.key in schedule.host.reserved() or _was_taken_over(schedule, one)
    if task.had_row and one.session is not None and not is_kept:
        raise Violation(f"{one.key} ({one.player}) has left, and its name is not reserved")


def _was_taken_over(schedule: "Schedule", connection: Connection) -> bool:
    return any(
        other.was_saved and other.is_same_seat(connection) and other.age > connection.age
        for other in schedule.connections
    )


def _had_rival(schedule: "Schedule", task: "Task") -> bool:
    """Return whether another connection had the name at any time of the invocation."""
    return any(
        one is not task.connection
        and one.is_same_name(task.connection)
        and (_was_alive(one, schedule, task) or one.is_reserved(task.started_ms))
        for one in schedule.connections
    )


def _was_alive(one: Connection, schedule: "Schedule", task: "Task") -> bool:
    at_ms = task.started_ms
    if one.is_expired(at_ms):
        return False
    if task.kind == "$connect" and one.was_saved and one.is_young(at_ms):
        return True  # A HOST that may be opening is not displaced.
    if one in task.seen and _was_taken_over(schedule, one):
        return True  # It is found gone, and cannot be reserved any more.
    return one.was_open and (one.closed_ms is None or one.closed_ms >= at_ms)


def _may_be_doubted(one: Connection, task: "Task") -> bool:
    """Return whether a 410 for this connection could not be told from that of an opening one."""
    return one in task.lost and one.is_young(task.started_ms)


def holders(schedule: "Schedule", task: "Task") -> list[Connection]:
    """Return the connections that held their names during the whole invocation.

    They are open or opening and have a row, or have a reservation.
    """
    stored, reserved = schedule.host.stored(), schedule.host.reserved()
    at_ms = task.started_ms
    open_ = [
        one
        for one in task.firm
        if one.key in stored
        and not one.is_expired(at_ms)
        and one.state in ("pending", "open")
        and (one.was_open_at(at_ms) or one.is_young(at_ms))
    ]
    return open_ + [one for one in task.reserved if one.key in reserved and one.is_reserved(at_ms)]


def rivals(schedule: "Schedule", task: "Task", chosen: Connection) -> list[Connection]:
    """Return the connections that rank before the chosen one as owners of its name."""
    return [
        one
        for one in holders(schedule, task)
        if one is not chosen
        and one.is_same_name(chosen)
        and one.beats(chosen)
        and (one in task.reserved or one.was_open_at(task.started_ms))
        and not _may_be_doubted(one, task)
        and (one.is_same_seat(chosen) or not _is_crowded(schedule, task, one, chosen))
    ]


def _is_crowded(schedule: "Schedule", task: "Task", *some: Connection) -> bool:
    """Return whether a player of these has several rows: a takeover is still under way."""
    host = schedule.host
    keys = host.stored() | host.indexed() | {*host.reserved(), *host.reserved(in_index=True)}
    return any(
        one.is_same_seat(other) and one is not other
        for one in some
        for other in (*schedule.by_key(keys), *task.seen)
    )
