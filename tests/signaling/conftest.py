"""Fixtures of both hosts; all Lambda functions share one DynamoDB and one SSM."""

import os
from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager

import pytest

# The Lambda function reads its environment when it is imported, as in a container.
os.environ.setdefault("AWS_ACCESS_KEY_ID", "x")
os.environ.setdefault("AWS_SECRET_ACCESS_KEY", "x")
os.environ.setdefault("AWS_DEFAULT_REGION", "us-west-2")
os.environ.setdefault("TABLE_NAME", "poker-signaling-connections")

from tests.signaling.hosts import core_host, lambda_host
from tests.signaling.sockets import SocketHost
from tests.support.dynamodb import moto_server

MakeHost = Callable[..., AbstractAsyncContextManager[SocketHost]]


@pytest.fixture(scope="package")
def endpoint() -> Generator[str, None, None]:
    """Yield the endpoint of a DynamoDB and an SSM for all tests, which use different games."""
    with moto_server() as endpoint:
        yield endpoint


@pytest.fixture(
    params=[core_host, pytest.param(lambda_host, marks=pytest.mark.aws)], ids=["core", "lambda"]
)
def make_host(request: pytest.FixtureRequest) -> MakeHost:
    """Return a function that starts a host with its rules and the secret of its tickets."""
    start: MakeHost = request.param
    endpoint = "" if start is core_host else request.getfixturevalue("endpoint")
    return lambda rules, secret=None: start(rules, endpoint, secret)
