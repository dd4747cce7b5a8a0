"""Time-outs, retries, and TLS of the clients."""

import ssl
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ReadTimeoutError,
    SSLError,
)

from poker_signal.core.routing import MAX_SEAT_PROBES
from poker_signal.emulator.settings import Settings
from poker_signal.lambda_app import clients
from poker_signal.lambda_app.clients import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    dynamodb_client,
    management_client,
    sqs_client,
)
from poker_signal.lambda_app.environment import BadSetting
from tests.bench.aws_stub import stub
from tests.lambda_app.build import HOST
from tests.lambda_app.loopback import Answer, Endpoint

KEY = {"connectionId": {"S": "a"}}

BACKOFF_S = 1
"""Longest wait of botocore before a second attempt, after throttling; otherwise it is less."""


def attempts(client: Any) -> int:
    """Return the number of times that a client sends a failing request."""
    return int(client.meta.config.retries["total_max_attempts"])


POST = ("management", "post_to_connection", {"ConnectionId": "a", "Data": b"x"})
GET = ("dynamodb", "get_item", {"TableName": "rows", "Key": KEY})
ASK = ("ssm", "get_parameter", {"Name": "/poker/tickets", "WithDecryption": True})


@pytest.mark.parametrize(
    ("call", "answer", "times"),
    [
        *((POST, Answer(status), 1) for status in (429, 500, 503)),
        *(
            (("dynamodb", name, {"TableName": "rows", **more}), Answer(500, "InternalError"), 2)
            for name, more in [
                ("get_item", {"Key": KEY}),
                ("query", {}),
                ("put_item", {"Item": KEY}),
                ("delete_item", {"Key": KEY}),
                ("update_item", {"Key": KEY}),
            ]
        ),
        (GET, Answer(400, "ResourceNotFoundException"), 1),
        (ASK, Answer(500, "InternalServerError"), 1),
    ],
)
def test_only_dynamodb_is_asked_twice(
    endpoint: Endpoint,
    request: pytest.FixtureRequest,
    call: tuple[str, str, dict[str, Any]],
    answer: Answer,
    times: int,
) -> None:
    """DynamoDB calls are retried once; a post might arrive twice, and a connect is repeated."""
    service, operation, arguments = call
    endpoint.answer = answer
    with pytest.raises(ClientError):
        getattr(request.getfixturevalue(service), operation)(**arguments)
    assert endpoint.sent == [endpoint.sent[0]] * times


@pytest.mark.parametrize(("call", "times"), [(POST, 1), (GET, 2)], ids=["post", "get"])
def test_what_hangs_is_asked_no_more_often(
    endpoint: Endpoint,
    monkeypatch: pytest.MonkeyPatch,
    call: tuple[str, str, dict[str, Any]],
    times: int,
) -> None:
    """After a read time-out a post is not retried, because it may have arrived."""
    monkeypatch.setattr(clients, "READ_TIMEOUT_S", 0.1)
    endpoint.answer = None
    service, operation, arguments = call
    client = management_client(endpoint.url) if service == "management" else dynamodb_client()
    with pytest.raises(ReadTimeoutError):
        getattr(client, operation)(**arguments)
    client.close()
    for _ in range(times):
        assert endpoint.arrived.acquire(timeout=10)
    assert len(endpoint.sent) == times


def test_requests_say_who_asks(endpoint: Endpoint, dynamodb: Any, management: Any) -> None:
    """The user agent is one constant word: building botocore's costs a tenth of a message."""
    dynamodb.get_item(TableName="rows", Key=KEY)
    management.post_to_connection(ConnectionId="a", Data=b"x")
    assert [sent.user_agent for sent in endpoint.sent] == ["poker-signal"] * 2


def test_a_container_makes_one_client_per_endpoint(endpoint: Endpoint) -> None:
    """A client is cached by endpoint, because making one costs more than an invocation."""
    first = management_client(endpoint.url)
    other = management_client("https://other.example/prod")
    assert management_client(endpoint.url) is first
    assert other is not first
    # The endpoints come from events, so the cache has a limit.
    assert management_client.cache_info().maxsize == 16
    assert other.meta.endpoint_url == "https://other.example/prod"


def test_all_clients_time_out_as_declared(dynamodb: Any, management: Any, ssm: Any) -> None:
    """All clients have the declared time-outs, which the sums below use."""
    for client in (dynamodb, management, ssm):
        config = client.meta.config
        assert (config.connect_timeout, config.read_timeout) == (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)


def test_a_stand_in_for_aws_may_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """READ_TIMEOUT_S changes the time-out, as the emulator needs, and a bad value is named."""
    monkeypatch.setenv("READ_TIMEOUT_S", "10")
    client = dynamodb_client()
    assert client.meta.config.read_timeout == 10
    client.close()
    monkeypatch.setenv("READ_TIMEOUT_S", "soon")
    with pytest.raises(BadSetting, match="READ_TIMEOUT_S is 'soon', not a whole number"):
        dynamodb_client()


def test_the_slowest_event_ends_before_api_gateway_and_lambda_give_up(
    dynamodb: Any, management: Any, ssm: Any
) -> None:
    """The time-outs of an event's calls add up to less than those of API Gateway and Lambda."""
    attempt_s = CONNECT_TIMEOUT_S + READ_TIMEOUT_S
    post_s = attempts(management) * attempt_s
    row_s = attempts(dynamodb) * attempt_s + (attempts(dynamodb) - 1) * BACKOFF_S
    assert (attempts(management), attempts(dynamodb)) == (1, 2)
    # In a cold container: read the sender's row and the game, then post.
    assert 2 * row_s + post_s < 20
    # The same for an offer with an id, whose target is recorded and which is acknowledged.
    assert 2 * row_s + post_s + row_s + post_s < Settings().integration_timeout_s
    ticket_s = attempts(ssm) * attempt_s
    # A join whose note is sent.
    sqs = sqs_client()
    note_s = attempts(sqs) * attempt_s
    sqs.close()
    assert 2 * row_s + post_s + note_s < 28
    # A note that is due: the two rows, the game, the post, and the next note.
    assert 3 * row_s + post_s + note_s < 28
    # A connect with the container's first ticket, a takeover: read, write, close, delete.
    assert ticket_s + 3 * row_s + post_s < 28
    # The same to a full game: read, probes, write.
    assert ticket_s + row_s + MAX_SEAT_PROBES * post_s + row_s < 28


# TLS


@pytest.fixture
def tls(tmp_path: Path) -> Generator[dict[str, str], None, None]:
    """Yield the environment of a stub behind TLS, with no client or TLS context cached."""
    clients._tls_context.cache_clear()
    with stub([HOST], tmp_path) as environment:
        yield environment
    clients._tls_context.cache_clear()
    management_client.cache_clear()


@pytest.mark.process
def test_authorities_are_read_once(tls: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The authorities are read once for both services and all later connections."""
    read: list[object] = []
    read_them = ssl.SSLContext.load_verify_locations

    def counted(context: ssl.SSLContext, *files: Any) -> None:
        read.append(files)
        read_them(context, *files)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    for name, value in tls.items():
        monkeypatch.setenv(name, value)
    dynamodb = dynamodb_client()
    management = management_client(tls["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"])
    for _ in range(2):
        dynamodb.query(TableName="rows")
        management.post_to_connection(ConnectionId="a", Data=b"x")
        dynamodb.close()
        management.close()
    assert read == [(tls["AWS_CA_BUNDLE"], None, None)]


@pytest.mark.process
@pytest.mark.parametrize(
    ("is_known", "name", "error"),
    [(False, "127.0.0.1", "certificate verify failed"), (True, "localhost", "n't match|mismatch")],
    ids=["unknown authority", "another name"],
)
def test_only_a_server_that_an_authority_vouches_for_is_talked_to(
    tls: dict[str, str], monkeypatch: pytest.MonkeyPatch, is_known: bool, name: str, error: str
) -> None:
    """Servers without a known authority or with another name are refused despite the sharing."""
    if is_known:
        monkeypatch.setenv("AWS_CA_BUNDLE", tls["AWS_CA_BUNDLE"])
    url = tls["AWS_ENDPOINT_URL_DYNAMODB"].replace("127.0.0.1", name)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
    client = dynamodb_client()
    with pytest.raises(SSLError, match=error):
        client.query(TableName="rows")
    client.close()


def test_a_botocore_that_is_built_otherwise_works_as_it_does() -> None:
    """An unknown structure of botocore's client is left unchanged: sharing only saves time."""
    client = object()
    assert clients._sharing_tls(client) is client
