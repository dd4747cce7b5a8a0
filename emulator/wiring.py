"""From a checked configuration to routes that can be invoked."""

import asyncio
from collections.abc import Mapping

from poker_signal.emulator.aws.connections import Connections
from poker_signal.emulator.aws.results import Integration
from poker_signal.emulator.aws.route_selection import compile_expression
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.functions.handler_loader import Handler
from poker_signal.emulator.functions.lambda_function import Function, LambdaFunction
from poker_signal.emulator.functions.signaling import SignalingFunction
from poker_signal.emulator.gateway.api import RESERVED, Api, Authorizer, Route
from poker_signal.emulator.gateway.config import CORE, DEFAULT_EXPRESSION, ApiConfig, FunctionConfig
from poker_signal.emulator.settings import Settings


def build(
    config: ApiConfig,
    settings: Settings,
    connections: Connections,
    handlers: Mapping[str, Handler],
    faults: Faults | None = None,
) -> Api:
    """Connect the routes to their functions and these handlers; on the running event loop."""
    integrations = {
        name: _core_host(settings, connections, faults)
        if function.handler == CORE
        else _lambda_host(name, function, settings, handlers[name])
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
        # Where only $default can be selected, there is nothing to evaluate.
        select if has_own_routes or not is_default else None,
        authorizer,
        config.stage_variables,
    )


def _core_host(settings: Settings, connections: Connections, faults: Faults | None) -> Integration:
    return SignalingFunction(connections, settings.rules(), settings.ticket_keys, faults)


def _lambda_host(
    name: str, function: FunctionConfig, settings: Settings, handler: Handler
) -> Integration:
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
