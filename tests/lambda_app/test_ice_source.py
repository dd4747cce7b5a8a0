"""ICE servers of the Lambda host: the parameter, its rotation, and the providers' answers."""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError

from poker_signal.core.ice import IceServers
from poker_signal.lambda_app import ice_source
from poker_signal.lambda_app.ice_source import REREAD_S, RETRY_S, IceSource
from tests.core.build import AT

STUN = {"urls": ["stun:stun.example.com"]}
TURN = {"urls": ["turn:turn.example.com"], "username": "u", "credential": "c"}
COTURN = {"provider": "coturn", "urls": "turn:turn.example.com", "secret": "0123456789abcdef"}
CLOUDFLARE = {"provider": "cloudflare", "keyId": "key", "token": "api-token", "iceServers": [STUN]}
TWILIO = {"provider": "twilio", "accountSid": "AC1", "authToken": "word", "iceServers": [STUN]}


class Parameter:
    """Stand-in for the SSM client; counts reads."""

    def __init__(self, value: Any) -> None:
        self.value = value
        self.reads = 0

    def get_parameter(self, **_: Any) -> Any:
        """Return the value, or fail if there is none."""
        self.reads += 1
        if self.value is None:
            raise ClientError({"Error": {"Code": "ParameterNotFound"}}, "GetParameter")
        text = self.value if isinstance(self.value, str) else json.dumps(self.value)
        return {"Parameter": {"Value": text}}


class Container:
    """The source of a container, with its clock and its stand-in for SSM."""

    def __init__(self, value: Any, checks_tickets: bool = True, endpoint: str = "") -> None:
        self.parameter = Parameter(value)
        self.now_s = 1000.0
        self.source = IceSource(
            lambda: self.parameter,
            "/poker/ice",
            checks_tickets=checks_tickets,
            endpoints={"cloudflare": endpoint, "twilio": endpoint},
            now_s=lambda: self.now_s,
        )

    def servers(self, connection_id: str = "c") -> IceServers:
        """Return the servers of a client."""
        return self.source.servers(connection_id, AT)


class Provider:
    """A provider's API on loopback: what it answers, and what it was asked."""

    def __init__(self) -> None:
        self.status = 201
        self.answer: Any = {"iceServers": [TURN]}
        self.asked: list[tuple[str, str | None, str]] = []
        self.is_silent = False
        self.may_go_on = threading.Event()


@contextmanager
def serving(provider: Provider) -> Generator[str, None, None]:
    """Serve a provider; yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            provider.asked.append((self.path, self.headers["Authorization"], body))
            if provider.is_silent:
                provider.may_go_on.wait(30)
            content = json.dumps(provider.answer).encode()
            self.send_response(provider.status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Write no access log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        provider.may_go_on.set()
        server.shutdown()
        thread.join()


def test_the_parameter_is_read_once_and_again_for_a_rotation() -> None:
    """A new secret is in use after five minutes at the latest."""
    container = Container(COTURN)
    first = container.servers().servers
    assert container.servers().servers == first
    assert container.parameter.reads == 1
    container.parameter.value = {**COTURN, "secret": "another-secret-of-coturn"}
    container.now_s += REREAD_S
    assert container.servers().servers != first
    assert container.parameter.reads == 2


def test_strangers_get_no_credentials() -> None:
    """Without tickets only an open configuration gives credentials; STUN alone needs neither."""
    container = Container(COTURN, checks_tickets=False)
    assert container.servers() == IceServers([])
    assert container.source.failed == "not open: ask for tickets, or set “open”"
    assert Container({**COTURN, "open": True}, checks_tickets=False).servers().expires_at
    assert Container({"iceServers": [STUN]}, checks_tickets=False).servers().servers == [STUN]


@pytest.mark.parametrize("value", [None, "{", {"provider": "other"}])
def test_a_parameter_that_cannot_be_read_is_no_error_for_the_client(value: Any) -> None:
    """The client gets no servers, the log a reason; SSM is asked again after a while."""
    container = Container(value)
    for _ in range(3):
        assert container.servers() == IceServers([])
        assert container.source.failed
    assert container.parameter.reads == 1
    container.parameter.value = COTURN
    container.now_s += RETRY_S
    assert container.servers().servers
    assert container.source.failed is None


def test_a_failed_read_keeps_the_former_configuration() -> None:
    """A rotation that goes wrong takes no servers away."""
    container = Container(COTURN)
    former = container.servers()
    container.parameter.value = "{"
    container.now_s += REREAD_S
    assert container.servers() == former
    assert container.source.failed


def test_cloudflare_is_asked_once_for_many_clients() -> None:
    """Its credentials are given to others for a tenth of their life, then it is asked again."""
    provider = Provider()
    with serving(provider) as endpoint:
        container = Container(CLOUDFLARE, endpoint=endpoint)
        assert container.servers("a") == IceServers([STUN, TURN], AT + 3600)
        assert container.servers("b") == IceServers([STUN, TURN], AT + 3600)
        assert provider.asked == [
            (
                "/v1/turn/keys/key/credentials/generate-ice-servers",
                "Bearer api-token",
                '{"ttl": 3600}',
            )
        ]
        container.now_s += 361
        container.servers("c")
        assert len(provider.asked) == 2


def test_twilio_is_asked_for_a_token() -> None:
    """Its answer has other names, and members that RTCPeerConnection does not take."""
    provider = Provider()
    provider.answer = {"ice_servers": [{**TURN, "url": TURN["urls"][0]}], "ttl": "3600"}
    with serving(provider) as endpoint:
        assert Container(TWILIO, endpoint=endpoint).servers().servers == [STUN, TURN]
    assert provider.asked == [
        ("/2010-04-01/Accounts/AC1/Tokens.json", "Basic QUMxOndvcmQ=", "Ttl=3600")
    ]


@pytest.mark.parametrize("status", [401, 500])
def test_a_provider_that_refuses_costs_no_client_its_welcome(status: int) -> None:
    """Clients get the static servers; the provider is asked again after a while."""
    provider = Provider()
    provider.status = status
    with serving(provider) as endpoint:
        container = Container(CLOUDFLARE, endpoint=endpoint)
        for _ in range(3):
            assert container.servers() == IceServers([STUN])
            assert container.source.failed
            assert "api-token" not in container.source.failed
        assert len(provider.asked) == 1
        provider.status = 201
        container.now_s += RETRY_S
        assert container.servers().servers == [STUN, TURN]


@pytest.mark.parametrize("answer", [{}, [], {"iceServers": [{}]}, {"iceServers": [7]}])
def test_an_answer_of_another_shape_is_a_failure(answer: Any) -> None:
    """An answer without servers is not passed on."""
    provider = Provider()
    provider.answer = answer
    with serving(provider) as endpoint:
        assert Container(CLOUDFLARE, endpoint=endpoint).servers() == IceServers([STUN])


def test_a_provider_that_is_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client waits for it no longer than the limit."""
    monkeypatch.setattr(ice_source, "LIMIT_S", 0.05)
    provider = Provider()
    provider.is_silent = True
    with serving(provider) as endpoint:
        container = Container(CLOUDFLARE, endpoint=endpoint)
        assert container.servers() == IceServers([STUN])
        assert container.source.failed
