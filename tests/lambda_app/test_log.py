"""The log line of each invocation: its fields, and data that it never contains."""

import contextlib
import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from poker_signal.core.errors import HostNotFound
from poker_signal.core.invocation import Outcome
from poker_signal.core.messages import TYPES, ReportedState, is_name
from poker_signal.lambda_app import log
from poker_signal.lambda_app.handshake import Handshake
from tests.core.build import AT, row
from tests.lambda_app.build import Container, connect, disconnect, message

MARKER = "Z7q"
"""Part of every text that a line must not contain; no text of ours contains it."""

secrets = st.text(max_size=20).map(lambda text: f"{MARKER}{text}")
names = secrets.filter(is_name)


def line(event: Any = None, outcome: Outcome | None = None, **facts: Any) -> dict[str, Any]:
    """Return a line about Alice, with defaults for most facts."""
    usual: dict[str, Any] = {
        "type_": None,
        "effects": {},
        "unreadable_items": 0,
        "ms": 12.3456,
        "at_ms": AT * 1000,
    }
    event = message(row("Alice"), "{}") if event is None else event
    return log.line_of(event, outcome, **{**usual, **facts})


def declared(found: Mapping[str, Any]) -> set[str]:
    """Return the names of the metrics that a line declares."""
    directives = found["_aws"]["CloudWatchMetrics"]
    return {metric["Name"] for directive in directives for metric in directive["Metrics"]}


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    """Return an error that has been raised, and so has a traceback."""
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def written(container: Container, event: Any) -> str:
    """Return the output of an invocation, even if it raises."""
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream), contextlib.suppress(Exception):
        container(event)
    return stream.getvalue()


def test_a_line_says_who_where_and_how_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line has ids, outcome and metrics, with API Gateway's names for its fields."""
    found = line(outcome=Outcome("delivered"), type_="join", effects={"Post": 1})
    assert {key: value for key, value in found.items() if key != "_aws"} == {
        "level": "INFO",
        "routeKey": "$default",
        "connectionId": "Alice-0",
        "requestId": "r",
        "type": "join",
        "outcome": "delivered",
        "effects": {"Post": 1},
        "Deliveries": 1,
        "Undelivered": 0,
        "GhostsHealed": 0,
        "Failures": 0,
        "Milliseconds": 12.346,
        "function": "unknown",
        "stage": "prod",
    }
    assert line(outcome=Outcome("error", HostNotFound()))["code"] == "HOST_NOT_FOUND"
    assert line(disconnect(row("Alice")))["disconnectStatusCode"] == 1001
    # Two deployments of one account may both be called prod.
    monkeypatch.setenv(log.FUNCTION_NAME, "poker-signaling-eu")
    assert line()["function"] == "poker-signaling-eu"


@pytest.mark.parametrize(
    ("outcome", "facts", "metrics"),
    [
        (Outcome("delivered"), {}, {"Deliveries": 1}),
        (Outcome("undelivered"), {}, {"Undelivered": 1}),
        (
            Outcome("delivered"),
            {"effects": {"Gone": 2, "Forget": 2}},
            {"Deliveries": 1, "GhostsHealed": 2},
        ),
        (Outcome("delivered"), {"effects": {"Gone": 2}}, {"Deliveries": 1}),
        (None, {"error": RuntimeError()}, {"Failures": 1}),
        (Outcome("connected"), {}, {}),
    ],
    ids=["delivered", "undelivered", "healed", "not open yet", "failed", "connected"],
)
def test_the_metrics_count_what_became_of_it(
    outcome: Outcome | None, facts: dict[str, Any], metrics: dict[str, int]
) -> None:
    """Each outcome is counted in its metrics; all others are 0, and not declared."""
    found = line(outcome=outcome, **facts)
    counted = {name: found[name] for name in log.METRICS if name in found}
    assert declared(found) == {*metrics}
    assert counted == {**dict.fromkeys(counted, 0), **metrics}


@pytest.mark.parametrize(
    ("payload", "found"),
    [
        (
            '{"state":"connected","ms":412}',
            {"state": "connected", "Connected": 1, "Failed": 0, "ConnectMs": 412},
        ),
        ('{"state":"failed","ms":9}', {"state": "failed", "Connected": 0, "Failed": 1}),
        ('{"state":"closed","error":"Zoë"}', {"state": "closed"}),
        ('{"state":"Zoë"}', {}),
    ],
)
def test_a_report_has_its_state_and_its_metrics(payload: str, found: dict[str, Any]) -> None:
    """Only the known states and a duration are logged, nothing else of the payload."""
    container = Container(row("Alice"))
    body = f'{{"type":"report","targetId":"HOST","payload":{payload}}}'
    told = json.loads(written(container, message(row("Alice"), body)))
    names = ("state", "Connected", "Failed", "ConnectMs")
    assert {name: told[name] for name in names if name in told} == found
    # Zeros as well: a share of failures needs both.
    assert declared(told) == {name for name in names[1:] if name in found}


def test_the_line_is_of_the_embedded_metric_format() -> None:
    """Every declared metric and dimension is a member of the line, with the right type."""
    found = line(outcome=Outcome("delivered"))
    assert found["_aws"]["Timestamp"] == AT * 1000
    (directive,) = found["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "poker-signal"
    assert json.loads(json.dumps(directive["Dimensions"])) == [["function", "stage"]]
    assert all(isinstance(found[name], str) for name in log.DIMENSIONS)
    # A metric without a value in the line must not be declared.
    assert declared(line(outcome=Outcome("connected"))) == set()
    of_an_answer = line(outcome=Outcome("delivered"), handshake=Handshake("0123abcd", 1200))
    assert declared(of_an_answer) == {"Deliveries", "HandshakeMs"}
    assert of_an_answer["HandshakeMs"] == 1200


def test_the_metrics_of_a_line_take_at_most_200_bytes() -> None:
    """The longest blocks are those of an answer past ghosts, and of a report."""
    answer = line(
        outcome=Outcome("delivered"),
        handshake=Handshake("0123abcd", 1200),
        effects={"Gone": 2, "Forget": 2},
    )
    report = line(report=ReportedState("connected", 412))
    assert declared(answer) == {"Deliveries", "GhostsHealed", "HandshakeMs"}
    assert declared(report) == log.OF_REPORTS
    for each in (answer, report):
        assert len(json.dumps(each["_aws"], separators=(",", ":"))) <= 200


def test_the_line_has_the_commit_that_was_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deployment may set the commit; without it the line has none."""
    assert "commit" not in line()
    monkeypatch.setenv(log.COMMIT, "0123456789ab")
    assert line()["commit"] == "0123456789ab"


@pytest.mark.parametrize("type_", [*sorted(TYPES), "", "Join", "🃏"])
def test_only_a_known_type_is_named(type_: str) -> None:
    """Only known types are logged, because any other is a client's text."""
    assert line(type_=type_)["type"] == (type_ if type_ in TYPES else "other")


def test_a_failure_has_its_frames_but_not_its_words() -> None:
    """A failure is logged with frames and causes, without its text, which may quote a request."""
    cause = raised(KeyError(MARKER))
    found = line(error=raised(RuntimeError(MARKER), cause))
    assert (found["level"], found["outcome"], found["error"]) == ("ERROR", "failed", "RuntimeError")
    assert MARKER not in json.dumps(found)
    before, after = found["traceback"].split("then\n")
    assert before.endswith("KeyError\n")
    assert after.endswith("RuntimeError\n")
    assert found["traceback"].count("in raised") == 2


@pytest.mark.parametrize(
    "event",
    [{}, {"requestContext": None}, {"requestContext": []}, None, [], "text"],
    ids=["empty", "null context", "list for context", "null", "list", "text"],
)
def test_what_is_no_event_has_a_line_too(event: Any) -> None:
    """An invalid event has a log line, for example one that a developer sends in the console."""
    (found,) = written(Container(), event).splitlines()
    assert (json.loads(found)["outcome"], json.loads(found)["stage"]) == ("failed", "unknown")


def with_secrets(event: Any, secret: str) -> Any:
    """Return an event with a secret in every field that a client or its network can set."""
    event["requestContext"]["identity"] = {"sourceIp": secret, "userAgent": secret}
    event["requestContext"]["disconnectReason"] = secret
    for key in ("headers", "queryStringParameters"):
        if key in event:
            event[key] |= {"X-Forwarded-For": secret, "token": secret}
    for key in ("multiValueHeaders", "multiValueQueryStringParameters"):
        if key in event:
            event[key] |= {"X-Forwarded-For": [secret], "token": [secret]}
    return event


def failing(service: str) -> Container:
    """Return a container with a host; calls of a service fail, with the marker in the text."""
    container = Container(row("HOST", game_id=f"{MARKER}-game"))
    response = {
        "Error": {"Code": "ValidationException", "Message": MARKER},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    error = ClientError(response, "Any")
    if service == "dynamodb":
        calls = ("row", "read_room", "save", "forget", "reach")
        container.table.failures = dict.fromkeys(calls, error)
    if service == "connections":
        container.connections.failures = dict.fromkeys(("post", "is_open", "close"), error)
    return container


@given(
    names=st.tuples(names, names),
    secret=secrets,
    body=st.fixed_dictionaries(
        {
            "type": st.sampled_from(sorted(TYPES)) | secrets,
            "targetId": st.just("HOST") | secrets,
            "payload": st.dictionaries(secrets, secrets),
        },
        optional={"id": secrets},
    ),
    service=st.sampled_from(["", "dynamodb", "connections"]),
)
def test_no_line_has_what_a_client_said_or_where_it_is(
    names: tuple[str, str], secret: str, body: Mapping[str, Any], service: str
) -> None:
    """No line contains a payload, name, query string or address of a client."""
    player = row(names[0], connection_id="A", game_id=names[1])
    query = {"playerId": names[0], "gameId": names[1], "session": "Z7q-session"}
    connecting = connect(player)
    connecting["queryStringParameters"] = query
    connecting["multiValueQueryStringParameters"] = {key: [text] for key, text in query.items()}
    container = failing(service)
    container.table.rows[player.connection_id] = player
    events = (
        connecting,
        message(player, json.dumps(body)),
        message(player, secret),
        disconnect(player),
    )
    lines = [written(container, with_secrets(event, secret)) for event in events]
    assert [text.count("\n") for text in lines] == [1] * len(events)
    assert MARKER not in "".join(lines)
    assert [json.loads(text)["outcome"] == "failed" for text in lines] == {
        "": [False, False, False, False],
        "dynamodb": [True, True, True, True],
        "connections": [False, True, True, False],
    }[service]


def test_the_marker_would_be_seen() -> None:
    """A marker in a logged field is found; otherwise the test above would prove nothing."""
    event = message(row("Alice", connection_id=MARKER), "{}")
    assert MARKER in written(Container(), event)
