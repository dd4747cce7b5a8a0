"""Wiring: makes routes, functions, faults and inspector from settings and configuration.

The only module that knows all rooms. A part that only some users need is imported where it is
made, to keep the start fast.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from poker_signal.emulator.aws.connections import Connections
from poker_signal.emulator.aws.events import Label
from poker_signal.emulator.aws.http import Request
from poker_signal.emulator.aws.results import Integration
from poker_signal.emulator.clock import Clock
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.gateway.gateway import Gateway
from poker_signal.emulator.gateway.routes import RESERVED, Api, Authorizer, Route
from poker_signal.emulator.inspector import PREFIX
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.trace import Trace

if TYPE_CHECKING:
    from poker_signal.core.model import Note
    from poker_signal.emulator.functions.handler_loader import Handler
    from poker_signal.emulator.functions.signaling import SignalingFunction
    from poker_signal.emulator.gateway.config import ApiConfig, FunctionConfig
    from poker_signal.emulator.inspector.api import Inspector

OWN_LAMBDA = "poker_signal.lambda_app.handler:handler"
"""Handler of poker-signal's own Lambda function."""

MAX_LABEL = 128
"""Most characters of a label, as many as a name may have."""

# Emulator.__aenter__ (server.py) puts the parts together; each step needs those before it:
#   1. make_gateway     with clock and trace, and an empty Api. The faults are attached to its
#                       clock, trace and connections; they become its hooks while any is active
#   2. the socket       bound but not served: handlers and URLs need the port, which may be any
#   3. the Api          signaling_api or configured_api. Handlers are imported with the port in
#                       their environment. Functions get `gateway.connections`, to post
#   4. mount_inspector  only a callback: the inspector is made with the first request for it
#   5. serving          the first request finds all routes
# --reload repeats step 3 on the event loop and replaces `gateway.api`; sockets stay, and the
# reloader moves the rows. Faults of the table reach the signaling function by another way than the
# hooks: _signaling_function watches them, and changes its table.


def make_gateway(settings: Settings, clock: Clock, trace: Trace, faults: Faults) -> Gateway:
    """Return a gateway without routes, whose hooks are the faults while one is active."""
    gateway = Gateway(settings, clock, trace, label_of)
    faults.attach(clock, trace, gateway.open_connections.values)

    def changed() -> None:
        gateway.hooks = faults if faults.are_active else None

    faults.watch(changed)
    return gateway


def label_of(request: Request) -> Label:
    """Return the player and the game in the query string of a WebSocket handshake."""
    query = dict(request.query)
    return Label(query.get("playerId", "")[:MAX_LABEL], query.get("gameId", "")[:MAX_LABEL])


def types_known_to(api: "ApiConfig | None") -> Collection[str] | None:
    """Return the types of messages that an API has; None: a handler may have any.

    ``api``: None for our own rules.
    """
    if api is not None:
        from poker_signal.emulator.gateway.config import CORE

        if any(each.handler not in {CORE, OWN_LAMBDA} for each in api.functions.values()):
            return None
    # Imported here: foreign handlers run without the rules.
    from poker_signal.core.messages import TYPES

    return TYPES


def mount_inspector(gateway: Gateway, inspector: "Callable[[], Inspector]") -> None:
    """Pass requests below the prefix to the inspector; it is made with the first of them."""
    gateway.mounts[PREFIX] = lambda request, reply: inspector().respond(request, reply)


def signaling_api(settings: Settings, connections: Connections, faults: Faults) -> Api:
    """Return an API whose three routes all invoke the signaling rules."""
    route = Route(_signaling_function(settings, connections, faults))
    return Api(dict.fromkeys(("$connect", "$disconnect", "$default"), route))


def show_notes(api: Api, gateway: Gateway, trace: Trace, clock: Clock) -> None:
    """Add to the trace what the signaling functions of an API plan for later."""
    from poker_signal.emulator.trace.entries import CameDue, Planned

    def show(note: "Note", until_ms: int | None) -> None:
        connection = gateway.open_connections.get(note.connection_id)
        facts = None if connection is None else connection.facts
        kind = type(note).__name__.lower()
        step: int = getattr(note, "step", 0) or getattr(note, "hop", 0)
        if until_ms is None:
            trace.add(CameDue(clock.now_ms(), facts, note.connection_id, kind, step))
        else:
            trace.add(Planned(clock.now_ms(), facts, note.connection_id, kind, step, until_ms))

    for route in api.routes.values():
        if hasattr(route.integration, "show"):
            route.integration.show = show


def configured_api(
    config: "ApiConfig",
    settings: Settings,
    connections: Connections,
    handlers: "Mapping[str, Handler]",
    faults: Faults,
) -> Api:
    """Return a configured API, with handlers by function; call on the running event loop."""
    from poker_signal.emulator.aws.route_selection import compile_expression
    from poker_signal.emulator.gateway.config import CORE, DEFAULT_EXPRESSION

    integrations: dict[str, Integration] = {
        name: _signaling_function(settings, connections, faults)
        if function.handler == CORE
        else _lambda_function(name, function, settings, handlers[name])
        for name, function in config.functions.items()
    }
    routes = {
        key: Route(integrations[route.function], route.two_way, route.integration_timeout)
        for key, route in config.routes.items()
    }
    authorizer = None
    if config.authorizer is not None:
        authorizer = Authorizer(
            integrations[config.authorizer.function], tuple(config.authorizer.identity_sources)
        )
    has_own_routes = bool(routes.keys() - RESERVED - {"$default"})
    is_default = config.route_selection_expression == DEFAULT_EXPRESSION
    select = compile_expression(config.route_selection_expression)
    return Api(
        routes,
        # If only $default can be selected, no expression has to be evaluated.
        select if has_own_routes or not is_default else None,
        authorizer,
        config.stage_variables,
    )


def _signaling_function(
    settings: Settings, connections: Connections, faults: Faults
) -> "SignalingFunction":
    """Return the rules as a function; its table has the active faults of tables."""
    from poker_signal.emulator.functions.signaling import SignalingFunction

    function = SignalingFunction(connections, settings.rules(), faults.clock, settings.ticket_keys)

    def changed() -> None:
        if not faults.index_lag_s and not faults.can_fail_updates:
            function.table = function.rows
        elif function.table is function.rows:
            from poker_signal.emulator.faults.lagging_rows import LaggingTable

            function.table = LaggingTable(function.rows, faults)

    faults.watch(changed)
    return function


def _lambda_function(
    name: str, function: "FunctionConfig", settings: Settings, handler: "Handler"
) -> Integration:
    from poker_signal.emulator.functions.lambda_function import Function, LambdaFunction

    return LambdaFunction(
        Function(
            name=name,
            handler=handler,
            memory_mb=function.memory_mb,
            timeout_s=settings.integration_timeout_s,
            region=settings.region,
            account_id=settings.account_id,
            may_be_invoked=function.invoke_permission,
        ),
        asyncio.get_running_loop().call_soon_threadsafe,
    )
