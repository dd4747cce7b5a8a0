"""The lines that `peer` accepts, and their meaning."""

import json
from pathlib import Path

import pytest

from poker_signal.cli.peer_commands import (
    COMMANDS,
    HELP,
    Action,
    BadLine,
    CloseConnection,
    Expect,
    Help,
    Send,
    To,
    parse,
)

SDP = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n"


def meaning(line: str) -> Action | None:
    """Return the action of a line that Alice types while Bob is the target."""
    return parse(line, "Alice", "Bob")


def sent(line: str) -> object:
    """Return the message that a line sends."""
    action = meaning(line)
    assert isinstance(action, Send)
    return json.loads(action.text)


def test_frames_are_sent_as_they_are() -> None:
    """JSON lines and the text after `/send` are sent unchanged, even if not valid."""
    assert meaning('  {"type" : "ping"}\r') == Send('{"type" : "ping"}')
    assert meaning("/send [1]  x") == Send("[1]  x")


def test_commands_make_messages_of_the_wire_protocol() -> None:
    """Each command makes a message of the wire protocol, with the names as typed."""
    assert sent("/join") == {"type": "join", "targetId": "HOST", "payload": {"playerName": "Alice"}}
    assert sent("/connected") == {"type": "player-connected", "targetId": "Bob"}
    assert sent("/ping") == {"type": "ping"}
    assert sent("/candidate candidate:1 1 udp") == {
        "type": "ice-candidate",
        "targetId": "Bob",
        "payload": {"candidate": "candidate:1 1 udp", "sdpMid": "0", "sdpMLineIndex": 0},
    }
    assert sent('/candidate {"candidate":""}') == {
        "type": "ice-candidate",
        "targetId": "Bob",
        "payload": {"candidate": ""},
    }


@pytest.mark.parametrize("type_", ["offer", "answer"])
def test_descriptions_come_from_files(type_: str, tmp_path: Path) -> None:
    """A file holds the SDP with its line ends, or a description as JSON."""
    (tmp_path / "a description.sdp").write_bytes(SDP.encode())
    (tmp_path / "description.json").write_text(json.dumps({"sdp": SDP}))
    assert sent(f"/{type_} {tmp_path}/a description.sdp") == {
        "type": type_,
        "targetId": "Bob",
        "payload": {"type": type_, "sdp": SDP},
    }
    assert sent(f"/{type_} {tmp_path}/description.json") == {
        "type": type_,
        "targetId": "Bob",
        "payload": {"sdp": SDP},
    }


def test_other_commands_are_actions() -> None:
    """Other commands become actions; names may contain spaces."""
    assert meaning("/to Zoë the 2nd ") == To("Zoë the 2nd")
    assert meaning("/expect offer") == Expect("offer", None)
    assert meaning("/expect offer Zoë the 2nd") == Expect("offer", "Zoë the 2nd")
    assert meaning("/close") == CloseConnection(1000, "")
    assert meaning("/close 1001") == CloseConnection(1001, "")
    assert meaning("/close 4001 so long") == CloseConnection(4001, "so long")
    assert meaning("/help") == Help()
    assert meaning("  ") is None


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("/fold", "/fold is no command; /help shows"),
        ("hello", "hello is no command"),
        ("/join HOST", "takes nothing more"),
        ("/to", "needs the NAME"),
        ("/send", "needs the text"),
        ("/offer", "needs a FILE"),
        ("/offer /no/such/file", "/no/such/file cannot be read"),
        ("/offer .", ". cannot be read"),
        ("/offer /dev/zero", "/dev/zero is longer than 131072 bytes"),
        ("/candidate", "needs a candidate line"),
        ("/candidate {", "not JSON"),
        ("/expect", "needs the TYPE"),
        ("/close now", "/close: a CODE is 1000, 1001 or 3000 to 4999, not now"),
        ("/close 10_00", "not 10_00"),
        ("/close 1006", "1006 cannot be sent; 1000, 1001 and 3000 to 4999 can"),
        ("/close 4000 " + "x" * 124, "at most 123 bytes"),
    ],
)
def test_what_is_no_command_is_explained(line: str, says: str) -> None:
    """A line that is not a valid command raises BadLine with the reason."""
    with pytest.raises(BadLine) as caught:
        meaning(line)
    assert says in str(caught.value)


def test_the_help_names_every_command() -> None:
    """The help lists every command and no other."""
    assert {line.split()[0] for line in HELP.splitlines()} == COMMANDS
