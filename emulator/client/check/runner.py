"""All rules, played one after the other."""

import math
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Literal, NamedTuple

from poker_signal.emulator.client.check import answering, connecting, owning, relaying
from poker_signal.emulator.client.check.scene import Failed, Scene, Server, Skipped
from poker_signal.emulator.client.connection import Ended
from poker_signal.emulator.client.explain import UNREACHABLE, explain, hint

MAX_TIMEOUTS = 12
"""How many time-outs a whole check may take, in all: then it ends."""

MAX_PAUSES = 5
"""How many pauses a rule may make."""

APP_GIVES_UP_MS = 5000
"""When the host in the field gives a player up, counted from the join."""

Outcome = Literal["ok", "FAILED", "skipped"]


class Rule(NamedTuple):
    """What must hold."""

    group: str
    name: str
    play: Callable[[Scene], Awaitable[None]]


class RuleResult(NamedTuple):
    """What became of a rule."""

    rule: Rule
    outcome: Outcome
    samples_ms: Sequence[float] = ()
    note: str = ""
    """What else is worth knowing; why it was skipped; after a failure, what to do."""
    expected: str = ""
    came: str = ""
    star: bool | None = None
    """Whether the topology turned out to be a star, as far as is known."""

    @property
    def median_ms(self) -> float:
        """The middle of the samples."""
        return statistics.median(self.samples_ms)

    @property
    def p95_ms(self) -> float:
        """What all but one in twenty of the samples stay below."""
        return sorted(self.samples_ms)[math.ceil(0.95 * len(self.samples_ms)) - 1]


_CONNECTING, _RELAYING, _ANSWERING, _OWNING = "Connecting", "Relaying", "Answering", "Names"

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
    Rule(_ANSWERING, "for who left: undelivered", answering.who_left),
    Rule(_ANSWERING, "a join without HOST is an error", answering.no_host),
    Rule(_ANSWERING, "HOST cannot join itself", answering.host_joins),
    Rule(_ANSWERING, "nobody addresses themselves", answering.oneself),
    Rule(_ANSWERING, "player to player: mesh or star", answering.among_players),
    Rule(_ANSWERING, "a player's offer: mesh or star", answering.offers_of_players),
    Rule(_OWNING, "a name is refused while its player lives", owning.duplicate_name),
    Rule(_OWNING, "a name is free once its player left", owning.name_is_free_again),
    Rule(_OWNING, "a ghost does not lock its player out", owning.ghost),
    Rule(_OWNING, "a session takes its seat over", owning.takeover),
    Rule(_OWNING, "another session does not", owning.no_takeover),
    Rule(_OWNING, "a protected HOST: others get 409", owning.protected_host),
    Rule(_OWNING, "a HOST restarts with its session", owning.host_restarts),
    Rule(_OWNING, "without sessions the newest HOST is it", owning.newest_host),
)

TICKETS = Rule(_CONNECTING, "no ticket: 401, another's: 403", connecting.refuses_without_ticket)
"""Where tickets are asked for."""


async def check(
    server: Server, rules: Sequence[Rule] | None = None
) -> AsyncGenerator[RuleResult, None]:
    """Play the rules, by default all; yield what became of each as soon as it is known.

    When the first connection fails, nothing else is tried.
    """
    if rules is None:
        rules = (FIRST, TICKETS, *RULES[1:]) if server.tickets else RULES
    patience_s = MAX_TIMEOUTS * server.timeout_s + MAX_PAUSES * len(rules) * server.pause_s
    ends_at = time.monotonic() + patience_s
    star: bool | None = None
    reachable = True
    for rule in rules:
        if not reachable:
            row = RuleResult(rule, "skipped", note="nobody can connect")
        elif time.monotonic() > ends_at:
            came = f"{patience_s:g} s were over; a larger --timeout gives it more"
            row = RuleResult(rule, "FAILED", expected="to be played", came=came, star=star)
        else:
            row = await _play(rule, server, star)
        star = row.star
        reachable = reachable and not (rule is FIRST and row.outcome == "FAILED")
        yield row


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
