"""Properties of what is due later, written from docs/protocol.md, without the core.

A join is delivered again every three seconds until the host's offer, once more six seconds after
an offer without an answer, a last time if the answer came after a look that missed it, and ends
after 18 s, in NO_ANSWER unless both descriptions arrived.
"""

from typing import TYPE_CHECKING, Any

from poker_signal.core.model import Lobby, Watch
from tests.adversity import properties
from tests.adversity.world import Connection

if TYPE_CHECKING:
    from tests.adversity.schedule import Schedule, Task

LAST_LOOK = 6
LOOKS_AFTER_AN_OFFER = 2

Violation = properties.Violation


def check_frame(
    schedule: "Schedule", task: "Task", target: Connection, frame: dict[str, Any]
) -> None:
    """Check a frame that a note's invocation posts to a host."""
    note, player = task.note, task.connection
    if frame["type"] == "keepalive":
        if not isinstance(note, Lobby) or target is not player or target.player != "HOST":
            raise Violation(f"{target.key} hears a keep-alive that is not for it")
        return
    name = f"the join of {player.key}"
    if not isinstance(note, Watch) or frame["type"] != "join":
        raise Violation(f"{target.key} hears {frame['type']} of a note about {player.key}")
    if frame["senderId"] != player.player or (target.game, target.player) != (player.game, "HOST"):
        raise Violation(f"{name} is delivered again to {target.key} of {frame['senderId']}")
    if target.is_expired(task.started_ms) or not task.was_known:
        raise Violation(f"{name} is delivered again, and a row of it has expired or is gone")
    for one in (player, target):
        for rival in properties.rivals(schedule, task, one):
            raise Violation(f"{name} is delivered again: {rival.key} owns the name of {one.key}")
    if note.step >= LAST_LOOK:
        raise Violation(f"{name} is delivered again after its watch")
    task.delivers_again = True
    hosts = [one for one in schedule.connections if _is_host_of(one, player)]
    if len(hosts) > 1 or not _is_read_at_once(schedule, task, target):
        # If the newest HOST answers 410, the next one gets the join, as any message.
        return
    said = task.described & {(player, target), (target, player)}
    if note.offered and _is_met(schedule, player, target):
        return  # The answer is late.
    if len(said) == 2:
        raise Violation(f"{name} is delivered again after offer and answer")
    if said and (not note.offered or note.step - note.offered != LOOKS_AFTER_AN_OFFER):
        raise Violation(f"{name} is delivered again although an offer has arrived")


def check_end(schedule: "Schedule", task: "Task") -> None:
    """Check what a note's invocation did: its answers, and whether it did all that it had to."""
    note, player = task.note, task.connection
    if isinstance(note, Lobby):
        is_unknown = not task.was_known and player.key not in schedule.host.stored()
        if is_unknown and player.state == "open" and not task.had_fault:
            raise Violation(f"{player.key} waits in its lobby without a row, and is not closed")
        return
    if not isinstance(note, Watch):
        # No client here wants presence: check_frame refuses every frame of such a note.
        return
    if {*task.answers} - {"NO_ANSWER"}:
        raise Violation(f"{player.key} hears {task.answers} of its watch")
    hosts = [one for one in schedule.connections if _is_host_of(one, player)]
    is_told = "NO_ANSWER" in task.answers
    if is_told:
        _check_no_answer(schedule, task, hosts)
    if task.had_fault or player in task.lost or not _is_sole_owner(schedule, task):
        return
    if note.step >= LAST_LOOK:
        if not is_told and not any(_is_met(schedule, player, host) for host in hosts):
            raise Violation(
                f"the join of {player.key} ends without an answer, and it hears nothing"
            )
    elif len(hosts) == 1:
        _check_delivered_again(schedule, task, hosts[0])


def _check_no_answer(schedule: "Schedule", task: "Task", hosts: list[Connection]) -> None:
    note, player = task.note, task.connection
    assert isinstance(note, Watch)
    if note.step < LAST_LOOK:
        raise Violation(f"{player.key} hears NO_ANSWER at look {note.step}")
    for rival in properties.rivals(schedule, task, player):
        raise Violation(f"{player.key} hears NO_ANSWER, and {rival.key} owns its name")
    for host in hosts:
        is_owner = host in properties.holders(schedule, task) and len(hosts) == 1
        is_met = {(player, host), (host, player)} <= task.described
        if is_owner and is_met and _is_read_at_once(schedule, task, host):
            raise Violation(f"{player.key} hears NO_ANSWER after offer and answer")


def _check_delivered_again(schedule: "Schedule", task: "Task", host: Connection) -> None:
    note, player = task.note, task.connection
    assert isinstance(note, Watch)
    is_there = host in properties.holders(schedule, task) and host.was_open_at(task.started_ms)
    if not is_there or host.state != "open" or host in task.lost or task.delivers_again:
        return
    if not _is_read_at_once(schedule, task, host):
        return
    ever = schedule.described.keys() & {(player, host), (host, player)}
    firm = task.described & {(player, host), (host, player)}
    is_retry = note.offered and note.step - note.offered == LOOKS_AFTER_AN_OFFER
    is_late = note.offered and len(firm) == 2
    if not ever or is_late or (len(ever) == len(firm) == 1 and is_retry):
        raise Violation(f"the join of {player.key} is not delivered again at look {note.step}")


def _is_read_at_once(schedule: "Schedule", task: "Task", host: Connection) -> bool:
    """Return whether the row of a host is read from the table, not from an index that lags."""
    assert isinstance(task.note, Watch)
    return not schedule.is_lagging or host.key == task.note.host


def _is_host_of(one: Connection, player: Connection) -> bool:
    return (one.game, one.player) == (player.game, "HOST")


def _is_met(schedule: "Schedule", player: Connection, host: Connection) -> bool:
    return {(player, host), (host, player)} <= schedule.described.keys()


def _is_sole_owner(schedule: "Schedule", task: "Task") -> bool:
    """Return whether a player is there from beginning to end, and no other had its name."""
    player = task.connection
    is_there = player in properties.holders(schedule, task) and player.was_open_at(task.started_ms)
    return (
        is_there
        and player.state == "open"
        and not any(one.is_same_name(player) and one is not player for one in schedule.connections)
    )
