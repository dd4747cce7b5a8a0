"""moto as an AWS on the loopback, and the little of API Gateway that it lacks.

moto takes much that AWS refuses, so an apply here proves the module and not AWS: see
tests/infrastructure/test_mutations.py for what it would let through.
"""

import json
import logging
import os
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import boto3
from botocore.config import Config
from moto.apigateway.models import Account
from moto.apigatewayv2.models import DomainName
from moto.apigatewayv2.responses import ApiGatewayV2Response
from moto.server import ThreadedMotoServer

ACCOUNT = "123456789012"
REGION = "us-west-2"

_STAGE = {
    "accessLogSettings": "access_log_settings",
    "autoDeploy": "auto_deploy",
    "defaultRouteSettings": "default_route_settings",
    "description": "description",
    "stageVariables": "stage_variables",
}


def _update_stage(self: Any) -> tuple[int, dict[str, str], str]:
    """Be UpdateStage, for what the module changes in place."""
    parts = self.path.strip("/").split("/")
    stage = self.apigatewayv2_backend.get_stage(parts[2], parts[4])
    for key, value in json.loads(self.body).items():
        setattr(stage, _STAGE[key], value)
    return 200, {}, json.dumps(stage.to_json())


def _domain_to_json(self: DomainName) -> dict[str, Any]:
    """Add what AWS makes of a domain: whether it is ready, and where DNS has to point."""
    found: dict[str, Any] = DOMAIN_TO_JSON(self)
    # AWS has no empty one.
    found = {key: value for key, value in found.items() if value or key == "tags"}
    made = {
        "apiGatewayDomainName": f"d-a1b2c3d4e5.execute-api.{REGION}.amazonaws.com",
        "domainNameStatus": "AVAILABLE",
        "hostedZoneId": "Z2OJLYMUO9EFXC",
    }
    configurations = found["domainNameConfigurations"]
    return {**found, "domainNameConfigurations": [{**each, **made} for each in configurations]}


def _patch_account(self: Account, patch_operations: list[dict[str, Any]]) -> Account:
    """Take an operation without a value: that is how the provider takes a role away."""
    return PATCH_ACCOUNT(self, [{"value": None, **each} for each in patch_operations])


DOMAIN_TO_JSON = DomainName.to_json
PATCH_ACCOUNT = Account.apply_patch_operations


class Aws:
    """An AWS at an address, and boto3's clients for it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = boto3.Session(
            aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION
        )

    def client(self, service: str) -> Any:
        """Return a client of a service."""
        config = Config(retries={"total_max_attempts": 1})
        return self._session.client(service, endpoint_url=self.url, config=config)

    def reset(self) -> None:
        """Forget everything."""
        request = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")
        with urllib.request.urlopen(request, timeout=10):
            pass


@contextmanager
def stand_in() -> Generator[Aws, None, None]:
    """An empty AWS on a port of its own."""
    with (
        mock.patch.object(ApiGatewayV2Response, "update_stage", _update_stage, create=True),
        mock.patch.object(DomainName, "to_json", _domain_to_json),
        mock.patch.object(Account, "apply_patch_operations", _patch_account),
        # Policies that AWS itself has.
        mock.patch.dict(os.environ, MOTO_IAM_LOAD_MANAGED_POLICIES="true"),
    ):
        # A line per request is nobody's wish.
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        try:
            host, port = server.get_host_and_port()
            aws = Aws(f"http://{host}:{port}")
            aws.reset()
            yield aws
            aws.reset()
        finally:
            server.stop()
