"""moto as a process on loopback, with a few operations that it lacks.

moto accepts much that AWS refuses, so an apply here tests the module and not AWS. See
tests/infrastructure/test_mutations.py for mistakes that it accepts.
"""

import json
import threading
from collections.abc import Iterable
from typing import Any
from unittest import mock
from urllib.parse import unquote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from moto.apigateway.models import Account
from moto.apigatewayv2.models import DomainName
from moto.apigatewayv2.responses import ApiGatewayV2Response
from moto.awslambda import urls as lambda_urls
from moto.awslambda.models import EventSourceMapping, LambdaBackend
from moto.awslambda.responses import LambdaResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sqs.models import Queue
from werkzeug.serving import make_server

from tests.infrastructure.servers import REGION

_STAGE = {
    "accessLogSettings": "access_log_settings",
    "autoDeploy": "auto_deploy",
    "defaultRouteSettings": "default_route_settings",
    "description": "description",
    "stageVariables": "stage_variables",
}


def _update_stage(self: Any) -> tuple[int, dict[str, str], str]:
    """Implement UpdateStage, for the settings that the module changes in place."""
    parts = self.path.strip("/").split("/")
    stage = self.apigatewayv2_backend.get_stage(parts[2], parts[4])
    for key, value in json.loads(self.body).items():
        setattr(stage, _STAGE[key], value)
    return 200, {}, json.dumps(stage.to_json())


def _runtime_management_config(self: Any) -> tuple[int, dict[str, str], str]:
    """Implement PutRuntimeManagementConfig and GetRuntimeManagementConfig, by version."""
    name = unquote(self.path.split("/")[3])
    version = self._get_param("Qualifier") or "$LATEST"
    function = self.backend.get_function(name)
    found = {"FunctionArn": f"{function.function_arn}:{version}", "UpdateRuntimeOn": "Auto"}
    if self.method == "PUT":
        RUNTIMES[found["FunctionArn"]] = json.loads(self.body)["UpdateRuntimeOn"]
    found["UpdateRuntimeOn"] = RUNTIMES.get(found["FunctionArn"], "Auto")
    return 200, {}, json.dumps(found)


def _event_source(self: EventSourceMapping) -> dict[str, Any]:
    """Return the alias that a mapping names, as AWS does, and not the version behind it."""
    return {**EVENT_SOURCE(self), "FunctionArn": self.function_name}


def _update_event_source(self: Any, uuid: str, spec: dict[str, Any]) -> Any:
    """Keep the name of a changed function."""
    found = UPDATE_EVENT_SOURCE(self, uuid, spec)
    if found is not None and "FunctionName" in spec:
        found.function_name = spec["FunctionName"]
    return found


def _domain_to_json(self: DomainName) -> dict[str, Any]:
    """Add the attributes that AWS gives a domain: its status, and the target of DNS."""
    found: dict[str, Any] = DOMAIN_TO_JSON(self)
    # AWS leaves out empty attributes.
    found = {key: value for key, value in found.items() if value or key == "tags"}
    made = {
        "apiGatewayDomainName": f"d-a1b2c3d4e5.execute-api.{REGION}.amazonaws.com",
        "domainNameStatus": "AVAILABLE",
        "hostedZoneId": "Z2OJLYMUO9EFXC",
    }
    configurations = found["domainNameConfigurations"]
    return {**found, "domainNameConfigurations": [{**each, **made} for each in configurations]}


def _patch_account(self: Account, patch_operations: list[dict[str, Any]]) -> Account:
    """Accept an operation without a value, with which the provider removes a role."""
    return PATCH_ACCOUNT(self, [{"value": None, **each} for each in patch_operations])


def _queue_attributes(self: Queue) -> dict[str, Any]:
    """Return the policy as AWS does, without spaces: the provider compares the text."""
    found: dict[str, Any] = QUEUE_ATTRIBUTES.fget(self)
    if found.get("RedrivePolicy"):
        policy = json.loads(found["RedrivePolicy"])
        found["RedrivePolicy"] = json.dumps(policy, separators=(",", ":"))
    return found


def _one_at_a_time(application: WSGIApplication) -> WSGIApplication:
    """Call moto for one request at a time, because its threads change dicts that others iterate.

    The server itself stays threaded: a client may connect before it sends a request.
    """
    lock = threading.Lock()

    def called(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with lock:
            return application(environ, start_response)

    return called


RUNTIMES: dict[str, str] = {}
EVENT_SOURCE = EventSourceMapping.get_configuration
UPDATE_EVENT_SOURCE = LambdaBackend.update_event_source_mapping
DOMAIN_TO_JSON = DomainName.to_json
PATCH_ACCOUNT = Account.apply_patch_operations
QUEUE_ATTRIBUTES: Any = Queue.attributes


def main() -> None:
    """Print the address, then serve until the process is ended."""
    application = _one_at_a_time(DomainDispatcherApplication(create_backend_app))
    path = "{0}/(?P<api_version>[^/]+)/functions/(?P<name>[^/]+)/runtime-management-config$"
    with (
        mock.patch.dict(lambda_urls.url_paths, {path: LambdaResponse.dispatch}),
        mock.patch.object(
            LambdaResponse, "put_runtime_management_config", _runtime_management_config, create=True
        ),
        mock.patch.object(
            LambdaResponse, "get_runtime_management_config", _runtime_management_config, create=True
        ),
        mock.patch.object(EventSourceMapping, "get_configuration", _event_source),
        mock.patch.object(LambdaBackend, "update_event_source_mapping", _update_event_source),
        mock.patch.object(ApiGatewayV2Response, "update_stage", _update_stage, create=True),
        mock.patch.object(DomainName, "to_json", _domain_to_json),
        mock.patch.object(Account, "apply_patch_operations", _patch_account),
        mock.patch.object(Queue, "attributes", property(_queue_attributes)),
        make_server("127.0.0.1", 0, application, threaded=True) as server,
    ):
        print(f"http://127.0.0.1:{server.port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
