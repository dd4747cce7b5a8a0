"""poker-signal effects."""

import json
from collections.abc import Collection
from typing import Any, TextIO

import click

from poker_signal.core.aws_event import Response
from poker_signal.core.configuration import Rules, Topology
from poker_signal.core.errors import SignalError
from poker_signal.core.event_parser import MalformedEvent, parse_event, response_for
from poker_signal.core.invocation import Invocation, Outcome
from poker_signal.core.model import Effect, Post, Probe, Row, Save, Wait
from poker_signal.core.room import Room
from poker_signal.emulator.terminal import escape_json

ROW_SHAPE = (
    "an object with connectionId, playerId, gameId, connectedAt (ISO 8601), "
    "ttl (epoch seconds) and perhaps session, reached, seat and leftAt (epoch seconds)"
)


def run(*, event: TextIO, room: TextIO | None, topology: str, gone: Collection[str]) -> None:
    """Print the effects of an event, then the response."""
    rows = Room() if room is None else _read_room(room)
    for line in _perform(_read_event(event), rows, Rules(Topology(topology)), gone):
        # A row holds a set, which JSON lacks; sorted, so that the output is reproducible.
        click.echo(escape_json(json.dumps(line, ensure_ascii=False, default=sorted)))


def _perform(
    raw: dict[str, Any], room: Room, rules: Rules, gone: Collection[str]
) -> list[dict[str, Any] | Response]:
    lines: list[dict[str, Any] | Response] = []
    try:
        invocation = Invocation(parse_event(raw), room, rules)
        for effect in invocation.effects():
            lines.append(_as_json(effect))
            if isinstance(effect, Wait):
                invocation.waited_enough(effect)
            elif isinstance(effect, Post | Probe) and effect.connection_id in gone:
                invocation.gone(effect)
            elif isinstance(effect, Post):
                invocation.delivered(effect)
            elif isinstance(effect, Probe):
                invocation.alive(effect)
    except MalformedEvent as error:
        raise click.ClickException(f"not an event of a WebSocket API: {error}") from error
    except SignalError as error:
        return [response_for(Outcome("refused", error))]
    return [*lines, response_for(invocation.outcome)]


def _as_json(effect: Effect) -> dict[str, Any]:
    fields = effect._asdict()
    # The posted frame is enough; the cause is the event itself.
    fields.pop("cause", None)
    fields.pop("signal", None)
    if isinstance(effect, Save):
        fields["row"] = effect.row._asdict()
    return {"effect": type(effect).__name__, **fields}


def _read_event(file: TextIO) -> dict[str, Any]:
    event = _load(file)
    if not isinstance(event, dict):
        raise click.ClickException(f"{file.name}: an event is a JSON object")
    return event


def _read_room(file: TextIO) -> Room:
    rows = _load(file)
    if not isinstance(rows, list):
        raise click.ClickException(f"{file.name}: a room is a JSON list of rows")
    return Room(_row(file.name, number, row) for number, row in enumerate(rows, start=1))


def _row(name: str, number: int, row: Any) -> Row:
    try:
        return Row(
            connection_id=row["connectionId"],
            player_id=row["playerId"],
            game_id=row["gameId"],
            connected_at=row["connectedAt"],
            ttl=int(row["ttl"]),
            session=row.get("session"),
            reached=frozenset(row.get("reached", [])),
            seat=row.get("seat"),
            left_at=int(row["leftAt"]) if "leftAt" in row else None,
        )
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise click.ClickException(f"{name}: row {number} is not {ROW_SHAPE}") from error


def _load(file: TextIO) -> Any:
    try:
        return json.load(file)
    except (ValueError, RecursionError) as error:
        raise click.ClickException(f"{file.name}: not JSON: {error}") from error
