"""Who is gone is a value; whatever else API Gateway answers is an error."""

from collections.abc import Callable, Generator
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.stub import Stubber

from poker_signal.core.model import ConnectionId
from poker_signal.lambda_app.clients import management_client
from poker_signal.lambda_app.connections import Connections
from tests.lambda_app.loopback import Answer, Endpoint

ALICE = ConnectionId("ShDEC76bIAMCUrA=")

Call = Callable[[Connections], bool]

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
    """A client that answers what it is told to."""
    client = management_client("https://k3x9wq7p2a.execute-api.us-west-2.amazonaws.com/prod")
    with Stubber(client) as stubber:
        yield stubber
    client.close()


@each_call
def test_an_open_connection_is_there(stubber: Any, operation: str, call: Call) -> None:
    """AWS answers 200, or 204 to a DELETE."""
    stubber.add_response(operation, {})
    assert call(Connections(stubber.client)) is True
    stubber.assert_no_pending_responses()


@each_question
@pytest.mark.parametrize("code", ["GoneException", "410"])
def test_410_says_that_nobody_is_there(stubber: Any, operation: str, call: Call, code: str) -> None:
    """Whether or not it names GoneException."""
    stubber.add_client_error(operation, service_error_code=code, http_status_code=410)
    assert call(Connections(stubber.client)) is False


@each_question
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "BadRequestException"),
        (403, "ForbiddenException"),
        (413, "PayloadTooLargeException"),
        (429, "LimitExceededException"),
        (500, "InternalServerErrorException"),
        # A code alone proves nothing.
        (500, "GoneException"),
    ],
    ids=str,
)
def test_whatever_else_is_answered_is_an_error(
    stubber: Any, operation: str, call: Call, status: int, code: str
) -> None:
    """Nobody is forgotten because a permission is missing or AWS is busy."""
    stubber.add_client_error(operation, service_error_code=code, http_status_code=status)
    with pytest.raises(ClientError):
        call(Connections(stubber.client))


@each_question
@pytest.mark.parametrize("error_type", ["GoneException", None], ids=["named", "bare"])
def test_410_is_understood_over_http(
    endpoint: Endpoint, management: Any, operation: str, call: Call, error_type: str | None
) -> None:
    """With an empty body, as AWS sends it, and with or without its header."""
    endpoint.answer = Answer(410, error_type)
    assert call(Connections(management)) is False
    assert len(endpoint.sent) == 1


@pytest.mark.parametrize(
    ("status", "code", "is_done"),
    [
        (410, "GoneException", True),
        (429, "LimitExceededException", False),
        (500, "InternalServerErrorException", False),
        (503, "ServiceUnavailable", False),
    ],
    ids=str,
)
def test_a_close_is_done_or_not(stubber: Any, status: int, code: str, is_done: bool) -> None:
    """Nobody is refused a seat because AWS is busy with who had it before."""
    stubber.add_client_error("delete_connection", code, http_status_code=status)
    assert Connections(stubber.client).close(ALICE) is is_done


@pytest.mark.parametrize("status", [400, 403])
def test_a_close_that_is_not_allowed_is_an_error(stubber: Any, status: int) -> None:
    """A permission is missing: that never mends itself."""
    stubber.add_client_error("delete_connection", "ForbiddenException", http_status_code=status)
    with pytest.raises(ClientError):
        Connections(stubber.client).close(ALICE)


def test_a_close_that_nobody_answers_is_not_done() -> None:
    """Time-outs are the other way to be busy."""
    client = management_client("https://nowhere.example/prod")
    hangs = ReadTimeoutError(endpoint_url="https://nowhere.example")
    with mock.patch.object(client, "delete_connection", side_effect=hangs):
        assert Connections(client).close(ALICE) is False


def test_a_frame_is_sent_as_utf_8(endpoint: Endpoint, management: Any) -> None:
    """Byte for byte; nothing around it."""
    assert Connections(management).post(ALICE, '{"senderId":"Zoë 🃏"}')
    (sent,) = endpoint.sent
    assert sent.body == '{"senderId":"Zoë 🃏"}'.encode()
    assert (sent.method, sent.path) == ("POST", "/@connections/ShDEC76bIAMCUrA%3D")


def test_a_stage_and_an_id_end_up_in_the_path(endpoint: Endpoint) -> None:
    """The endpoint ends in the stage, where no custom domain hides it."""
    client = management_client(f"{endpoint.url}/prod")
    connections = Connections(client)
    connections.is_open(ALICE)
    connections.close(ALICE)
    client.close()
    assert [(sent.method, sent.path) for sent in endpoint.sent] == [
        ("GET", "/prod/@connections/ShDEC76bIAMCUrA%3D"),
        ("DELETE", "/prod/@connections/ShDEC76bIAMCUrA%3D"),
    ]
