"""``--config api.toml``: the configuration of any WebSocket API, not only ours.

::

    route_selection_expression = "$request.body.action"

    [functions.chat]
    handler = "chat.py:handler"     # relative to this file; or MODULE:FUNCTION, or core

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

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec

from poker_signal.core.base_error import PokerSignalError
from poker_signal.emulator.aws.authorizer import SOURCE
from poker_signal.emulator.aws.route_selection import InvalidExpression, compile_expression
from poker_signal.emulator.gateway.routes import RESERVED

CORE = "core"
"""Value of ``handler`` for poker-signal's own rules, which run in this process."""

DEFAULT_EXPRESSION = "$request.body.action"


class BadConfig(PokerSignalError):
    """An invalid configuration; the message names the key and what to do."""


class FunctionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Lambda function."""

    handler: str
    """``MODULE:FUNCTION``, ``FILE.py:FUNCTION``, or ``core`` for poker-signal's rules."""
    memory_mb: Annotated[int, msgspec.Meta(ge=128, le=10_240)] = 128
    invoke_permission: bool = True
    """False: API Gateway may not invoke it, as if the permission had been forgotten."""


class RouteConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The integration of a route key."""

    function: str
    two_way: bool = False
    integration_timeout: Annotated[float, msgspec.Meta(ge=0.05, le=29)] | None = None


class AuthorizerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A REQUEST authorizer."""

    function: str
    identity_sources: list[str] = []


class ApiConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole configuration file."""

    functions: dict[str, FunctionConfig]
    routes: dict[str, RouteConfig]
    route_selection_expression: str = DEFAULT_EXPRESSION
    authorizer: AuthorizerConfig | None = None
    stage_variables: dict[str, str] = {}

    @property
    def handlers(self) -> dict[str, str]:
        """The handlers to import, by function name; our own rules are not among them."""
        named = {name: function.handler for name, function in self.functions.items()}
        return {name: handler for name, handler in named.items() if handler != CORE}

    @property
    def core_decides_connects(self) -> bool:
        """Tell whether our rules, which check the tickets, handle ``$connect``."""
        route = self.routes.get("$connect")
        return route is not None and self.functions[route.function].handler == CORE


def of_handler(
    handler: str, own_routes: Iterable[str] = (), expression: str = DEFAULT_EXPRESSION
) -> ApiConfig:
    """Return the API of one handler: the three routes of every API, and ``own_routes``.

    Raises:
        BadConfig: the expression is invalid, or one of ``own_routes`` begins with $.
    """
    name = Path(handler.rpartition(":")[0]).stem or handler
    route = RouteConfig(function=name)
    config = ApiConfig(
        functions={name: FunctionConfig(handler=handler)},
        routes=dict.fromkeys(("$connect", "$disconnect", "$default", *own_routes), route),
        route_selection_expression=expression,
    )
    try:
        _check(config)
    except ValueError as error:
        raise BadConfig(str(error)) from error
    return config


def read_config(path: Path) -> ApiConfig:
    """Read and check a configuration file.

    Raises:
        BadConfig: the file is unreadable, not TOML, or invalid; the message names the key.
    """
    try:
        config = msgspec.toml.decode(path.read_bytes(), type=ApiConfig)
        _check(config)
    except OSError as error:
        raise BadConfig(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadConfig(f"{path}: not UTF-8") from error
    except RecursionError as error:
        raise BadConfig(f"{path}: nested too deeply") from error
    except (msgspec.DecodeError, InvalidExpression, ValueError) as error:
        raise BadConfig(f"{path}: {error}") from error
    return config


def _check(config: ApiConfig) -> None:
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
    for key in config.routes:
        if key.startswith("$") and key not in RESERVED | {"$default"}:
            raise ValueError(f"routes.{key!r}: a route of your own must not begin with $")
