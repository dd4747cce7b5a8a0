"""The protocol's documents match the code: every type, code and key, and no others."""

import copy
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from poker_signal.core import errors, messages, presence
from poker_signal.core.configuration import Rules
from poker_signal.core.errors import SignalError
from poker_signal.core.ice import IceServers
from poker_signal.core.model import (
    WANTS,
    ConnectionId,
    GameId,
    Message,
    PlayerId,
    Post,
    Presence,
    Signal,
)
from poker_signal.core.room import Room
from poker_signal.emulator.aws import http
from poker_signal.emulator.testing import ConnectPeer
from tests.core.build import AT, row
from tests.core.test_aws_event import BAD_SESSIONS, GOOD_SESSIONS
from tests.core.test_errors import ERRORS as EVERY_ERROR
from tests.protocol_types import CLIENT, DOCS, SERVER, TYPES, load, typescript
from tests.signaling.transcripts import CASES, Hears, Says

DOCUMENT = load()
SCHEMAS = DOCUMENT["components"]["schemas"]
PROSE = (DOCS / "protocol.md").read_text(encoding="utf-8")

ICE = IceServers([{"urls": ["turn:turn.example.com"], "username": "1:a", "credential": "b"}], 1)
ALICE = PlayerId("Alice")
ERRORS: list[SignalError] = [*(error for error, *_ in EVERY_ERROR), errors.UnknownTicketKey()]
RELAYED = messages.DIRECTED | {messages.JOIN}
REFUSALS = {
    errors.InvalidConnect,
    errors.MissingTicket,
    errors.InvalidTicket,
    errors.UnknownTicketKey,
    errors.HostProtected,
    errors.OriginNotAllowed,
    errors.GameFull,
    errors.Superseded,
}
"""Errors that only a WebSocket handshake is answered with."""


def validator(name: str, document: dict[str, Any] = DOCUMENT) -> Draft7Validator:
    """Return a validator for a schema of the document."""
    return Draft7Validator({"$ref": f"#/components/schemas/{name}", **document})


def kinds(frame: Any, names: tuple[str, ...]) -> list[str]:
    """Return the names of the schemas that a frame matches."""
    return [name for name in names if validator(name).is_valid(frame)]


def signal(type_: str, id_: str | None = "1") -> Signal:
    """Return a client's message."""
    return Signal(ConnectionId("a"), 0, type_, ALICE, "null", id_)


def told() -> Iterator[tuple[str, Any]]:
    """Yield type and frame of the answer to each kind of message with each error."""
    for error in ERRORS:
        if type(error) in REFUSALS:
            continue
        for sent in (None, *(signal(type_, id_) for type_ in RELAYED for id_ in ("1", None))):
            type_, text = messages.answer_to(sent, error)
            yield type_, json.loads(text)


def presence_frames() -> list[Any]:
    """Return each kind of frame about a player or the host."""
    return [
        json.loads(effect.data)
        for name in ("Alice", "HOST")
        for reason in ("joined", "replaced", "left", "timeout", "closed")
        for effect in presence.due(
            Presence(ConnectionId("a"), GameId("4711"), PlayerId(name), reason, 1),
            Room([row("Bob")._replace(wants=WANTS)]),
            AT,
            Rules(later=True),
        )
        if isinstance(effect, Post)
    ]


def errors_of(document: dict[str, Any]) -> list[str]:
    """Return the places at which a document breaks the AsyncAPI 3 model of asyncapi3."""
    with warnings.catch_warnings(action="ignore"):
        from asyncapi3 import AsyncAPI3
    from pydantic import ValidationError

    try:
        AsyncAPI3.model_validate(document)
    except ValidationError as error:
        return [str(found["loc"]) for found in error.errors()]
    return []


def test_the_document_is_asyncapi() -> None:
    """The document is valid AsyncAPI, and is invalid without one of its required members."""
    assert errors_of(DOCUMENT) == []
    for path in ("info version", "operations hear action", "servers emulator host"):
        broken = copy.deepcopy(DOCUMENT)
        part = broken
        *keys, last = path.split()
        for key in keys:
            part = part[key]
        del part[last]
        assert errors_of(broken), path


def test_every_reference_leads_somewhere() -> None:
    """Every reference has a target, and every schema is valid and referred to."""

    def references(part: Any) -> Iterator[str]:
        for key, value in part.items() if isinstance(part, dict) else enumerate(part):
            if key == "$ref":
                yield value
            elif isinstance(value, dict | list):
                yield from references(value)

    found = set(references(DOCUMENT))
    for reference in found:
        part = DOCUMENT
        for key in reference.removeprefix("#/").split("/"):
            part = part[key]
    assert {f"#/components/schemas/{name}" for name in SCHEMAS} <= found
    for schema in SCHEMAS.values():
        Draft7Validator.check_schema(schema)


def test_every_type_is_in_the_document() -> None:
    """The document has exactly the types of clients and of the server."""
    assert set(SCHEMAS["Directive"]["enum"]) == messages.DIRECTED
    own_types = ("Join", "Report", "Hello", "AskIce", "Ping")
    consts = {SCHEMAS[name]["properties"]["type"]["const"] for name in own_types}
    assert consts | messages.DIRECTED == messages.TYPES
    assert set(SCHEMAS["Relayed"]["properties"]["type"]["enum"]) == RELAYED
    types = {name: SCHEMAS[name]["properties"].get("type", {}) for name in SERVER}
    assert {name: type_["const"] for name, type_ in types.items() if "const" in type_} == {
        "ErrorFrame": "error",
        "Undelivered": "undelivered",
        "Ack": "ack",
        "Pong": "pong",
        "Welcome": "welcome",
        "IceServersFrame": "ice-servers",
        "GoAway": "go-away",
        "Keepalive": "keepalive",
    }
    assert set(types["Presence"]["enum"]) == {frame["type"] for frame in presence_frames()}


def test_every_code_is_in_the_document() -> None:
    """The document has every error code where it can occur, and nowhere else."""
    classes = {value for value in vars(errors).values() if isinstance(value, type)}
    assert {type(error) for error in ERRORS} == {
        found for found in classes if issubclass(found, SignalError) and found is not SignalError
    }
    codes: dict[str, set[str]] = {"error": set(), "undelivered": set()}
    for type_, frame in told():
        codes[type_].add(frame["payload"]["code"])
    # A join goes to HOST; if there is no HOST, it has another code.
    codes["error"] -= {"TARGET_NOT_FOUND"}
    assert set(SCHEMAS["ErrorCode"]["enum"]) == codes["error"]
    assert set(SCHEMAS["UndeliveredCode"]["enum"]) == codes["undelivered"]
    refused: dict[str, set[str]] = {"429": {"RATE_LIMITED"}}
    for error in ERRORS:
        if type(error) in REFUSALS:
            refused.setdefault(str(error.status_code), set()).add(error.code)
    written = DOCUMENT["channels"]["signaling"]["x-refusals"]
    assert {status: set(codes) for status, codes in written.items()} == refused


def test_every_frame_that_the_code_makes_is_in_the_document() -> None:
    """Every frame of the code matches one schema, and together they have all its keys."""
    frames = [frame for _, frame in told() if frame["payload"]["code"] != "TARGET_NOT_FOUND"]
    frames += [frame for kind, frame in told() if kind == "undelivered"]
    frames += [json.loads(messages.relayed_frame(signal(type_), ALICE)) for type_ in RELAYED]
    frames += [
        json.loads(text)
        for text in (
            messages.ack_frame("1", ALICE),
            messages.PONG,
            messages.KEEPALIVE,
            messages.welcome_frame(row("Alice"), [ALICE], ["report"], "1", ICE),
            messages.ice_servers_frame(ICE, "1"),
            messages.go_away_frame(300),
        )
    ]
    frames += presence_frames()
    seen: dict[str, set[str]] = {}
    for frame in frames:
        (name,) = kinds(frame, SERVER)
        seen.setdefault(name, set()).update(frame)
    assert seen == {name: set(SCHEMAS[name]["properties"]) for name in SERVER if name != "Gateway"}


@pytest.mark.parametrize(
    "steps", [case[-1] for case in CASES], ids=[str(case[1]) for case in CASES]
)
def test_real_frames_are_as_the_document_says(steps: list[Any]) -> None:
    """Each frame of the transcripts, which all hosts follow, matches exactly one schema."""
    for step in steps:
        if isinstance(step, Hears):
            assert len(kinds(json.loads(step.text), SERVER)) == 1, step
        if isinstance(step, Says):
            assert len(kinds(_parsed(step.text), CLIENT)) == _is_understood(step.text), step


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_understood(text: str) -> bool:
    try:
        read = messages.read(Message(ConnectionId("a"), text, 0))
    except errors.InvalidMessage:
        return False
    if read.type in messages.DIRECTED:
        return read.target_id is not None
    return read.type in messages.TYPES


@given(st.one_of(st.text(max_size=130), st.text(" \t\n\u00a0\x85a", max_size=4)))
@example("Alice\n")
def test_a_name_is_what_the_code_takes_for_one(text: str) -> None:
    """The document's schema of a name accepts the same texts as the code."""
    assert validator("Name").is_valid(text) == messages.is_name(text)


@pytest.mark.parametrize(
    ("text", "is_session"),
    [(text, False) for text in BAD_SESSIONS.values()]
    + [(text, True) for text in GOOD_SESSIONS.values()],
    ids=[*BAD_SESSIONS, *GOOD_SESSIONS],
)
def test_a_session_is_what_the_code_takes_for_one(text: str, is_session: bool) -> None:
    """The document's schema of a session accepts the same texts as the code."""
    assert validator("Session").is_valid(text) is is_session


@pytest.mark.signal_emulator(throttle_rate=0, throttle_burst=1)
async def test_the_gateway_speaks_as_the_document_says(signal_peer: ConnectPeer) -> None:
    """A frame of the gateway itself, without a type, matches its schema."""
    alice = await signal_peer("Alice")
    await alice.send("ping")
    assert kinds((await alice.expect()).body, SERVER) == ["Gateway"]
    words = {http.INTERNAL_SERVER_ERROR, http.TIMED_OUT, http.TOO_MANY_REQUESTS}
    assert set(SCHEMAS["Gateway"]["properties"]["message"]["enum"]) == {*words, "Forbidden"}


def test_the_types_are_made_from_the_document() -> None:
    """The types are made from the document; ``python -m tests.protocol_types`` writes them."""
    assert TYPES.read_text(encoding="utf-8") == typescript(SCHEMAS)


def test_the_prose_names_everything() -> None:
    """The prose names every type, code, parameter and status, and no unknown code."""
    codes = {error.code for error in ERRORS}
    for word in messages.TYPES | codes | {"error", "undelivered", "ack", "pong"}:
        assert f"`{word}`" in PROSE, word
    assert set(re.findall(r"`([A-Z_]{5,})`", PROSE)) == codes
    query = DOCUMENT["channels"]["signaling"]["bindings"]["ws"]["query"]["properties"]
    for parameter in query:
        assert f"`{parameter}`" in PROSE
    for status, refused in DOCUMENT["channels"]["signaling"]["x-refusals"].items():
        row = next(line for line in PROSE.splitlines() if line.startswith(f"| {status} |"))
        assert set(re.findall(r"`([A-Z_]{5,})`", row)) == set(refused)
