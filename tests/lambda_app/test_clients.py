"""Time-outs and retries: what is sent how often, and how long it may take."""

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

from poker_signal.emulator.settings import Settings
from poker_signal.lambda_app import clients
from poker_signal.lambda_app.clients import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    dynamodb_client,
    management_client,
)
from poker_signal.lambda_app.environment import BadSetting
from tests.bench.aws_stub import stub
from tests.lambda_app.build import HOST
from tests.lambda_app.loopback import Answer, Endpoint

KEY = {"connectionId": {"S": "a"}}

BACKOFF_S = 1
"""What botocore waits at most before a second attempt, of a throttled call; of others less."""


def attempts(client: Any) -> int:
    """Return how often a client sends a request that fails."""
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
    """Reads and our writes may be repeated. A post may have arrived; who connects tries again."""
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
    """A post may have arrived all the same."""
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
    """In one constant word: putting botocore's own together costs a tenth of a warm message."""
    dynamodb.get_item(TableName="rows", Key=KEY)
    management.post_to_connection(ConnectionId="a", Data=b"x")
    assert [sent.user_agent for sent in endpoint.sent] == ["poker-signal"] * 2


def test_a_container_makes_one_client_per_endpoint(endpoint: Endpoint) -> None:
    """Making one costs more than a whole invocation."""
    first = management_client(endpoint.url)
    other = management_client("https://other.example/prod")
    assert management_client(endpoint.url) is first
    assert other is not first
    # They arrive in events: not all can be remembered.
    assert management_client.cache_info().maxsize == 16
    assert other.meta.endpoint_url == "https://other.example/prod"


def test_all_clients_time_out_as_declared(dynamodb: Any, management: Any, ssm: Any) -> None:
    """What the sums below are made of."""
    for client in (dynamodb, management, ssm):
        config = client.meta.config
        assert (config.connect_timeout, config.read_timeout) == (CONNECT_TIMEOUT_S, READ_TIMEOUT_S)


def test_a_stand_in_for_aws_may_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the emulator has it; what makes no sense is named."""
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
    """A sender hears of a failure once, from us, while our line is written."""
    attempt_s = CONNECT_TIMEOUT_S + READ_TIMEOUT_S
    post_s = attempts(management) * attempt_s
    row_s = attempts(dynamodb) * attempt_s + (attempts(dynamodb) - 1) * BACKOFF_S
    assert (attempts(management), attempts(dynamodb)) == (1, 2)
    # On a cold container the sender's row and the game, then the post.
    assert 2 * row_s + post_s < 20
    # The same for an offer with an id, which is noted and acknowledged.
    assert 2 * row_s + post_s + row_s + post_s < Settings().integration_timeout_s
    # A connect: the first ticket of a container, and a HOST that is gone: read, probe, two writes.
    assert attempts(ssm) * attempt_s + 3 * row_s + post_s < 28


# TLS


@pytest.fixture
def tls(tmp_path: Path) -> Generator[dict[str, str], None, None]:
    """An AWS behind TLS, and a container that has connected to nothing yet."""
    clients._tls_context.cache_clear()
    with stub([HOST], tmp_path) as environment:
        yield environment
    clients._tls_context.cache_clear()
    management_client.cache_clear()


@pytest.mark.process
def test_authorities_are_read_once(tls: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """For both services, and for every connection that is made later."""
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
    """Sharing what is read of authorities must not mean to trust every server."""
    if is_known:
        monkeypatch.setenv("AWS_CA_BUNDLE", tls["AWS_CA_BUNDLE"])
    url = tls["AWS_ENDPOINT_URL_DYNAMODB"].replace("127.0.0.1", name)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
    client = dynamodb_client()
    with pytest.raises(SSLError, match=error):
        client.query(TableName="rows")
    client.close()


def test_a_botocore_that_is_built_otherwise_works_as_it_does() -> None:
    """What is shared is only a matter of time."""
    client = object()
    assert clients._sharing_tls(client) is client
