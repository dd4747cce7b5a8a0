"""The environment of a deployment, and AWS's two services without AWS."""

from collections.abc import Generator

import pytest

from poker_signal.lambda_app.clients import dynamodb_client, management_client, ssm_client
from poker_signal.lambda_app.handler import _connections_at
from tests.lambda_app import ENVIRONMENT
from tests.lambda_app.loopback import Endpoint


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables that AWS's clients read, with dummy credentials."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Generator[Endpoint, None, None]:
    """Yield an HTTP server in place of AWS, which all clients made from now on use."""
    _forget_clients()
    with Endpoint() as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", endpoint.url)
        yield endpoint
    _forget_clients()


def _forget_clients() -> None:
    management_client.cache_clear()
    _connections_at.cache_clear()


@pytest.fixture
def dynamodb(endpoint: Endpoint) -> Generator[object, None, None]:
    """Yield the function's own client of DynamoDB, on the loopback."""
    client = dynamodb_client()
    yield client
    client.close()


@pytest.fixture
def management(endpoint: Endpoint) -> Generator[object, None, None]:
    """Yield the function's own client of @connections, on the loopback."""
    client = management_client(endpoint.url)
    yield client
    client.close()


@pytest.fixture
def ssm(endpoint: Endpoint) -> Generator[object, None, None]:
    """Yield the function's own client of SSM, on the loopback."""
    client = ssm_client()
    yield client
    client.close()
