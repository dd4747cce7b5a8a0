"""The list of all rules, and the loop that plays them one after the other."""

import asyncio
import math
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Literal, NamedTuple

from poker_signal.core.later import LAST_STEP, LOBBY_S, STEP_S
from poker_signal.core.presence import PATIENCE_S
from poker_signal.emulator.client.check import answering, connecting, owning, relaying, waiting
from poker_signal.emulator.client.check.scene import Failed, Scene, Server, Skipped
from poker_signal.emulator.client.connection import Ended
from poker_signal.emulator.client.explain import UNREACHABLE, explain, hint

MAX_TIMEOUTS = 12
"""Time limit of a whole check, as a multiple of ``Server.timeout_s``; pauses come on top."""

MAX_PAUSES = 5
"""Pauses that a rule may make, for the time limit."""

APP_GIVES_UP_MS = 5000
"""Milliseconds after the join at which the host in the field gives up."""

Outcome = Literal["ok", "FAILED", "skipped"]


class Rule(NamedTuple):
    """A rule of the protocol, and the function that plays it in a ``Scene``."""

    group: str
    name: str
    play: Callable[[Scene], Awaitable[None]]
    takes_s: float = 0
    """Seconds that it waits for what is due later. If more than 0, it plays beside its like."""


class RuleResult(NamedTuple):
    """The outcome of one rule."""

    rule: Rule
    outcome: Outcome
    samples_ms: Sequence[float] = ()
    note: str = ""
    """After a success, a remark; if skipped, the reason; after a failure, a hint."""
    expected: str = ""
    came: str = ""
    star: bool | None = None
    """True for a star, False for a mesh; None: not known yet."""

    @property
    def median_ms(self) -> float:
        """Median of the samples."""
        return statistics.median(self.samples_ms)

    @property
    def p95_ms(self) -> float:
        """95th percentile of the samples."""
        return sorted(self.samples_ms)[math.ceil(0.95 * len(self.samples_ms)) - 1]


_CONNECTING, _RELAYING, _ANSWERING, _OWNING = "Connecting", "Relaying", "Answering", "Names"
_WAITING = "By itself"

FIRST = Rule(_CONNECTING, "connects", connecting.connects)

RULES = (
    FIRST,
    Rule(_CONNECTING, "connects again", connecting.connects_again),
    Rule(_CONNECTING, "no playerId is refused with 400", connecting.refuses_no_player),
    Rule(_CONNECTING, "no gameId is refused with 400", connecting.refuses_no_game),
    Rule(_CONNECTING, "impossible names are refused with 400", connecting.refuses_names),
    Rule(_CONNECTING, "malformed sessions are refused with 400", connecting.refuses_sessions),
    Rule(_RELAYING, "a join reaches HOST", relaying.join),
    Rule(_RELAYING, "offer and answer are relayed", relaying.descriptions),
    Rule(_RELAYING, "candidates are relayed", relaying.candidates),
    Rule(_RELAYING, "player-connected is relayed", relaying.player_connected),
    Rule(_RELAYING, "a payload arrives as it was written", relaying.payload_as_written),
    Rule(_RELAYING, "senderId is the connection's", relaying.sender_is_the_connection),
    Rule(_RELAYING, "no candidate overtakes its offer", relaying.offer_before_candidate),
    Rule(_RELAYING, "a whole handshake, from join to candidates", relaying.whole_handshake),
    Rule(_RELAYING, "no message reaches another game", relaying.games_are_apart),
    Rule(_ANSWERING, "an id is acknowledged", answering.ack),
    Rule(_ANSWERING, "ping is answered", answering.ping),
    Rule(_ANSWERING, "an unknown type is an error", answering.unknown_type),
    Rule(_ANSWERING, "an invalid message is an error", answering.invalid_message),
    Rule(_ANSWERING, "for a missing target: undelivered", answering.missing_target),
    Rule(_ANSWERING, "for a player that left: undelivered", answering.who_left),
    Rule(_ANSWERING, "a join without HOST is an error", answering.no_host),
    Rule(_ANSWERING, "HOST cannot join itself", answering.host_joins),
    Rule(_ANSWERING, "a client cannot send to itself", answering.oneself),
    Rule(_ANSWERING, "player to player: mesh or star", answering.among_players),
    Rule(_ANSWERING, "a player's offer: mesh or star", answering.offers_of_players),
    Rule(_OWNING, "a name is refused while its player lives", owning.duplicate_name),
    Rule(_OWNING, "a name is free once its player left", owning.name_is_free_again),
    Rule(_OWNING, "a ghost does not lock its player out", owning.ghost),
    Rule(_OWNING, "a session takes its seat over", owning.takeover),
    Rule(_OWNING, "another session takes no seat over", owning.no_takeover),
    Rule(_OWNING, "a protected HOST: others get 409", owning.protected_host),
    Rule(_OWNING, "a HOST restarts with its session", owning.host_restarts),
    Rule(_OWNING, "without sessions the newest HOST gets joins", owning.newest_host),
    Rule(_WAITING, "a hello is answered with the roster", waiting.hello),
    Rule(_WAITING, "arrivals are told", waiting.arrivals),
    Rule(_WAITING, "an unanswered join is delivered again", waiting.joins_again, STEP_S),
    Rule(_WAITING, "a departure is told after 5 s", waiting.departure, PATIENCE_S),
    Rule(_WAITING, "a HOST that leaves is told after 5 s", waiting.host_away, PATIENCE_S),
)

SLOW = (
    Rule(_WAITING, "a join ends with NO_ANSWER after 18 s", waiting.no_answer, STEP_S * LAST_STEP),
    Rule(_WAITING, "a waiting HOST is kept alive", waiting.lobby, LOBBY_S),
)
"""Rules that are played only if asked for, because they take minutes."""

TICKETS = Rule(_CONNECTING, "no ticket: 401, another's: 403", connecting.refuses_without_ticket)
"""Played only at a server that requires tickets."""


async def check(
    server: Server, rules: Sequence[Rule] | None = None, *, slow: bool = False
) -> AsyncGenerator[RuleResult, None]:
    """Play the rules, by default all but ``SLOW``; yield each result as soon as it is known.

    If the first rule cannot connect, no other is played. After the time limit the rest fail. Rules
    that wait for what is due later are played at the same time.
    """
    if rules is None:
        rules = (FIRST, TICKETS, *RULES[1:]) if server.tickets else RULES
        rules = (*rules, *SLOW) if slow else rules
    patience_s = MAX_TIMEOUTS * server.timeout_s + MAX_PAUSES * len(rules) * server.pause_s
    ends_at = time.monotonic() + patience_s
    star: bool | None = None
    waiting: dict[Rule, asyncio.Future[RuleResult]] = {}
    try:
        for rule in rules:
            if rule.takes_s and not waiting:
                waiting = {
                    each: asyncio.ensure_future(_play(each, server, star))
                    for each in rules
                    if each.takes_s
                }
            if rule in waiting:
                row = await waiting[rule]
            elif time.monotonic() > ends_at:
                came = f"the time limit of {patience_s:g} s was over; a larger --timeout raises it"
                row = RuleResult(rule, "FAILED", expected="to be played", came=came, star=star)
            else:
                row = await _play(rule, server, star)
            star = row.star
            yield row
            if rule is FIRST and row.outcome == "FAILED":
                return
    finally:
        for task in waiting.values():
            task.cancel()
        await asyncio.gather(*waiting.values(), return_exceptions=True)


async def _play(rule: Rule, server: Server, star: bool | None) -> RuleResult:
    scene = Scene(server, star)
    try:
        async with scene:
            await rule.play(scene)
    except Failed as failed:
        return RuleResult(
            rule, "FAILED", (), hint(failed.came), failed.expected, failed.came, scene.star
        )
    except Skipped as skipped:
        return RuleResult(rule, "skipped", note=str(skipped), star=scene.star)
    except Ended as ended:
        return RuleResult(rule, "FAILED", (), "", "an open connection", str(ended), scene.star)
    except UNREACHABLE as error:
        came = explain(error, server.url, server.timeout_s)
        return RuleResult(rule, "FAILED", (), "", "a connection", came, scene.star)
    row = RuleResult(rule, "ok", tuple(scene.samples_ms), scene.note, star=scene.star)
    return row._replace(note=_with_give_up(row))


def _with_give_up(row: RuleResult) -> str:
    if not row.samples_ms or max(row.samples_ms) <= APP_GIVES_UP_MS:
        return row.note
    late = f"longer than {APP_GIVES_UP_MS // 1000} s, when the app in the field gives up"
    return f"{row.note}; {late}" if row.note else late
