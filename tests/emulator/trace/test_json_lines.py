"""Lines of `emulate --log-format json`."""

import json
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.support.process import emulate

HANDLER = """
def handler(event, context):
    print("one\\ntwo")
    return {"statusCode": 200}
"""


def lines(told: str) -> list[dict[str, object]]:
    """Return every line of stderr as an object."""
    return [json.loads(line) for line in told.splitlines()]


@pytest.mark.process
def test_every_line_is_an_object() -> None:
    """The first line holds the banner's facts, and each event is a line without a payload."""
    with emulate("--port", "0", "--log-format", "json") as (emulator, line):
        url = line.strip()
        with connect(f"{url}?playerId=HOST&gameId=G") as host:
            host.send('{"type":"offer","targetId":"Zo\\u00eb","payload":"s3cret"}')
            host.recv()
        emulator.terminate()
        _, told = emulator.communicate(timeout=30)
    assert "s3cret" not in told
    first, *events = lines(told)
    assert (first["kind"], first["url"]) == ("listening", url)
    assert str(first["inspector"]).endswith("/_inspect/")
    kept = ("kind", "game", "from", "to", "type", "bytes", "outcome")
    assert [{key: event[key] for key in kept if key in event} for event in events] == [
        {"kind": "connect", "game": "G", "from": "HOST", "outcome": "connected"},
        {
            "kind": "message",
            "game": "G",
            "from": "HOST",
            "to": "Zoë",
            "type": "offer",
            "bytes": 57,
            "outcome": "undelivered TARGET_NOT_FOUND",
        },
        {"kind": "disconnect", "game": "G", "from": "HOST", "outcome": "1000 OK"},
    ]
    assert len({event["connectionId"] for event in events}) == 1
    assert all(str(event["time"]).endswith("Z") for event in events)


@pytest.mark.process
def test_output_of_a_handler_is_lines_of_its_own(tmp_path: Path) -> None:
    """Text that a handler prints is wrapped, line by line; -v adds details."""
    file = tmp_path / "chat.py"
    file.write_text(HANDLER)
    options = ("--handler", f"{file}:handler", "--log-format", "json", "-v")
    with emulate("--port", "0", *options) as (emulator, line):
        with connect(line.strip()) as client:
            client.send("hello")
        emulator.terminate()
        _, told = emulator.communicate(timeout=30)
    events = lines(told)
    printed = [event["text"] for event in events if event["kind"] == "output"]
    assert [text for text in printed if "cold start" not in str(text)][:2] == ["one", "two"]
    assert all("details" in event for event in events if event["kind"] == "connect")
