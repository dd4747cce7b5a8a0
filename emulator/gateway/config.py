"""``--config api.toml``: the configuration of any WebSocket API, not only ours.

::

    route_selection_expression = "$request.body.action"

    [functions.chat]
    handler = "chat.py:handler"     # relative to this file; or any other that docs/handlers.md has

    [functions.auth]
    handler = "auth.py:handler"

    [routes]
    "$connect" = { function = "chat" }
    "$disconnect" = { function = "chat" }
    "$default" = { function = "chat" }
    echo = { function = "chat", two_way = true }

    [authorizer]
    function = "auth"
    identity_sources = ["route.request.querystring.token"]

    [stage_variables]
    table = "connections"
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator.aws.authorizer import SOURCE
from poker_signal.emulator.aws.route_selection import InvalidExpression, compile_expression
from poker_signal.emulator.gateway.routes import RESERVED

CORE = "core"
"""Value of ``handler`` for poker-signal's own rules, which run in this process."""

RESERVED_VARIABLES = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
    }
)
"""Variables that a function cannot set: AWS refuses them, too."""

DEFAULT_EXPRESSION = "$request.body.action"


class BadConfig(PokerSignalError):
    """An invalid configuration; the message names the key and what to do."""


class FunctionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A Lambda function."""

    handler: str
    """Reference such as ``FILE.py:FUNCTION``, or ``core`` for poker-signal's rules."""
    code: str | None = None
    """Task root, relative to the configuration; None: the folder of the handler's file."""
    runtime: str | None = None
    """AWS's name, such as ``nodejs20.x``; None: the handler's file decides."""
    python: str | None = None
    """Interpreter, by path (relative to the configuration) or name; None: the emulator's own."""
    memory_mb: Annotated[int, msgspec.Meta(ge=128, le=10_240)] = 128
    timeout: Annotated[float, msgspec.Meta(gt=0, le=900)] | None = None
    """Seconds; None: the integration timeout."""
    concurrency: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 10
    """Most environments, which are processes. More events wait."""
    environment: dict[str, str] = {}
    invoke_permission: bool = True
    """False: API Gateway may not invoke it, as if the permission had been forgotten."""


class RouteConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The integration of a route key."""

    function: str
    two_way: bool = False
    integration_timeout: Annotated[float, msgspec.Meta(ge=0.05, le=29)] | None = None


class AuthorizerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A REQUEST authorizer."""

    function: str
    identity_sources: list[str] = []


_Key = Annotated[str, msgspec.Meta(pattern=r"^[^:]{1,255}(:[SNB])?$")]
"""Attribute of a key, with its DynamoDB type if that is not ``S``: ``number:N``."""


class IndexConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A global secondary index of a table, which projects all attributes."""

    key: _Key
    sort_key: _Key | None = None


class TableConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A DynamoDB table, created when the emulator starts unless it exists."""

    key: _Key
    sort_key: _Key | None = None
    indexes: dict[str, IndexConfig] = {}
    ttl: str | None = None
    """Attribute with the epoch seconds at which an item expires."""

    def definition(self, name: str) -> dict[str, Any]:
        """Return the arguments of CreateTable."""
        keys = {name: (each.key, each.sort_key) for name, each in self.indexes.items()}
        pairs = [(self.key, self.sort_key), *keys.values()]
        types = dict(_attribute(key) for pair in pairs for key in pair if key is not None)
        definition: dict[str, Any] = {
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": _schema(self.key, self.sort_key),
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": kind} for name, kind in types.items()
            ],
        }
        if keys:
            definition["GlobalSecondaryIndexes"] = [
                {
                    "IndexName": index,
                    "KeySchema": _schema(*pair),
                    "Projection": {"ProjectionType": "ALL"},
                }
                for index, pair in keys.items()
            ]
        return definition


def _attribute(key: str) -> tuple[str, str]:
    name, _, kind = key.partition(":")
    return name, kind or "S"


def _schema(key: str, sort_key: str | None) -> list[dict[str, str]]:
    schema = [{"AttributeName": _attribute(key)[0], "KeyType": "HASH"}]
    if sort_key is not None:
        schema.append({"AttributeName": _attribute(sort_key)[0], "KeyType": "RANGE"})
    return schema


class ApiConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The whole configuration file."""

    functions: dict[str, FunctionConfig]
    routes: dict[str, RouteConfig]
    route_selection_expression: str = DEFAULT_EXPRESSION
    authorizer: AuthorizerConfig | None = None
    stage: str | None = None
    """Name of the stage, unless ``--stage`` gives one; None: that of the settings."""
    stage_variables: dict[str, str] = {}
    tables: dict[str, TableConfig] = {}

    @property
    def used(self) -> set[str]:
        """The functions of routes and of the authorizer."""
        authorizer = set() if self.authorizer is None else {self.authorizer.function}
        return {route.function for route in self.routes.values()} | authorizer

    @property
    def core_decides_connects(self) -> bool:
        """Tell whether our rules, which check the tickets, handle ``$connect``."""
        route = self.routes.get("$connect")
        return route is not None and self.functions[route.function].handler == CORE


def of_handler(
    handler: str,
    own_routes: Iterable[str] = (),
    expression: str = DEFAULT_EXPRESSION,
    tables: Iterable[str] = (),
) -> ApiConfig:
    """Return the API of one handler: the three routes of every API, and ``own_routes``.

    ``tables``: each as ``NAME=KEY`` or ``NAME=KEY/SORT_KEY``.

    Raises:
        BadConfig: the expression or a table is invalid, or one of ``own_routes`` begins with $.
    """
    name = _name_of(handler)
    route = RouteConfig(function=name)
    config = ApiConfig(
        functions={name: FunctionConfig(handler=handler)},
        routes=dict.fromkeys(("$connect", "$disconnect", "$default", *own_routes), route),
        route_selection_expression=expression,
        tables=dict(map(_table_of, tables)),
    )
    try:
        check(config)
    except ValueError as error:
        raise BadConfig(str(error)) from error
    return config


def _table_of(text: str) -> tuple[str, TableConfig]:
    name, _, keys = text.partition("=")
    key, _, sort_key = keys.partition("/")
    if not name or not key:
        raise BadConfig(f"--table {text}: NAME=KEY or NAME=KEY/SORT_KEY, as in rows=id")
    try:
        return name, msgspec.convert({"key": key, "sort_key": sort_key or None}, TableConfig)
    except msgspec.ValidationError as error:
        raise BadConfig(f"--table {text}: {error}") from error


def _name_of(handler: str) -> str:
    """Return a name for the function of a reference: its file's or module's."""
    source = (handler.rpartition(":")[0] or handler).rstrip("/").rpartition("/")[2]
    source = re.sub(r"\.(py|js|mjs|cjs)$", "", source)
    if ":" not in handler:
        # Lambda's notation ends with the function.
        source = source.rpartition(".")[0] or source
    return re.sub(r"[^\w-]", "-", source.rpartition(".")[2])[:64] or "function"


def read_config(path: Path) -> ApiConfig:
    """Read and check a configuration file.

    Raises:
        BadConfig: the file is unreadable, not TOML, or invalid; the message names the key.
    """
    try:
        config = msgspec.toml.decode(path.read_bytes(), type=ApiConfig)
        check(config)
    except OSError as error:
        raise BadConfig(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadConfig(f"{path}: not UTF-8") from error
    except RecursionError as error:
        raise BadConfig(f"{path}: nested too deeply") from error
    except (msgspec.DecodeError, InvalidExpression, ValueError) as error:
        raise BadConfig(f"{path}: {error}") from error
    return config


def as_toml(config: ApiConfig) -> str:
    """Return a configuration as the TOML that ``read_config`` reads."""
    members = msgspec.to_builtins(config)
    lines: list[str] = []
    _write(members, (), lines)
    return "\n".join(lines).strip() + "\n"


def _write(table: dict[str, Any], path: tuple[str, ...], lines: list[str]) -> None:
    """Append the lines of a table: its values first, then the tables in it."""
    values = {name: each for name, each in table.items() if not isinstance(each, dict)}
    if path and (values or not table):
        lines += ["", f"[{'.'.join(map(_named, path))}]"]
    for name, value in values.items():
        # A JSON string is a TOML string, and a list of strings a TOML array.
        lines.append(f"{_named(name)} = {json.dumps(value)}")
    for name, value in table.items():
        if isinstance(value, dict):
            _write(value, (*path, name), lines)


def _named(key: str) -> str:
    return key if re.fullmatch("[A-Za-z0-9_-]+", key) else json.dumps(key)


def check(config: ApiConfig) -> None:
    """Check what types cannot express.

    Raises:
        ValueError: the configuration is invalid; the text names the key.
    """
    compile_expression(config.route_selection_expression)
    users = [(f"routes.{key!r}", route.function) for key, route in config.routes.items()]
    if config.authorizer is not None:
        users.append(("authorizer", config.authorizer.function))
        for source in config.authorizer.identity_sources:
            if not SOURCE.fullmatch(source):
                raise ValueError(
                    f"authorizer.identity_sources: {source!r} is not "
                    "route.request.header.NAME or route.request.querystring.NAME"
                )
    for user, function in users:
        if function not in config.functions:
            known = ", ".join(sorted(config.functions)) or "none"
            raise ValueError(f"{user}.function: there is no functions.{function}, only {known}")
    for name, settings in config.functions.items():
        for variable in RESERVED_VARIABLES & settings.environment.keys():
            raise ValueError(
                f"functions.{name}.environment.{variable}: only Lambda sets it, as on AWS"
            )
        if not re.fullmatch(r"[\w-]{1,64}", name):
            raise ValueError(f"functions.{name!r}: letters, digits, - and _, as on Lambda")
    for key in config.routes:
        if key.startswith("$") and key not in RESERVED | {"$default"}:
            raise ValueError(f"routes.{key!r}: a route of your own must not begin with $")
