"""Calls of @connections: 410 is a return value, other errors are raised."""

from collections.abc import Callable, Generator
from contextlib import nullcontext
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.stub import Stubber

from poker_signal.core.model import ConnectionId
from poker_signal.lambda_app.clients import management_client
from poker_signal.lambda_app.management_api import MAX_IDLE_S, CallThrottled, ManagementApi
from tests.lambda_app.loopback import Answer, Endpoint

ALICE = ConnectionId("ShDEC76bIAMCUrA=")

Call = Callable[[ManagementApi], bool]

CALLS = {
    "post_to_connection": lambda connections: connections.post(ALICE, "x"),
    "get_connection": lambda connections: connections.is_open(ALICE),
    "delete_connection": lambda connections: connections.close(ALICE),
}
each_call = pytest.mark.parametrize(
    ("operation", "call"), CALLS.items(), ids=["post", "probe", "close"]
)
each_question = pytest.mark.parametrize(
    ("operation", "call"), [*CALLS.items()][:2], ids=["post", "probe"]
)


@pytest.fixture
def stubber() -> Generator[Any, None, None]:
    """Yield a client with scripted answers."""
    client = management_client("https://k3x9wq7p2a.execute-api.us-west-2.amazonaws.com/prod")
    with Stubber(client) as stubber:
        yield stubber
    client.close()


@each_call
def test_an_open_connection_is_there(stubber: Any, operation: str, call: Call) -> None:
    """A successful answer means that the connection is open."""
    stubber.add_response(operation, {})
    assert call(ManagementApi(stubber.client)) is True
    stubber.assert_no_pending_responses()


@each_question
@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (429, "LimitExceededException", CallThrottled),
        (400, "BadRequestException", ClientError),
        (403, "ForbiddenException", ClientError),
        # Only the status 410 counts, not the code alone.
        (500, "GoneException", ClientError),
    ],
    ids=str,
)
def test_whatever_else_is_answered_is_an_error(
    stubber: Any, operation: str, call: Call, status: int, code: str, error: type[Exception]
) -> None:
    """Other statuses raise, so no row is deleted because of throttling or a permission."""
    stubber.add_client_error(operation, service_error_code=code, http_status_code=status)
    with pytest.raises(error):
        call(ManagementApi(stubber.client))


@each_question
@pytest.mark.parametrize("error_type", ["GoneException", None], ids=["named", "bare"])
def test_410_says_that_the_connection_is_gone(
    endpoint: Endpoint, management: Any, operation: str, call: Call, error_type: str | None
) -> None:
    """A 410 with an empty body, with or without its header, means that the connection is gone."""
    endpoint.answer = Answer(410, error_type)
    assert call(ManagementApi(management)) is False
    assert len(endpoint.sent) == 1


@pytest.mark.parametrize(
    ("status", "is_done"),
    [(410, True), (429, False), (500, False), (503, False), (400, None), (403, None), (499, None)],
)
def test_a_close_is_done_or_not(stubber: Any, status: int, is_done: bool | None) -> None:
    """A close returns False if AWS is busy, and raises if a permission is missing."""
    stubber.add_client_error("delete_connection", "Anything", http_status_code=status)
    with nullcontext() if is_done is not None else pytest.raises(ClientError):
        assert ManagementApi(stubber.client).close(ALICE) is is_done


def test_a_close_without_an_answer_is_not_done(management: Any) -> None:
    """A close that times out returns False."""
    refuse(management, [ReadTimeoutError(endpoint_url="https://nowhere.example")])
    assert ManagementApi(management).close(ALICE) is False


def test_a_stage_and_an_id_end_up_in_the_path_and_a_frame_in_the_body(endpoint: Endpoint) -> None:
    """A request has stage and encoded id in its path, and the frame as UTF-8 in its body."""
    client = management_client(f"{endpoint.url}/prod")
    connections = ManagementApi(client)
    connections.post(ALICE, '{"senderId":"Zoë 🃏"}')
    connections.is_open(ALICE)
    connections.close(ALICE)
    client.close()
    assert endpoint.sent[0].body == '{"senderId":"Zoë 🃏"}'.encode()
    assert [(sent.method, sent.path) for sent in endpoint.sent] == [
        ("POST", "/prod/@connections/ShDEC76bIAMCUrA%3D"),
        ("GET", "/prod/@connections/ShDEC76bIAMCUrA%3D"),
        ("DELETE", "/prod/@connections/ShDEC76bIAMCUrA%3D"),
    ]


# Dropped keep-alive connections, and network errors


@each_call
def test_idle_connections_are_not_used_again(
    endpoint: Endpoint,
    management: Any,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    call: Call,
) -> None:
    """A call after more than 20 s without one closes the idle connections first."""
    assert MAX_IDLE_S == 20
    closed: list[float] = []
    close = management.close
    now_s = 0.0

    def note() -> None:
        closed.append(now_s)
        close()

    monkeypatch.setattr(management, "close", note)
    connections = ManagementApi(management, lambda: now_s)
    # The last one is after a correction of the clock.
    for called_s in (20, 40, 60.5, 61, 90, 110, 50):
        now_s = called_s
        assert call(connections)
    assert closed == [60.5, 90, 50]
    assert len(endpoint.sent) == 7


def test_a_connection_that_was_dropped_meanwhile_costs_nothing(
    endpoint: Endpoint, management: Any
) -> None:
    """A keep-alive connection that AWS closed meanwhile loses no post and duplicates none."""
    endpoint.forgets = True
    connections = ManagementApi(management)
    for number in range(2):
        assert connections.post(ALICE, str(number))
        assert endpoint.ended.acquire(timeout=10)
    assert [sent.body for sent in endpoint.sent] == [b"0", b"1"]


def refuse(management: Any, failures: list[Exception]) -> list[str]:
    """Let requests fail before they are sent; return the list of attempts, which grows."""
    tried: list[str] = []

    def before_send(event_name: str, **_: object) -> None:
        tried.append(event_name.rpartition(".")[2])
        if failures:
            raise failures.pop(0)

    management.meta.events.register_first("before-send", before_send)
    return tried


NO_WAY = EndpointConnectionError(endpoint_url="https://management")
TOO_SLOW = ConnectTimeoutError(endpoint_url="https://management")


@pytest.mark.parametrize(
    ("failures", "tries", "is_sent"),
    [([NO_WAY], 2, True), ([NO_WAY] * 3, 2, False), ([TOO_SLOW], 1, False)],
    ids=["no way", "no way twice", "too slow"],
)
def test_a_post_that_found_no_way_is_sent_once_again(
    endpoint: Endpoint, management: Any, failures: list[Exception], tries: int, is_sent: bool
) -> None:
    """A post that was not sent is retried once, but not after a time-out, which takes a second."""
    expected = nullcontext() if is_sent else pytest.raises(type(failures[0]))
    tried = refuse(management, [*failures])
    with expected:
        assert ManagementApi(management).post(ALICE, "x")
    assert tried == ["PostToConnection"] * tries
    assert [sent.body for sent in endpoint.sent] == [b"x"] * is_sent


def test_a_post_whose_answer_was_cut_off_is_not_repeated(
    endpoint: Endpoint, management: Any
) -> None:
    """A post whose answer is missing is not retried, because it may have arrived."""
    endpoint.hangs_up = True
    with pytest.raises(ConnectionClosedError):
        ManagementApi(management).post(ALICE, "x")
    assert [sent.body for sent in endpoint.sent] == [b"x"]
