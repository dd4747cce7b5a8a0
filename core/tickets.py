"""Join tickets: signed permission for one player to join one game.

A ticket is a JSON Web Token (RFC 7519) in compact form, signed with HMAC and SHA-256 (``HS256``,
RFC 7515 and 7518). This module uses the standard library and implements only what a ticket needs.
All other features of the format are refused, so that none can be used for an attack.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any

from poker_signal.core.base_error import PokerSignalError
from poker_signal.core.errors import InvalidTicket, MissingTicket, UnknownTicketKey
from poker_signal.core.model import GameId, PlayerId
from poker_signal.core.strict_json import refuse_constant

Keys = Mapping[str, bytes]
"""Secrets by ``kid``. The first one is used to sign."""

MAX_LIFETIME_S = 3600
"""A ticket is part of a URL, which proxies log; without an end it would be a password."""

LEEWAY_S = 10
"""Allowed clock difference between the backend that signs and API Gateway."""

MAX_CHARACTERS = 4096
"""Maximum length of a ticket: that of a URL."""

MIN_SECRET_CHARACTERS = 32
"""The size of the hash in bytes (RFC 7518, section 3.2). Shorter secrets can be guessed offline."""

KEYS_RULE = (
    'a JSON object {"kid": "secret"} with one key or more; a kid has 1 to 64 letters, digits, '
    "'.', '_' or '-', a secret 32 to 512 visible ASCII characters (openssl rand -hex 32)"
)

# An HS256 signature always has 43 characters; other spellings are refused.
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})")
_KID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SECRET = re.compile(r"[\x21-\x7e]{32,512}")


class BadKeys(PokerSignalError):
    """Text that holds no ticket keys. The message says what is wrong and never quotes the text."""


def read_keys(text: str) -> Keys:
    """Parse configured keys: ``{"2026-11": "…"}``. The first key is used to sign.

    Raises:
        BadKeys: the text is not such an object, or a secret is too weak.
    """
    try:
        found = _load(text)
    except ValueError as error:
        raise BadKeys(f"not the JSON of ticket keys ({error}): {KEYS_RULE}") from None
    if not found:
        raise BadKeys(f"no ticket key: {KEYS_RULE}")
    for number, (kid, secret) in enumerate(found.items(), start=1):
        if not _KID.fullmatch(kid):
            raise BadKeys(f"the kid of ticket key {number} cannot be used: {KEYS_RULE}")
        if not isinstance(secret, str) or not _SECRET.fullmatch(secret):
            raise BadKeys(f"the secret of ticket key {number} is too weak or no text: {KEYS_RULE}")
    return {kid: secret.encode() for kid, secret in found.items()}


def sign(keys: Keys, kid: str, game: GameId, player: PlayerId, expires_at: int) -> str:
    """Return a signed ticket. ``expires_at`` is in epoch seconds.

    Raises:
        KeyError: ``keys`` has no such ``kid``.
    """
    header = {"alg": "HS256", "kid": kid, "typ": "JWT"}
    claims = {"exp": expires_at, "gameId": game, "playerId": player}
    signed = f"{_encode(_dump(header))}.{_encode(_dump(claims))}"
    return f"{signed}.{_signature(signed, keys[kid])}"


def verify(ticket: str | None, keys: Keys, game: GameId, player: PlayerId, at: int) -> None:
    """Check that a ticket admits a player to a game. ``at`` is in epoch seconds.

    Raises:
        MissingTicket: there is no ticket.
        UnknownTicketKey: its ``kid`` is not in ``keys``; the key may be new.
        InvalidTicket: it does not admit this player to this game now.
    """
    if not ticket:
        raise MissingTicket
    parts = _COMPACT.fullmatch(ticket) if len(ticket) <= MAX_CHARACTERS else None
    if parts is None:
        raise InvalidTicket("it is not a signed JSON Web Token")
    header, claims, signature = parts.groups()
    key = _key_of(_object_in(header), keys)
    # Before this check, only the header is parsed: an attacker may have written the rest.
    if not hmac.compare_digest(_signature(f"{header}.{claims}", key), signature):
        raise InvalidTicket("its signature is not ours")
    _check(_object_in(claims), game, player, at)


def _key_of(header: dict[str, Any], keys: Keys) -> bytes:
    if header.get("alg") != "HS256":
        raise InvalidTicket("its alg is not HS256")
    # Other header members (crit, b64, jwk, zip) ask for features that are not implemented here.
    if header.keys() - {"alg", "kid", "typ"} or header.get("typ", "JWT") != "JWT":
        raise InvalidTicket("its header has more than alg, kid and typ JWT")
    if "kid" not in header:
        if len(keys) > 1:
            raise InvalidTicket("it names no key, and there are several")
        (key,) = keys.values()
        return key
    kid = header["kid"]
    if not isinstance(kid, str):
        raise InvalidTicket("its kid is not text")
    if kid not in keys:
        raise UnknownTicketKey
    return keys[kid]


def _check(claims: dict[str, Any], game: GameId, player: PlayerId, at: int) -> None:
    if claims.get("gameId") != game:
        raise InvalidTicket("it is for another game")
    if claims.get("playerId") != player:
        raise InvalidTicket("it is for another player")
    if "aud" in claims:
        # A server not named there must refuse (RFC 7519, section 4.1.3), and we have no name.
        raise InvalidTicket("it is for another audience")
    expires_at = _time(claims, "exp")
    if expires_at is None:
        raise InvalidTicket("it has no exp")
    if at >= expires_at + LEEWAY_S:
        raise InvalidTicket("it has expired")
    if expires_at > at + MAX_LIFETIME_S + LEEWAY_S:
        raise InvalidTicket("its exp is more than an hour away")
    for name in ("nbf", "iat"):
        begins_at = _time(claims, name)
        if begins_at is not None and begins_at > at + LEEWAY_S:
            raise InvalidTicket(f"its {name} is in the future")


def _time(claims: dict[str, Any], name: str) -> int | float | None:
    """Return a NumericDate: epoch seconds, perhaps with a fraction. None: no such claim."""
    if name not in claims:
        return None
    value = claims[name]
    # In Python bool is a subclass of int; in JSON it is not a number.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidTicket(f"its {name} is not a number")
    return value


def _object_in(part: str) -> dict[str, Any]:
    try:
        content = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        # The last character may have unused bits, so that several spellings decode to one content.
        if _encode(content) != part:
            raise InvalidTicket("it is not spelt as base64url must be")
        return _load(content.decode())
    except ValueError:
        raise InvalidTicket("a part of it is not a JSON object") from None


def _load(text: str) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        ValueError: it is not an object, or it has a key twice. The message never quotes the text.
    """
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _dump(value: dict[str, Any]) -> bytes:
    # Not escaped to ASCII: a name of emoji would be too long for a URL.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _signature(signed: str, key: bytes) -> str:
    return _encode(hmac.digest(key, signed.encode(), hashlib.sha256))


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
