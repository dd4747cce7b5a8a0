"""ICE servers for clients: their configuration, and credentials of coturn's REST scheme.

https://datatracker.ietf.org/doc/html/draft-uberti-behave-turn-rest-00: the user name is the time of
expiry and an id, the password its HMAC-SHA1 by a secret that server and TURN server share. coturn
checks them when an allocation is made, so a connection outlives its credentials.
"""

import base64
import hashlib
import hmac
import json
import re
from typing import Any, NamedTuple

from poker_signal.core.base_error import PokerSignalError

STATIC = "static"
COTURN = "coturn"
CLOUDFLARE = "cloudflare"
TWILIO = "twilio"

_MEMBERS = {
    STATIC: (),
    COTURN: ("urls", "secret"),
    CLOUDFLARE: ("keyId", "token"),
    TWILIO: ("accountSid", "authToken"),
}
"""Members of the configuration that each provider needs."""

TTL_S = 3600
MIN_TTL_S = 60
MAX_TTL_S = 86_400
MIN_SECRET_CHARACTERS = 16
MAX_SERVERS = 16

_URL = re.compile(r"(stun|stuns|turn|turns):[^\s/?@]+(\?transport=(udp|tcp))?")
_PATH_SAFE = re.compile(r"[A-Za-z0-9_-]{1,128}")


class BadIce(PokerSignalError, ValueError):
    """The configuration cannot be used. The message says why, without any secret."""


class IceServers(NamedTuple):
    """The ICE servers that a client gets."""

    servers: list[dict[str, Any]]
    """``RTCIceServer`` objects of the browser's API."""
    expires_at: int | None = None
    """Epoch seconds at which the credentials expire. None: there are none, or they do not."""


class IceConfig(NamedTuple):
    """The parsed configuration."""

    provider: str
    static: list[dict[str, Any]]
    """``RTCIceServer`` objects that every client gets as they are."""
    urls: list[str]
    """TURN URLs of coturn."""
    secret: bytes
    ttl_s: int
    account: str
    """Key id of Cloudflare, or account SID of Twilio."""
    token: str
    """API token of Cloudflare, or auth token of Twilio."""
    is_open: bool
    """True: clients get credentials although no ticket is asked for."""

    @property
    def has_credentials(self) -> bool:
        """Return whether clients get something that costs money."""
        return self.provider != STATIC or any("credential" in each for each in self.static)


def read_config(text: str) -> IceConfig:
    """Parse the configuration, a JSON object; docs/ice.md has its members.

    Raises:
        BadIce: it is not valid.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadIce(f"the ICE configuration is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadIce("the ICE configuration must be a JSON object")
    provider = value.get("provider", STATIC)
    if not isinstance(provider, str) or provider not in _MEMBERS:
        raise BadIce(f"“provider” must be one of {', '.join(_MEMBERS)}")
    known = {"provider", "iceServers", "ttl", "open", *_MEMBERS[provider]}
    for member in value:
        if member not in known:
            known_ones = ", ".join(sorted(known))
            raise BadIce(f"“{member}” is no member for the provider {provider}: {known_ones}")
    for member in _MEMBERS[provider]:
        if not value.get(member):
            raise BadIce(f"the provider {provider} needs “{member}”")
    ttl_s = value.get("ttl", TTL_S)
    if type(ttl_s) is not int or not MIN_TTL_S <= ttl_s <= MAX_TTL_S:
        raise BadIce(f"“ttl” must be whole seconds from {MIN_TTL_S} to {MAX_TTL_S}")
    is_open = value.get("open", False)
    if type(is_open) is not bool:
        raise BadIce("“open” must be true or false")
    account = _text(value, "keyId" if provider == CLOUDFLARE else "accountSid")
    if account and not _PATH_SAFE.fullmatch(account):
        raise BadIce("“keyId” and “accountSid” are letters, digits, - and _")
    token = _text(value, "token" if provider == CLOUDFLARE else "authToken")
    secret = _text(value, "secret")
    if provider == COTURN and len(secret) < MIN_SECRET_CHARACTERS:
        raise BadIce(f"“secret” must have at least {MIN_SECRET_CHARACTERS} characters")
    static = value.get("iceServers", [])
    if not isinstance(static, list) or len(static) > MAX_SERVERS:
        raise BadIce(f"“iceServers” must be a list of at most {MAX_SERVERS} objects")
    return IceConfig(
        provider,
        [_server(each) for each in static],
        _urls(value.get("urls", [])),
        secret.encode(),
        ttl_s,
        account,
        token,
        is_open,
    )


def servers_for(config: IceConfig, connection_id: str, at: int) -> IceServers:
    """Return the ICE servers of a client that need no call: the static ones and coturn's."""
    if config.provider != COTURN:
        return IceServers(config.static)
    expires_at = at + config.ttl_s
    username, credential = credentials(config.secret, connection_id, expires_at)
    turn = {"urls": config.urls, "username": username, "credential": credential}
    return IceServers([*config.static, turn], expires_at)


def credentials(secret: bytes, connection_id: str, expires_at: int) -> tuple[str, str]:
    """Return user name and password, valid until ``expires_at`` (epoch seconds).

    The user name holds a hash of the connection id, so that coturn's log has no player's name.
    """
    id_ = hashlib.sha256(connection_id.encode()).hexdigest()[:16]
    username = f"{expires_at}:{id_}"
    digest = hmac.digest(secret, username.encode(), "sha1")
    return username, base64.b64encode(digest).decode()


def _text(value: dict[str, Any], member: str) -> str:
    text = value.get(member, "")
    if not isinstance(text, str):
        raise BadIce(f"“{member}” must be a string")
    return text


def _urls(value: object) -> list[str]:
    urls = [value] if isinstance(value, str) else value
    if not isinstance(urls, list) or len(urls) > MAX_SERVERS:
        raise BadIce("“urls” must be a URL or a list of URLs")
    for url in urls:
        if not isinstance(url, str) or not _URL.fullmatch(url):
            raise BadIce(
                f"{url!r} is no URL of an ICE server: write stun:HOST:PORT or "
                "turn:HOST:PORT?transport=udp"
            )
    return urls


def _server(value: object) -> dict[str, Any]:
    if not isinstance(value, dict) or not value.get("urls"):
        raise BadIce("each of “iceServers” must be an object with “urls”")
    server: dict[str, Any] = {"urls": _urls(value["urls"])}
    for member in ("username", "credential"):
        if member in value:
            server[member] = _text(value, member)
    is_turn = any(url.startswith("turn") for url in server["urls"])
    if is_turn and not (server.get("username") and server.get("credential")):
        raise BadIce("a TURN server of “iceServers” needs “username” and “credential”")
    return server
