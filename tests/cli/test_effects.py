"""The effects of one recorded event, printed without a socket and without AWS."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from poker_signal.cli.main import main

EVENTS = Path(__file__).parents[1] / "events"

ROW = {
    "gameId": "AAAAAA",
    "connectedAt": "2024-02-09T18:23:27.396Z",
    "ttl": 9_999_999_999,
}
ROOM = [
    {**ROW, "connectionId": "h", "playerId": "HOST"},
    {**ROW, "connectionId": "a", "playerId": "Alice", "session": "5e55"},
]


def invoke(tmp_path: Path, event: Any, room: Any = ROOM, *options: str) -> Result:
    """Run the command on an event and a room."""
    (tmp_path / "event.json").write_text(json.dumps(event), encoding="utf-8")
    (tmp_path / "room.json").write_text(json.dumps(room), encoding="utf-8")
    files = [str(tmp_path / "event.json"), "--room", str(tmp_path / "room.json")]
    return CliRunner().invoke(main, ["effects", *files, *options])


def message(sender: str, text: str) -> Any:
    """Return the recorded message event with another sender and body."""
    event = json.loads((EVENTS / "message.json").read_text(encoding="utf-8"))
    event["requestContext"]["connectionId"] = sender
    event["body"] = text
    return event


def lines(result: Result) -> list[Any]:
    """Return the printed lines, parsed as JSON."""
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_effects_come_in_order_and_the_response_last(tmp_path: Path) -> None:
    """Each effect of the core is printed in order, and the response comes last."""
    assert lines(invoke(tmp_path, message("a", '{"type":"join","id":"1"}'))) == [
        {
            "effect": "Post",
            "connection_id": "h",
            "data": '{"type":"join","senderId":"Alice","payload":null}',
            "target_id": "HOST",
        },
        {
            "effect": "Post",
            "connection_id": "a",
            "data": '{"type":"ack","id":"1","payload":{"targetId":"HOST"}}',
            "target_id": None,
        },
        {"statusCode": 200},
    ]


def test_a_connection_can_be_said_to_be_gone(tmp_path: Path) -> None:
    """`--gone` makes a connection a ghost: its row is deleted and the join fails."""
    event = message("a", '{"type":"join"}')
    printed = lines(invoke(tmp_path, event, ROOM, "--gone", "h"))
    assert [line.get("effect") for line in printed] == ["Post", "Probe", "Forget", "Post", None]
    left_at = event["requestContext"]["requestTimeEpoch"] // 1000
    assert printed[2] == {"effect": "Forget", "connection_id": "h", "left_at": left_at}
    assert "HOST_NOT_FOUND" in printed[3]["data"]


def test_a_row_may_be_a_reservation(tmp_path: Path) -> None:
    """`leftAt` makes a row a reservation: the join waits for its player, then fails."""
    room = [{**ROOM[0], "session": "5e55", "leftAt": 1_707_503_000}, ROOM[1]]
    wait, post, _ = lines(invoke(tmp_path, message("a", '{"type":"join"}'), room))
    assert wait == {"effect": "Wait", "seconds": 0.0, "reads_game": True}
    assert "HOST_NOT_FOUND" in post["data"]


def test_a_connect_shows_the_row_and_a_probe(tmp_path: Path) -> None:
    """A second HOST causes a probe of the host that has a session, and gets 409."""
    event = json.loads((EVENTS / "connect.json").read_text(encoding="utf-8"))
    event["queryStringParameters"] = {"playerId": "HOST", "gameId": "AAAAAA"}
    room = [{**ROOM[0], "session": "5e55"}]
    printed = lines(invoke(tmp_path, event, room))
    assert (printed[0]["effect"], printed[0]["connection_id"]) == ("Probe", "h")
    assert printed[-1]["statusCode"] == 409


def test_a_row_that_is_saved_is_shown_by_name() -> None:
    """A saved row is printed with its field names, and the set `reached` as a list."""
    event = EVENTS / "connect-host-with-session.json"
    saved, _ = lines(CliRunner().invoke(main, ["effects", str(event)]))
    assert (saved["effect"], saved["row"]["player_id"]) == ("Save", "HOST")
    assert saved["row"]["reached"] == []


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_recorded_event_is_answered(path: Path) -> None:
    """Every event gives a response; an event of another API gives one line that says so."""
    result = CliRunner().invoke(main, ["effects", str(path)])
    assert isinstance(result.exception, SystemExit | None), result.exception
    if path.stem == "http-api":
        assert "not an event of a WebSocket API" in result.stderr
    else:
        assert "statusCode" in lines(result)[-1]


def test_the_event_may_come_on_standard_input_and_without_a_room() -> None:
    """The event may come from stdin; without `--room`, not even the sender has a row."""
    for type_ in ("ping", "join"):
        text = json.dumps(message("a", f'{{"type":"{type_}"}}'))
        post, close, _ = lines(CliRunner().invoke(main, ["effects", "-"], input=text))
        assert "NOT_CONNECTED" in post["data"]
        assert close == {"effect": "Close", "connection_id": "a"}


@pytest.mark.parametrize(
    ("event", "room", "says"),
    [
        ({"version": "2.0"}, ROOM, "not an event of a WebSocket API"),
        (message("a", "x"), {}, "a JSON list of rows"),
        (message("a", "x"), [{"connectionId": "a"}], "row 1 is not an object with connectionId"),
        (message("a", "x"), ["a"], "row 1 is not"),
    ],
    ids=["http-api", "room-object", "row-without-ttl", "row-string"],
)
def test_a_file_of_another_shape_is_explained(
    tmp_path: Path, event: Any, room: Any, says: str
) -> None:
    """A file of another shape is reported in one line, with exit code 1."""
    result = invoke(tmp_path, event, room)
    assert result.exit_code == 1
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
