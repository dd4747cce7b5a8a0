"""Probes of STUN and TURN servers: one binding, one real allocation."""

import asyncio
import secrets
import struct
from typing import NamedTuple
from urllib.parse import parse_qs

BINDING_REQUEST = 0x0001
BINDING_RESPONSE = 0x0101
MAGIC_COOKIE = 0x2112A442

PATIENCE_S = 5.0

_PORTS = {"stun": 3478, "turn": 3478, "stuns": 5349, "turns": 5349}


class IceProbe(NamedTuple):
    """The outcome for one URL."""

    ok: bool
    words: str


class _Address(NamedTuple):
    scheme: str
    host: str
    port: int
    transport: str


def _address_of(url: str) -> _Address:
    scheme, _, rest = url.partition(":")
    place, _, query = rest.partition("?")
    host, colon, port = place.rpartition(":")
    if not colon or not port.isdigit():
        host, port = place, str(_PORTS.get(scheme, 3478))
    default = "tcp" if scheme.endswith("s") else "udp"
    transport = parse_qs(query).get("transport", [default])[0]
    if not 0 < int(port) < 65_536:
        raise ValueError(f"{port} is no port")
    return _Address(scheme, host.strip("[]"), int(port), transport)


async def probe_stun(url: str) -> IceProbe:
    """Send a binding request over UDP."""
    try:
        address = _address_of(url)
    except ValueError as error:
        return IceProbe(False, f"is no URL of a STUN server: {error}")
    loop = asyncio.get_running_loop()
    transaction = secrets.token_bytes(12)
    request = struct.pack("!HHI", BINDING_REQUEST, 0, MAGIC_COOKIE) + transaction
    answered: asyncio.Future[bytes] = loop.create_future()

    class Protocol(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: object) -> None:
            if data[8:20] == transaction and not answered.done():
                answered.set_result(data)

        def error_received(self, exc: Exception) -> None:
            if not answered.done():
                answered.set_exception(exc)

    try:
        async with asyncio.timeout(PATIENCE_S):
            transport, _ = await loop.create_datagram_endpoint(
                Protocol, remote_addr=(address.host, address.port)
            )
            try:
                while True:
                    transport.sendto(request)
                    # Datagrams are lost.
                    try:
                        data = await asyncio.wait_for(asyncio.shield(answered), 1)
                        break
                    except TimeoutError:
                        continue
            finally:
                transport.close()
    except TimeoutError:
        return IceProbe(False, f"did not answer within {PATIENCE_S:g} s")
    except (OSError, UnicodeError) as error:
        return IceProbe(False, f"could not be reached: {error}")
    (kind,) = struct.unpack("!H", data[:2])
    if kind != BINDING_RESPONSE:
        return IceProbe(False, f"answered with the type 0x{kind:04x}")
    return IceProbe(True, "answered a binding request")


async def probe_turn(url: str, username: str, credential: str) -> IceProbe:
    """Make an allocation, and end it.

    Raises:
        ImportError: aioice, of the extra ``rtc``, is not installed.
    """
    from aioice.stun import TransactionError, TransactionFailed
    from aioice.turn import create_turn_endpoint

    try:
        address = _address_of(url)
    except ValueError as error:
        return IceProbe(False, f"is no URL of a TURN server: {error}")
    try:
        async with asyncio.timeout(PATIENCE_S):
            transport, _ = await create_turn_endpoint(
                asyncio.DatagramProtocol,
                server_addr=(address.host, address.port),
                username=username,
                password=credential,
                ssl=address.scheme == "turns",
                transport=address.transport,
            )
            transport.close()
    except TransactionFailed as error:
        code, reason = error.response.attributes.get("ERROR-CODE", (0, "no reason"))
        return IceProbe(False, f"refused an allocation: {code} {reason}")
    except (TimeoutError, TransactionError):
        return IceProbe(False, f"did not answer within {PATIENCE_S:g} s")
    except (OSError, UnicodeError) as error:
        return IceProbe(False, f"could not be reached: {error}")
    return IceProbe(True, "gave a relay address")
