"""Rules about the owner of a name."""

import asyncio
import secrets
import time

from poker_signal.core.model import HOST
from poker_signal.emulator.client.check.scene import Failed, Scene, error, message

RETRY_S = 0.25
"""Seconds between two joins of a player while the server still takes its old connection as open."""

APP_JOINS_AFTER_S = 1
"""Seconds that the app in the field waits between connecting and its only join."""


async def duplicate_name(scene: Scene) -> None:
    """A second client with the name gets an error, and its join does not reach HOST."""
    host, alice = await scene.seat(HOST, "Alice")
    (second,) = await scene.seat("Alice")
    await scene.ask(second, message("join", None, '"second"'), error("DUPLICATE_NAME"))
    await alice.send_text(message("join", None, '"first"'))
    await scene.hear_relayed(host, "join", "Alice", '"first"')
    await scene.relay(host, alice, "offer")


async def name_is_free_again(scene: Scene) -> None:
    """A name is free once its player has left, also for a client that connected before that."""
    host, alice = await scene.seat(HOST, "Alice")
    (waiting,) = await scene.seat("Alice")
    await alice.close()
    await scene.pause()
    await scene.relay(waiting, host, "join")


async def ghost(scene: Scene) -> None:
    """A connection that ended without a close frame does not lock its player out."""
    host, alice = await scene.seat(HOST, "Alice")
    await scene.relay(alice, host, "join")
    alice.abort()
    start = time.perf_counter()
    (again,) = await scene.seat("Alice")
    scene.samples_ms.clear()
    heard: list[str] = []
    while time.perf_counter() - start < scene.server.timeout_s:
        await again.send_text(message("join", None, '"again"'))
        who, frame = await scene.hear_either((host, again), "HOST hears the player's next join")
        if who is host and '"again"' not in frame.text:
            # The watch over the first join has delivered it again.
            continue
        if who is host:
            scene.samples_ms.append((time.perf_counter() - start) * 1000)
            if scene.samples_ms[0] > (APP_JOINS_AFTER_S + scene.server.pause_s) * 1000:
                scene.note = (
                    f"after {len(heard)} refusals; the app joins once, 1 s after connecting"
                )
            return
        heard.append(frame.text)
        if frame.code != "DUPLICATE_NAME":
            break
        await asyncio.sleep(RETRY_S)
    waited_s = time.perf_counter() - start
    raise Failed(
        "HOST hears the join of a player whose former connection was cut",
        f"after {waited_s:.1f} s still {heard[-1]}",
    )


async def takeover(scene: Scene) -> None:
    """A client with the same name and session replaces the old connection, which is closed."""
    session = secrets.token_hex(16)
    (host,) = await scene.seat(HOST)
    (old,) = await scene.seat("Alice", session=session)
    (new,) = await scene.seat("Alice", session=session)
    await scene.closed(old, "the old socket is closed")
    await scene.relay(host, new, "offer")
    await scene.relay(new, host, "join")


async def no_takeover(scene: Scene) -> None:
    """A client with another session, or with none, does not replace a connection."""
    (host,) = await scene.seat(HOST)
    (alice,) = await scene.seat("Alice", session=secrets.token_hex(16))
    for session in (None, secrets.token_hex(16)):
        await scene.seat("Alice", session=session)
        await scene.relay(host, alice, "offer")


async def protected_host(scene: Scene) -> None:
    """A HOST with a session cannot be replaced by a client without that session."""
    (host,) = await scene.seat(HOST, session=secrets.token_hex(16))
    await scene.refuse(409, playerId=HOST)
    await scene.refuse(409, playerId=HOST, session=secrets.token_hex(16))
    (alice,) = await scene.seat("Alice")
    await alice.send_text(message("join", None, "1"))
    await scene.hear_relayed(host, "join", "Alice", "1")


async def host_restarts(scene: Scene) -> None:
    """A HOST that connects again with its session gets its game back."""
    session = secrets.token_hex(16)
    (old,) = await scene.seat(HOST, session=session)
    (new,) = await scene.seat(HOST, session=session)
    await scene.closed(old, "the old socket of HOST is closed")
    (alice,) = await scene.seat("Alice")
    await scene.relay(alice, new, "join")


async def newest_host(scene: Scene) -> None:
    """Without sessions the HOST that connected last gets the joins."""
    (old,) = await scene.seat(HOST)
    (new,) = await scene.seat(HOST)
    (alice,) = await scene.seat("Alice")
    await alice.send_text(message("join", None, "1"))
    who, frame = await scene.hear_either((old, new), "the newest HOST hears the join")
    if who is not new or frame.sender != "Alice":
        which = "the newest" if who is new else "an older"
        raise Failed("the newest HOST hears the join", f"{which} HOST hears {frame.text}")
