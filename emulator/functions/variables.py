"""Environment variables of handlers: Lambda's own, and those by which SDKs find the emulator.

Names: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html and
https://docs.aws.amazon.com/sdkref/latest/guide/environment-variables.html
"""

import os
import time
import uuid
from collections.abc import Iterable, Mapping

from poker_signal.emulator.functions.lambda_function import Function
from poker_signal.emulator.functions.references import Program
from poker_signal.emulator.protocols.tls import Certificate

MANAGEMENT = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"
DUMMY = "emulator"

KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
CREDENTIALS = frozenset(
    {
        *KEYS,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_DEFAULT_PROFILE",
        "AWS_PROFILE",
        "AWS_ROLE_ARN",
        "AWS_SECURITY_TOKEN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    }
)
"""Variables that give AWS's SDKs credentials."""


def set_aside(environ: Mapping[str, str]) -> list[str]:
    """Return the names of the user's credentials, which handlers do not get."""
    return sorted(name for name in CREDENTIALS & environ.keys() if environ[name] not in {"", DUMMY})


def environment_for(
    endpoint: str, region: str, certificate: Certificate | None, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables that ``environ`` lacks for boto3 in this process to find the emulator.

    With a certificate, AWS_CA_BUNDLE is always among them: it extends the user's bundle.
    """
    wanted = {MANAGEMENT: endpoint, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    if not environ.keys() & {"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}:
        # All or none: half of the user's credentials with half of ours would be worse.
        wanted |= {"AWS_ACCESS_KEY_ID": DUMMY, "AWS_SECRET_ACCESS_KEY": DUMMY}
    missing = {name: value for name, value in wanted.items() if name not in environ}
    return missing | _trust(certificate, environ)


def shared_variables(
    endpoints: Mapping[str, str],
    region: str,
    certificate: Certificate | None,
    hosts: Iterable[str],
    environ: Mapping[str, str],
    *,
    real_aws: bool = False,
) -> dict[str, str]:
    """Return the variables of all processes: the user's, and those for AWS's SDKs.

    ``endpoints``: URLs by variable. ``hosts``: of the emulator, which no proxy may get.
    ``real_aws``: hand the user's credentials and profiles over.
    """
    variables = dict(environ)
    if not real_aws:
        for name in CREDENTIALS & variables.keys():
            del variables[name]
        variables |= dict.fromkeys(KEYS, DUMMY)
        variables |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        variables["AWS_EC2_METADATA_DISABLED"] = "true"
    variables.pop("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", None)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        variables.setdefault(name, region)
    variables |= endpoints
    for name in ("NO_PROXY", "no_proxy"):
        others = variables.get(name, "")
        variables[name] = ",".join(dict.fromkeys([*filter(None, others.split(",")), *hosts]))
    trust = _trust(certificate, environ)
    if certificate is not None:
        trust["NODE_EXTRA_CA_CERTS"] = str(certificate.authority)
        trust["REQUESTS_CA_BUNDLE"] = trust["AWS_CA_BUNDLE"]
    return variables | trust


def variables_of(
    function: Function, program: Program, api: str, own: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables of one environment of a function; ``own`` are from its configuration."""
    return {
        "TZ": ":UTC",
        **own,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{time.strftime('%Y/%m/%d')}/[$LATEST]{uuid.uuid4().hex}",
        "AWS_LAMBDA_RUNTIME_API": api,
        "LAMBDA_TASK_ROOT": str(program.root),
        "_HANDLER": program.handler,
    }


def _trust(certificate: Certificate | None, environ: Mapping[str, str]) -> dict[str, str]:
    if certificate is None:
        return {}
    # The certificates in the user's own bundle stay trusted.
    trusted = environ.get("AWS_CA_BUNDLE") or environ.get("REQUESTS_CA_BUNDLE")
    return {"AWS_CA_BUNDLE": str(certificate.bundle(trusted))}
