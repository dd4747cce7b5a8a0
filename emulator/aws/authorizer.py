"""Lambda REQUEST authorizers: identity sources, and evaluation of the returned policy.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html
"""

import ipaddress
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from poker_signal.emulator.aws.http import Answer, Request, error
from poker_signal.emulator.aws.results import Malformed, Raised, Result, Returned, named

MAX_RESULT_BYTES = 8192

UNAUTHORIZED = error(401, "UnauthorizedException", "Unauthorized")
MISCONFIGURED = Answer(
    500, b'{"message":null}', [("x-amzn-ErrorType", "AuthorizerConfigurationException")]
)
DENIED = Answer(
    403,
    b'{"Message":"User is not authorized to access this resource"}',
    [("x-amzn-ErrorType", "AccessDeniedException")],
)

SOURCE = re.compile(
    r"route\.request\.(?:header|querystring)\.[^\s]+|stageVariables\.[^\s]+|context\.[^\s]+"
)


def lacks_identity(
    sources: Sequence[str],
    request: Request,
    stage_variables: Mapping[str, str],
    context: Mapping[str, Any],
) -> bool:
    """Tell whether an identity source is absent or empty; then the authorizer is not invoked."""
    for source in sources:
        kind, _, name = source.removeprefix("route.request.").partition(".")
        value: object
        if kind == "header":
            value = request.header(name)
        elif kind == "querystring":
            value = dict(request.query).get(name)
        elif kind == "stageVariables":
            value = stage_variables.get(name)
        else:
            value = _inner(context, name)
        if not value:
            return True
    return False


def judge(result: Result, method_arn: str, source_ip: str) -> dict[str, Any] | Answer | Malformed:
    """Return the value of ``requestContext.authorizer``, or the Answer of a refusal.

    A result that API Gateway does not accept is Malformed; it is answered with MISCONFIGURED.
    """
    match result:
        case Raised(message="Unauthorized"):
            return UNAUTHORIZED
        case Returned(value):
            return _judge_value(value, method_arn, source_ip)
        case _:
            return MISCONFIGURED


def _judge_value(
    document: object, method_arn: str, source_ip: str
) -> dict[str, Any] | Answer | Malformed:
    if not isinstance(document, dict):
        return Malformed(f"the authorizer returned {named(document)}, not a dict", document)
    why = _fault_of(document)
    if why is not None:
        return Malformed(why, document)
    try:
        statements = _as_list(document["policyDocument"]["Statement"])
        allowed = _is_allowed(statements, method_arn, source_ip)
    except KeyError as error:
        return Malformed(f"a statement of policyDocument has no {error}", document)
    except (TypeError, ValueError, AttributeError) as error:
        return Malformed(f"a statement of policyDocument is invalid: {error}", document)
    context, principal = document.get("context") or {}, document.get("principalId", "")
    if not allowed:
        return DENIED
    known = {key: _as_text(value) for key, value in context.items()}
    return {**known, **({"principalId": principal} if "principalId" in document else {})}


def _fault_of(document: dict[str, Any]) -> str | None:
    """Return what API Gateway does not accept beside the statements; None: it accepts it."""
    policy, context = document.get("policyDocument"), document.get("context")
    if not isinstance(policy, dict):
        return f"policyDocument is {named(policy)}, not a dict"
    if not isinstance(policy.get("Statement"), list | dict):
        return f"policyDocument.Statement is {named(policy.get('Statement'))}, not a list"
    if not isinstance(context, dict | None):
        return f"context is {named(context)}, not a dict"
    for name, value in (context or {}).items():
        if not isinstance(value, str | int | float | bool):
            return f"context.{name} is {named(value)}; only strings, numbers and booleans may be"
    principal = document.get("principalId", "")
    if not isinstance(principal, str):
        return f"principalId is {named(principal)}, not a string"
    size = len(json.dumps(document).encode())
    if size > MAX_RESULT_BYTES:
        return f"the result has {size} bytes, more than {MAX_RESULT_BYTES}"
    return None


def _is_allowed(statements: list[Any], method_arn: str, source_ip: str) -> bool:
    """Evaluate a policy: an explicit Deny wins, and without an Allow the result is False."""
    allowed = False
    for statement in statements:
        effect = statement["Effect"]
        if effect not in {"Allow", "Deny"}:
            raise ValueError(effect)
        applies = _matches(statement["Action"], "execute-api:Invoke", ignore_case=True)
        applies = _matches(statement["Resource"], method_arn) and applies
        if not applies or not _condition_holds(statement, effect, source_ip):
            continue
        if effect == "Deny":
            return False
        allowed = True
    return allowed


def _condition_holds(statement: Mapping[str, Any], effect: str, source_ip: str) -> bool:
    """Tell whether a statement's conditions hold; an unsupported one never grants access."""
    for operator, tests in (statement.get("Condition") or {}).items():
        for key, networks in tests.items():
            if operator not in {"IpAddress", "NotIpAddress"} or key.lower() != "aws:sourceip":
                return bool(effect == "Deny")
            address = ipaddress.ip_address(source_ip)
            inside = any(
                address in ipaddress.ip_network(net, strict=False) for net in _as_list(networks)
            )
            if inside != (operator == "IpAddress"):
                return False
    return True


def _matches(patterns: object, text: str, *, ignore_case: bool = False) -> bool:
    flags = re.IGNORECASE if ignore_case else 0
    for pattern in _as_list(patterns):
        regex = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
        if re.fullmatch(regex, text, flags | re.DOTALL):
            return True
    return False


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _as_text(value: str | float | bool) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _inner(context: Mapping[str, Any], path: str) -> object:
    value: Any = context
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
