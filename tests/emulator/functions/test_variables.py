"""Environment variables of handlers."""

import os
from pathlib import Path

import pytest

from poker_signal.emulator.functions.variables import (
    environment_for,
    set_aside,
    shared_variables,
)
from poker_signal.emulator.protocols.tls import Certificate

OURS = {
    "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://x/prod",
    "AWS_REGION": "us-west-2",
    "AWS_DEFAULT_REGION": "us-west-2",
    "AWS_ACCESS_KEY_ID": "emulator",
    "AWS_SECRET_ACCESS_KEY": "emulator",
}


@pytest.mark.parametrize(
    ("own", "kept"),
    [
        ({}, set()),
        ({"AWS_PROFILE": "me"}, {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}),
        ({"AWS_ACCESS_KEY_ID": "me"}, {"AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"}),
        ({"AWS_REGION": "eu-west-1"}, {"AWS_REGION"}),
        ({"AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": "http://mine"}, set(list(OURS)[:1])),
    ],
    ids=["nothing", "profile", "key", "region", "endpoint"],
)
def test_boto3_finds_the_emulator_and_what_the_user_has_set_stays(
    own: dict[str, str], kept: set[str]
) -> None:
    """Dummy credentials are never mixed with the user's own."""
    expected = {name: value for name, value in OURS.items() if name not in kept}
    assert environment_for("http://x/prod", "us-west-2", None, own) == expected


def test_with_tls_boto3_is_told_what_to_trust(tmp_path: Path) -> None:
    """The emulator's authority is added to the certificates that boto3 trusted before."""
    own, authority = tmp_path / "own.pem", tmp_path / "authority.pem"
    own.write_text("own")
    authority.write_text("authority")
    certificate = Certificate(authority, tmp_path / "chain.pem")
    environ = {"AWS_CA_BUNDLE": str(own)}
    bundle = environment_for("https://x/prod", "us-west-2", certificate, environ)["AWS_CA_BUNDLE"]
    assert Path(bundle).read_text() == "own\nauthority"
    usual = environment_for("https://x/prod", "us-west-2", certificate, {})["AWS_CA_BUNDLE"]
    assert Path(usual).read_text().endswith("\nauthority")


REAL = {
    "PATH": "/bin",
    "AWS_ACCESS_KEY_ID": "AKIA",
    "AWS_PROFILE": "me",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/token",
    "NO_PROXY": "intranet",
}


def shared(*, real_aws: bool = False) -> dict[str, str]:
    """Return the variables of processes for a user with credentials and a proxy."""
    endpoints = {"AWS_ENDPOINT_URL_LAMBDA": "http://127.0.0.1:1/x"}
    return shared_variables(endpoints, "eu-west-1", None, ["127.0.0.1"], REAL, real_aws=real_aws)


def test_processes_get_dummy_credentials_unless_the_user_hands_over_real_ones() -> None:
    """Neither variables nor profiles reach a handler; --real-aws hands over all of them."""
    dummy = shared()
    assert {dummy[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN")} == {"emulator"}
    assert not {"AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"} & dummy.keys()
    assert dummy["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert set_aside(REAL) == ["AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"]
    assert set_aside(dummy) == []
    real = shared(real_aws=True)
    assert {name: real[name] for name in REAL if name != "NO_PROXY"} == {
        name: value for name, value in REAL.items() if name != "NO_PROXY"
    }


def test_a_proxy_does_not_get_what_is_for_the_emulator() -> None:
    """The hosts that the user excludes stay excluded."""
    assert {shared()[name] for name in ("NO_PROXY",)} == {"intranet,127.0.0.1"}
    assert shared()["no_proxy"] == "127.0.0.1"
