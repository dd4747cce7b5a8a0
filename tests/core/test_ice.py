"""ICE servers: the configuration, coturn's credentials, and the frames that carry them."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from poker_signal.core.configuration import Rules
from poker_signal.core.errors import InvalidMessage, RateLimited, UnknownType
from poker_signal.core.ice import (
    MAX_SERVERS,
    BadIce,
    IceServers,
    credentials,
    read_config,
    servers_for,
)
from poker_signal.core.invocation import Invocation
from poker_signal.core.model import Post, Vend
from poker_signal.core.presence import features_of
from poker_signal.core.room import Room
from poker_signal.core.routing import route
from tests.core.build import AT, message, row, signal

ALICE = row("Alice", 1)
SECRET = "0123456789abcdef"
STUN = {"urls": ["stun:stun.example.com:3478"]}
TURN = "turn:turn.example.com:3478?transport=udp"
COTURN = {"provider": "coturn", "iceServers": [STUN], "urls": TURN, "secret": SECRET}
VENDING = Rules(ice=True)


def test_credentials_are_those_of_the_rest_scheme() -> None:
    """The user name is the expiry and a hash of the connection; the password is its HMAC-SHA1."""
    username, credential = credentials(SECRET.encode(), "a connection", AT)
    digest = hashlib.sha256(b"a connection").hexdigest()
    assert username == f"{AT}:{digest[:16]}"
    expected = hmac.new(SECRET.encode(), username.encode(), "sha1").digest()
    assert base64.b64decode(credential) == expected


def test_coturn_comes_after_the_static_servers() -> None:
    """A client of coturn gets the static servers, and its URLs with credentials that expire."""
    config = read_config(json.dumps({**COTURN, "ttl": 60}))
    username, credential = credentials(SECRET.encode(), ALICE.connection_id, AT + 60)
    turn = {"urls": [TURN], "username": username, "credential": credential}
    assert servers_for(config, ALICE.connection_id, AT) == IceServers([STUN, turn], AT + 60)
    assert config.has_credentials


def test_static_servers_do_not_expire() -> None:
    """STUN servers alone need no protection, a fixed password does."""
    config = read_config(json.dumps({"iceServers": [STUN]}))
    assert servers_for(config, "c", AT) == IceServers([STUN], None)
    assert not config.has_credentials
    fixed = {"urls": [TURN], "username": "u", "credential": "c"}
    config = read_config(json.dumps({"iceServers": [fixed], "open": True}))
    assert config.has_credentials
    assert config.is_open
    assert servers_for(config, "c", AT).servers == [fixed]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([], "must be a JSON object"),
        ({"provider": "xirsys"}, "“provider” must be one of static, coturn, cloudflare, twilio"),
        ({"provider": 7}, "“provider” must be one of"),
        ({"urls": [TURN]}, "“urls” is no member for the provider static"),
        ({"provider": "coturn", "urls": TURN}, "the provider coturn needs “secret”"),
        ({"provider": "coturn", "secret": SECRET}, "needs “urls”"),
        ({**COTURN, "secret": "short"}, "at least 16 characters"),
        ({**COTURN, "secret": ["a"]}, "“secret” must be a string"),
        ({**COTURN, "urls": {"a": 1}}, "“urls” must be a URL or a list of URLs"),
        ({**COTURN, "urls": ["http://turn.example.com"]}, "is no URL of an ICE server"),
        ({**COTURN, "urls": [7]}, "7 is no URL of an ICE server"),
        ({**COTURN, "ttl": 59}, "“ttl” must be whole seconds from 60 to 86400"),
        ({**COTURN, "ttl": True}, "“ttl” must be"),
        ({**COTURN, "open": "yes"}, "“open” must be true or false"),
        ({"provider": "cloudflare", "keyId": "a/../b", "token": "t"}, "letters, digits"),
        ({"provider": "twilio", "accountSid": "AC1"}, "the provider twilio needs “authToken”"),
        ({"iceServers": {}}, "must be a list"),
        ({"iceServers": [STUN] * (MAX_SERVERS + 1)}, "at most 16"),
        ({"iceServers": ["stun:a"]}, "must be an object with “urls”"),
        ({"iceServers": [{"urls": [TURN]}]}, "needs “username” and “credential”"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(value: Any, why: str) -> None:
    """The error names the member, and holds no secret."""
    with pytest.raises(BadIce) as refused:
        read_config(json.dumps(value))
    assert why in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_a_text_that_is_not_json_is_refused(text: str) -> None:
    """It is an error of its own, also if it is nested very deeply."""
    with pytest.raises(BadIce, match="is not JSON"):
        read_config(text)


def test_providers_have_an_account_and_a_token() -> None:
    """Cloudflare's key and Twilio's account are read."""
    config = read_config('{"provider":"cloudflare","keyId":"k","token":"t"}')
    assert (config.account, config.token, config.has_credentials) == ("k", "t", True)
    config = read_config('{"provider":"twilio","accountSid":"AC1","authToken":"t"}')
    assert (config.account, config.token) == ("AC1", "t")


def answered(type_: str, ice: IceServers, rules: Rules = VENDING) -> list[dict[str, Any]]:
    """Return the frames that a message of Alice is answered with."""
    invocation = Invocation(message(ALICE, json.dumps({"type": type_, "id": "1"})), Room(), rules)
    invocation.needs_game()
    invocation.enter(Room([ALICE]))
    frames = []
    for effect in invocation.effects():
        if isinstance(effect, Vend):
            invocation.vended(effect, ice)
        else:
            assert isinstance(effect, Post)
            frames.append(json.loads(effect.data))
    return frames


def test_a_welcome_carries_ice_servers() -> None:
    """With ICE servers the host is asked for them, and they are in the welcome."""
    (frame,) = answered("hello", IceServers([STUN], 7))
    assert frame["payload"]["iceServers"] == [STUN]
    assert frame["payload"]["iceExpiresAt"] == 7
    assert "ice-servers" in frame["payload"]["features"]
    (frame,) = answered("hello", IceServers([]), Rules())
    assert "iceServers" not in frame["payload"]
    assert "ice-servers" not in features_of(Rules(later=True))


def test_ice_servers_are_answered_with_fresh_ones() -> None:
    """`ice-servers` is answered with the same type; without credentials nothing expires."""
    (frame,) = answered("ice-servers", IceServers([STUN]))
    assert frame == {"type": "ice-servers", "payload": {"iceServers": [STUN]}, "id": "1"}


def test_a_server_without_ice_servers_does_not_know_the_type() -> None:
    """As an older server does, it answers UNKNOWN_TYPE."""
    with pytest.raises(UnknownType):
        route(signal(ALICE, "ice-servers"), Room([ALICE]), Rules())


@pytest.mark.parametrize("type_", ["hello", "ice-servers"])
def test_credentials_are_rate_limited(type_: str) -> None:
    """Above the message rate no credentials are made."""
    too_many = signal(ALICE, type_)._replace(is_over_limit=True)
    with pytest.raises(RateLimited):
        route(too_many, Room([ALICE]), VENDING)


def test_a_bad_hello_is_refused_before_any_call() -> None:
    """The payload of a hello is checked before the host is asked for ICE servers."""
    with pytest.raises(InvalidMessage):
        route(signal(ALICE, "hello")._replace(payload="7"), Room([ALICE]), VENDING)
