"""Wiring: makes routes, functions, faults and inspector from settings and configuration.

The only module that knows all rooms. A part that only some users need is imported where it is
made, to keep the start fast.
"""

import asyncio
import importlib
import os
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from poker_signal.emulator.aws.connections import Connections
from poker_signal.emulator.aws.events import Label
from poker_signal.emulator.aws.http import Request
from poker_signal.emulator.aws.results import Integration, Raised
from poker_signal.emulator.clock import Clock
from poker_signal.emulator.faults.faults import Faults
from poker_signal.emulator.gateway.gateway import Gateway
from poker_signal.emulator.gateway.routes import RESERVED, Api, Authorizer, Route
from poker_signal.emulator.inspector import PREFIX
from poker_signal.emulator.settings import Settings
from poker_signal.emulator.trace.trace import Trace

if TYPE_CHECKING:
    from poker_signal.core.model import Note
    from poker_signal.emulator.functions.environments import ProcessFunction
    from poker_signal.emulator.functions.lambda_function import Function, Handler, LambdaFunction
    from poker_signal.emulator.functions.runtime_api import RuntimeApi
    from poker_signal.emulator.functions.signaling import SignalingFunction
    from poker_signal.emulator.gateway.config import ApiConfig, FunctionConfig
    from poker_signal.emulator.inspector.api import Inspector
    from poker_signal.emulator.protocols.tls import Certificate

OWN_LAMBDA = "poker_signal.lambda_app.handler:handler"
"""Handler of poker-signal's own Lambda function, which is called in this process, for speed."""

CORE = "core"
"""``handler`` of poker-signal's own rules; as in gateway/config.py, which starts later."""

MANAGEMENT_VARIABLE = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"

MAX_STARTING = 4
"""Functions that start at the same time, so that each has CPU in its init phase."""

MAX_LABEL = 128
"""Most characters of a label, as many as a name may have."""


class Endpoints(NamedTuple):
    """The URLs under which functions find the emulator and AWS's services."""

    management: str
    """Of ``@connections``."""
    domain_name: str
    certificate: "Certificate | None" = None
    of_services: Mapping[str, str] = {}  # never changed
    """By variable, such as ``AWS_ENDPOINT_URL_DYNAMODB``."""
    real_aws: bool = False
    """True: functions get the user's credentials."""


# Emulator.__aenter__ (server.py) puts the parts together; each step needs those before it:
#   1. make_gateway     with clock and trace, and an empty Api. The faults are attached to its
#                       clock, trace and connections; they become its hooks while any is active
#   2. the socket       bound but not served: handlers and URLs need the port, which may be any
#   3. the Api          signaling_api or configured_api. Functions start with the port in their
#                       environment (Functions). Our rules get `gateway.connections`, to post
#   4. mount_inspector  only a callback: the inspector is made with the first request for it
#   5. serving          the first request finds all routes
# --reload repeats step 3 for our rules on the event loop and replaces `gateway.api`; sockets stay,
# and the reloader moves the rows. Other functions renew their environments.
# Faults of the table reach the signaling function by another way than the hooks:
# _signaling_function watches them, and changes its table.


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
    if api is not None and any(
        each.handler not in {CORE, OWN_LAMBDA} for each in api.functions.values()
    ):
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


class Functions:
    """The Lambda functions of a configuration: processes, or handlers called in this process."""

    def __init__(
        self,
        config: "ApiConfig",
        settings: Settings,
        folder: Path,
        clock: Clock,
        handlers: "Mapping[str, Handler]",
    ) -> None:
        """``handlers``: callables by function, in place of the handlers in the configuration."""
        self._config, self._settings, self._folder, self._clock = config, settings, folder, clock
        self._handlers = dict(handlers)
        self._api: RuntimeApi | None = None
        self.integrations: dict[str, LambdaFunction | ProcessFunction] = {}
        """By name; our rules are not among them."""

    @property
    def are_called_here(self) -> bool:
        """True if a handler is called in this process, so that its environment counts."""
        own = [name for name, each in self._config.functions.items() if each.handler == OWN_LAMBDA]
        return bool(own or self._handlers)

    @property
    def processes(self) -> "dict[str, ProcessFunction]":
        """The functions that run as processes, by name."""
        return {name: each for name, each in self.integrations.items() if hasattr(each, "program")}  # type: ignore[misc] # only a ProcessFunction has a program

    async def start(self, endpoints: Endpoints) -> None:
        """Start an environment of each function.

        Raises:
            BadHandler: a handler cannot be found or started.
        """
        from poker_signal.emulator.functions.environments import unstarted
        from poker_signal.emulator.functions.references import BadHandler

        self.load_own()
        configured = {
            name: each
            for name, each in self._config.functions.items()
            if each.handler not in {CORE, OWN_LAMBDA} and name not in self._handlers
        }
        if configured:
            await self._make_processes(configured, endpoints)
        processes = self.processes
        few = asyncio.Semaphore(MAX_STARTING)

        async def start(function: "ProcessFunction") -> Raised | None:
            async with few:
                return await function.start()

        # The others are invoked by functions only, and start when they are.
        used = [name for name in processes if name in self._config.used]
        errors = await asyncio.gather(*(start(processes[name]) for name in used))
        for name, error in zip(used, errors, strict=True):
            if error is not None:
                root = processes[name].program.root
                raise unstarted(configured[name].handler, error, root)
        for name in self._handlers:
            if name not in self._config.functions:
                raise BadHandler(f"handlers: there is no function {name}")

    def load_own(self) -> None:
        """Make the functions that are called here; after a reload, anew."""
        from poker_signal.emulator.functions.lambda_function import LambdaFunction

        call_soon = asyncio.get_running_loop().call_soon_threadsafe
        for name, each in self._config.functions.items():
            handler = self._handlers.get(name)
            if handler is None and each.handler == OWN_LAMBDA:
                module, _, attribute = OWN_LAMBDA.partition(":")
                handler = getattr(importlib.import_module(module), attribute)
            if handler is not None:
                function = self._function(name, each)
                self.integrations[name] = LambdaFunction(function, handler, call_soon)

    async def _make_processes(
        self, configured: "Mapping[str, FunctionConfig]", endpoints: Endpoints
    ) -> None:
        import simplejson

        from poker_signal.emulator.functions.environments import ProcessFunction
        from poker_signal.emulator.functions.references import program_of
        from poker_signal.emulator.functions.runtime_api import RuntimeApi
        from poker_signal.emulator.functions.variables import shared_variables, variables_of

        settings, management = self._settings, endpoints.management
        programs = {
            name: program_of(
                each.handler,
                self._folder,
                code=each.code,
                runtime=each.runtime,
                python=self._interpreter(each.python),
            )
            for name, each in configured.items()
        }
        api = self._api = RuntimeApi()
        await api.start()
        url = urlsplit(management)
        shared = shared_variables(
            {
                MANAGEMENT_VARIABLE: management,
                "AWS_ENDPOINT_URL_LAMBDA": api.lambda_url,
                **endpoints.of_services,
            },
            settings.region,
            endpoints.certificate,
            (str(url.hostname), "127.0.0.1", "localhost", "::1"),
            os.environ,
            real_aws=endpoints.real_aws,
        )
        of_api = f"{settings.api_id}.execute-api.{settings.region}.amazonaws.com"
        facts = {
            "simplejson": str(Path(simplejson.__file__).parents[1]),
            "management": management,
            # The API has its stage there, even if a custom domain has another path.
            "hosts": {endpoints.domain_name: url.path.strip("/"), of_api: settings.stage},
        }
        for name, each in configured.items():
            function, own = self._function(name, each), shared | each.environment
            setup = partial(variables_of, function, programs[name], own=own)
            self.integrations[name] = ProcessFunction(
                function, programs[name], setup, facts, api, self._clock
            )
        api.functions = self.integrations

    def _interpreter(self, python: str | None) -> str | None:
        is_path = python is not None and ("/" in python or "\\" in python)
        return str(self._folder.absolute() / str(python)) if is_path else python

    def _function(self, name: str, config: "FunctionConfig") -> "Function":
        from poker_signal.emulator.functions.lambda_function import Function

        settings = self._settings
        return Function(
            name=name,
            memory_mb=config.memory_mb,
            timeout_s=config.timeout or settings.integration_timeout_s,
            concurrency=config.concurrency,
            region=settings.region,
            account_id=settings.account_id,
            may_be_invoked=config.invoke_permission,
        )

    def stop(self) -> None:
        """End all processes."""
        for each in self.processes.values():
            each.stop()
        if self._api is not None:
            self._api.stop()


def configured_api(
    config: "ApiConfig",
    settings: Settings,
    connections: Connections,
    functions: "Mapping[str, Integration]",
    faults: Faults,
) -> Api:
    """Return a configured API, with its functions by name; our rules are made here."""
    from poker_signal.emulator.aws.route_selection import compile_expression
    from poker_signal.emulator.gateway.config import DEFAULT_EXPRESSION

    integrations: dict[str, Integration] = {
        name: _signaling_function(settings, connections, faults)
        if function.handler == CORE and name not in functions
        else functions[name]
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

    function = SignalingFunction(
        connections, settings.rules(), faults.clock, settings.ticket_keys, settings.ice
    )

    def changed() -> None:
        if not faults.index_lag_s and not faults.can_fail_updates:
            function.table = function.rows
        elif function.table is function.rows:
            from poker_signal.emulator.faults.lagging_rows import LaggingTable

            function.table = LaggingTable(function.rows, faults)

    faults.watch(changed)
    return function
