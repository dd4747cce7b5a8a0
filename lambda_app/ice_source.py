"""ICE servers for clients: configuration from SSM Parameter Store, credentials of a provider."""

import base64
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from botocore.exceptions import BotoCoreError, ClientError

from poker_signal.core.ice import (
    CLOUDFLARE,
    TWILIO,
    BadIce,
    IceConfig,
    IceServers,
    read_config,
    servers_for,
)

REREAD_S: Final = 300
"""Seconds after which the parameter is read again: a new secret is in use after that time."""

RETRY_S: Final = 30
"""Seconds until the parameter is read, or a provider called, again after a failure."""

LIMIT_S: Final = 2.0
"""Seconds that a provider may take."""

REUSED: Final = 0.1
"""Share of their life for which credentials of a provider are given to further clients."""

MAX_ANSWER_BYTES: Final = 65_536

ENDPOINTS: Final = {CLOUDFLARE: "https://rtc.live.cloudflare.com", TWILIO: "https://api.twilio.com"}


class _Failed(Exception):
    """A provider gave no ICE servers."""


class _Fetched(NamedTuple):
    ice: IceServers
    until_s: float
    """Monotonic seconds until which they are given to further clients."""


class IceSource:
    """The ICE servers of a container. All failures end in the static part, and ``failed``."""

    def __init__(
        self,
        client: Callable[[], Any],
        parameter: str,
        *,
        checks_tickets: bool,
        endpoints: Mapping[str, str] = ENDPOINTS,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.failed: str | None = None
        """Why the last client got only the static part, without any secret. None: it got all."""
        self._client = client
        self._parameter = parameter
        self._checks_tickets = checks_tickets
        self._endpoints = endpoints
        self._now_s = now_s
        self._config: IceConfig | None = None
        self._read_again_at_s = 0.0
        self._fetched: _Fetched | None = None
        self._call_again_at_s = 0.0

    def servers(self, connection_id: str, at: int) -> IceServers:
        """Return the ICE servers for a client; ``at``: epoch seconds."""
        self.failed = None
        config = self._configuration()
        if config is None:
            return IceServers([])
        if config.has_credentials and not (self._checks_tickets or config.is_open):
            self.failed = "not open: ask for tickets, or set “open”"
            return IceServers([])
        if config.provider not in ENDPOINTS:
            return servers_for(config, connection_id, at)
        now_s = self._now_s()
        if self._fetched is None or now_s >= self._fetched.until_s:
            self._fetched = None
            if now_s < self._call_again_at_s:
                self.failed = f"{config.provider} failed a moment ago"
                return IceServers(config.static)
            try:
                ice = _fetch(config, self._endpoints[config.provider], at)
            except _Failed as error:
                self._call_again_at_s = self._now_s() + RETRY_S
                self.failed = str(error)
                return IceServers(config.static)
            self._fetched = _Fetched(ice, self._now_s() + config.ttl_s * REUSED)
        return self._fetched.ice

    def _configuration(self) -> IceConfig | None:
        now_s = self._now_s()
        if now_s < self._read_again_at_s:
            if self._config is None:
                self.failed = "the parameter could not be read a moment ago"
            return self._config
        try:
            answer = self._client().get_parameter(Name=self._parameter, WithDecryption=True)
            config = read_config(answer["Parameter"]["Value"])
        except (BadIce, BotoCoreError, ClientError) as error:
            # An earlier configuration stays in use.
            self._read_again_at_s = now_s + RETRY_S
            self.failed = str(error) if isinstance(error, BadIce) else type(error).__name__
            return self._config
        self._read_again_at_s = now_s + REREAD_S
        if config != self._config:
            self._config, self._fetched = config, None
        return config


def _fetch(config: IceConfig, endpoint: str, at: int) -> IceServers:
    """Return the ICE servers of a provider.

    Raises:
        _Failed: it gave none within LIMIT_S.
    """
    results: list[IceServers | str] = []

    def call() -> None:
        try:
            results.append(_answer_of(config, endpoint, at))
        except Exception as error:
            # Not the text: it may hold the URL with the account.
            status = getattr(error, "code", "")
            results.append(f"{config.provider}: {type(error).__name__} {status}".rstrip())

    # urllib limits each read, not the whole call.
    calling = threading.Thread(target=call, daemon=True)
    calling.start()
    calling.join(LIMIT_S)
    if not results:
        raise _Failed(f"{config.provider}: no answer within {LIMIT_S:g} s")
    if isinstance(results[0], str):
        raise _Failed(results[0])
    return results[0]


def _answer_of(config: IceConfig, endpoint: str, at: int) -> IceServers:
    if config.provider == CLOUDFLARE:
        path = f"/v1/turn/keys/{config.account}/credentials/generate-ice-servers"
        headers = {"Authorization": f"Bearer {config.token}", "Content-Type": "application/json"}
        body, member = json.dumps({"ttl": config.ttl_s}), "iceServers"
    else:
        path = f"/2010-04-01/Accounts/{config.account}/Tokens.json"
        basic = base64.b64encode(f"{config.account}:{config.token}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}"}
        body, member = urlencode({"Ttl": config.ttl_s}), "ice_servers"
    request = urllib.request.Request(
        endpoint + path, body.encode(), {**headers, "User-Agent": "poker-signal"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
        found = json.loads(answer.read(MAX_ANSWER_BYTES))[member]
    # Cloudflare also answered with one object; Twilio's entries have "url" beside "urls".
    listed = found if isinstance(found, list) else [found]
    known = ("urls", "username", "credential")
    servers = [{key: each[key] for key in known if key in each} for each in listed]
    if not all(server.get("urls") for server in servers):
        raise ValueError("no URLs")
    return IceServers([*config.static, *servers], at + config.ttl_s)
