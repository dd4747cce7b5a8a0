"""DynamoDB behind `--handler lambda`: moto, or an endpoint of the user's choice."""

import os
import re

import botocore.session
import pytest
from moto.dynamodb.models import dynamodb_backends
from websockets.sync.client import connect

from poker_signal.cli.dynamodb import DEFAULT_TABLE, dynamodb
from poker_signal.core.configuration import Rules, Topology
from poker_signal.emulator.functions.local_aws import NoService
from poker_signal.lambda_app.environment import environment_of
from tests.support.process import emulate

pytestmark = pytest.mark.aws

REGION = "us-west-2"


def tables() -> list[str]:
    """Return the names of the tables at the endpoint that the environment sets."""
    client = botocore.session.get_session().create_client("dynamodb")
    try:
        names: list[str] = client.list_tables()["TableNames"]
        return names
    finally:
        client.close()


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without AWS settings, and moto without tables (its servers share them)."""
    for regions in dynamodb_backends.values():
        for backend in regions.values():
            backend.reset()
    for name in list(os.environ):
        if name.startswith("AWS_") or name in {"TABLE_NAME", *environment_of(Rules())}:
            monkeypatch.delenv(name)


@pytest.mark.usefixtures("bare_environment")
def test_moto_gets_the_deployments_table_and_the_environment_is_restored() -> None:
    """The handler finds moto's table by the same variables that the deployment sets."""
    before = dict(os.environ)
    with dynamodb("moto", Rules(Topology.STAR, seats=9), REGION):
        assert os.environ["TABLE_NAME"] == DEFAULT_TABLE
        assert os.environ["TOPOLOGY"] == "star"
        assert os.environ["SEATS"] == "9"
        assert tables() == [DEFAULT_TABLE]
    assert dict(os.environ) == before


@pytest.mark.usefixtures("bare_environment")
def test_an_endpoint_of_ones_own_keeps_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing table is created at the given endpoint; an existing one is left unchanged."""
    with dynamodb("moto", Rules(), REGION):
        endpoint = os.environ["AWS_ENDPOINT_URL_DYNAMODB"]
        assert os.environ["READ_TIMEOUT_S"] == "10"
        monkeypatch.setenv("TABLE_NAME", "mine")
        for _ in range(2):
            with dynamodb(endpoint, Rules(), REGION):
                assert set(tables()) == {"mine", DEFAULT_TABLE}


@pytest.mark.usefixtures("bare_environment")
def test_an_endpoint_that_does_not_answer_is_explained() -> None:
    """An endpoint that does not answer is reported in one line that names it."""
    with pytest.raises(NoService, match=r"--dynamodb http://127\.0\.0\.1:9: "):
        with dynamodb("http://127.0.0.1:9", Rules(), REGION):
            pass


def test_the_function_runs_behind_the_emulator_in_one_command() -> None:
    """The Lambda handler runs without an AWS account or Docker; its log lines go to stderr.

    The console tells what became of each message, as with the rules in this process.
    """
    options = ("--handler", "lambda", "--fault", "drop:offer#1")
    with emulate("--port", "0", *options) as (process, line):
        url = f"{line.strip()}?gameId=GAME01&playerId="
        with connect(f"{url}Alice") as client:
            client.send('{"type":"join","id":"1"}')
            assert "HOST_NOT_FOUND" in str(client.recv(timeout=10))
            with connect(f"{url}HOST") as host:
                host.send('{"type":"offer","targetId":"Alice"}')
                client.send('{"type":"answer","targetId":"HOST","id":"2"}')
                assert "answer" in str(host.recv(timeout=10))
                assert "ack" in str(client.recv(timeout=10))
                client.send('{"type":"answer","targetId":"Bob"}')
                assert "TARGET_NOT_FOUND" in str(client.recv(timeout=10))
                client.send('{"type":"ping"}')
                assert "pong" in str(client.recv(timeout=10))
        process.terminate()
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (0, "")
    assert '"outcome":"error","code":"HOST_NOT_FOUND"' in err
    told = re.findall(r" → .* ([a-z]+) +\d+ B  (.*?)(?: after .*)?\n", err)
    assert sorted(told) == [
        ("answer", "delivered"),
        ("answer", "undelivered TARGET_NOT_FOUND"),
        ("join", "error HOST_NOT_FOUND"),
        ("offer", "dropped (drop:offer#1)"),
        ("ping", "pong"),
    ]
