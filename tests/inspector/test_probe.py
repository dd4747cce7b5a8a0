"""The probe: a page does not notice it, and the emulator learns what its WebRTC does."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from playwright.async_api import Browser, Page

from poker_signal.emulator.inspector import probe as probe_module
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.emulator.inspector.requests import ask
from tests.inspector.probing import (
    both,
    opened,
    page_in,
    page_with,
    reported,
    reports,
    served,
    sit,
)
from tests.support import tiers

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

_OFFER = """
async () => {
  const pc = new RTCPeerConnection();
  pc.createDataChannel("x");
  const { sdp } = await pc.createOffer();
  pc.close();
  return sdp;
}
"""


@pytest.mark.parametrize("script", ["looks()", "failures(sdp)", "callbacks(sdp)", "rejections()"])
async def test_a_page_sees_the_same(browser: Browser, emulator: Emulator, script: str) -> None:
    """Classes, errors, callbacks and unhandled rejections are the browser's own."""

    async def look(page: Page) -> object:
        sdp = await page.evaluate(_OFFER)
        found = await page.evaluate(f"(sdp) => {script}", sdp)
        if await page.evaluate("Symbol.for('poker-signal.probe') in globalThis"):
            await reported(emulator, lambda entry: entry["event"] == "call")
        return found

    without, with_ = await both(browser, emulator, look)
    assert len(without) > 5
    assert with_ == without
    assert reports(emulator), "the second page has had the probe"


@pytest.mark.timeout(60 + tiers.PROBED_HANDSHAKES)
async def test_a_page_sees_the_same_in_its_handshakes(browser: Browser) -> None:
    """Two pages: the same order of calls and events in each handshake, and no leak."""
    seen = {}
    for probe in (False, True):
        async with Emulator(Settings(port=0, message_rate=0)) as emulator:
            seen[probe] = await handshakes(browser, emulator, tiers.PROBED_HANDSHAKES, probe)
    for side, role in enumerate(("HOST", "Alice")):
        without, with_ = seen[False][side], seen[True][side]
        print(f"{role}: {without.told} without the probe, {with_.told} with it")
        assert with_.orders == without.orders
        assert with_.events == without.events
        # The last connections may still be on the stack of a promise.
        assert with_.alive <= without.alive + 2


class Seen(NamedTuple):
    """Observations of one page in many handshakes."""

    orders: set[str]
    """Orders of calls and signaling states."""
    events: set[str]
    """Successive events of each type."""
    alive: int
    """Connections that exist after the garbage collection."""
    told: str


async def handshakes(browser: Browser, emulator: Emulator, count: int, probe: bool) -> list[Seen]:
    """Do handshakes in two pages; return the observations of both."""
    head = page_with(f"{emulator.inspector_url}probe.js" if probe else None)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(head))
        pages = [await stack.enter_async_context(opened(browser, url)) for _ in "12"]
        names = ("HOST", "Alice")
        for page, name in zip(pages, names, strict=True):
            await page.evaluate(
                "(seat) => { globalThis.seat = new Handshakes(...seat); return seat.isOpen; }",
                [emulator.url, "GAME01", name],
            )
        warm = min(count, 10)
        await asyncio.gather(*(page.evaluate("(count) => seat.run(count)", warm) for page in pages))
        before = [await heap(page) for page in pages]
        runs = await asyncio.gather(
            *(page.evaluate("(count) => seat.run(count)", count) for page in pages)
        )
        found = []
        for page, run, was in zip(pages, runs, before, strict=True):
            await page.evaluate("seat.logs = []")
            grown = (await heap(page) - was) / count
            alive = await page.evaluate("seat.alive")
            told = f"{run['ms']:.2f} ms and {grown:.0f} B of heap per handshake, {alive} alive"
            orders = {"\n".join(log["order"]) for log in run["logs"]}
            # Pairs, because a handshake may end before the last of these events.
            events = {
                f"{type_}: {first} → {second}"
                for log in run["logs"]
                for type_, each in log["events"].items()
                for first, second in pairwise(["", *each])
            }
            found.append(Seen(orders, events, alive, told))
        return found


async def heap(page: Page) -> int:
    """Return the bytes in use after two garbage collections."""
    session = await page.context.new_cdp_session(page)
    for _ in range(2):
        await session.send("HeapProfiler.collectGarbage")
        await page.evaluate("new Promise((resolve) => { setTimeout(resolve); })")
    used = await session.send("Runtime.getHeapUsage")
    await session.detach()
    return int(used["usedSize"])


def head_of(form: str, emulator: Emulator, source: str) -> tuple[str | None, str]:
    """Return the probe's URL of a page, and more of its head, for a form of loading."""
    probe = f"{emulator.inspector_url}probe.js"
    match form:
        case "script":
            return probe, ""
        case "script of another name":
            return probe.replace("127.0.0.1", "localhost"), ""
        case "with crossorigin, where inline scripts are forbidden":
            policy = f"script-src {emulator.inspector_url.removesuffix('/_inspect/')} 'unsafe-eval'"
            meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
            return None, f'{meta}<script crossorigin src="{probe}"></script>'
        case "with a nonce":
            policy = "script-src 'nonce-n0nce' 'unsafe-eval'"
            meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
            return None, f'{meta}<script nonce="n0nce" src="{probe}"></script>'
        case "import":
            return None, f'<script type="module">import "{probe}";</script>'
        case "install":
            # As a bundler has it: the saved module, with the URL that the emulator prints.
            code = source.replace("export { install };", f'install("{emulator.url}");')
            return None, f'<script type="module">{code}</script>'
        case _:
            # Loaded by each means, once more than once.
            return probe, f'<script src="{probe}"></script><script>"twice"</script>'


FORMS = (
    "script",
    "script of another name",
    "with crossorigin, where inline scripts are forbidden",
    "with a nonce",
    "import",
    "install",
    "twice",
)


@pytest.mark.parametrize("form", FORMS)
async def test_a_handshake_is_reported(browser: Browser, emulator: Emulator, form: str) -> None:
    """Of pages of another port, each event arrives once, with names and connection."""
    source = (await ask(emulator, "GET", "/probe.mjs")).body.decode()
    probe, head = head_of(form, emulator, source)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(page_with(probe, head)))
        host, zoe = [await stack.enter_async_context(opened(browser, url)) for _ in "12"]
        await handshake(emulator, host, zoe)
        await check_handshake(emulator)
        assert await host.evaluate("problems") == []


async def handshake(emulator: Emulator, host: Page, player: Page) -> None:
    """Let a player join, until both data channels are open."""
    await sit(host, emulator.url, "HOST")
    await sit(player, emulator.url, "Zoë")
    assert await host.evaluate("isConnected")
    assert await player.evaluate("isConnected")


def told_as(*wanted: str | None) -> Callable[[dict[str, Any]], bool]:
    """Return a condition: an entry begins with this player, event, object and state."""

    def is_one(entry: dict[str, Any]) -> bool:
        what = entry.get("call") or entry.get("of") or entry.get("type")
        told = (entry["playerId"], entry["event"], what, entry.get("about") or entry.get("state"))
        return told[: len(wanted)] == wanted

    return is_one


async def check_handshake(emulator: Emulator) -> None:
    """Wait until both sides' events of a handshake are reported, each once, with their names."""
    for name, local, remote, channel in (
        ("HOST", "offer", "answer", "created"),
        ("Zoë", "answer", "offer", "received"),
    ):
        for event in (
            ("created", None, None),
            ("call", "setLocalDescription", local),
            ("call", "setRemoteDescription", remote),
            ("state", "connectionState", "connected"),
            ("state", "iceGatheringState", "complete"),
            ("candidate", "end", None),
            ("channel", None, channel),
            ("channel", None, "open"),
            ("pair", None, None),
        ):
            assert len(await reported(emulator, told_as(name, *event))) == 1
        await reported(emulator, told_as(name, "call", "addIceCandidate"))
        found = [entry for entry in reports(emulator) if entry["playerId"] == name]
        assert {entry["gameId"] for entry in found} == {"GAME01"}
        assert len({entry["connectionId"] for entry in found}) == 1
        assert len({entry["pc"] for entry in found if entry["event"] != "socket"}) == 1
        assert not any("error" in entry for entry in found)
        assert all(0 <= entry.get("ms", 0) < 60_000 for entry in found)
    pairs = [entry for entry in reports(emulator) if entry["event"] == "pair"]
    assert {end["protocol"] for pair in pairs for end in (pair["local"], pair["remote"])} == {"udp"}
    ufrags = {(entry["ufrag"], entry["remoteUfrag"]) for entry in pairs}
    assert {(remote, local) for local, remote in ufrags} == ufrags


async def test_a_page_of_a_file_is_reported(browser: Browser, tmp_path: Path) -> None:
    """A page that was opened as file:// has the origin null, which must be allowed."""
    file = tmp_path / "app.html"
    async with Emulator(Settings(port=0, allowed_origins="null")) as emulator:
        file.write_text(page_with(f"{emulator.inspector_url}probe.js"))
        async with opened(browser, file.as_uri()) as host, opened(browser, file.as_uri()) as zoe:
            await handshake(emulator, host, zoe)
            await check_handshake(emulator)


async def test_another_machine_reports_with_the_token_of_lan(browser: Browser) -> None:
    """A page on a phone loads the probe with --lan's token; without it, nothing is reported."""
    address = next((each for each in addresses() if not each.startswith("127.")), None)
    if address is None:
        pytest.skip("this machine has the loopback address only")
    settings = Settings(host="0.0.0.0", port=0, inspector_token="t0ken+/", shown_host="127.0.0.1")
    async with Emulator(settings) as emulator:
        home = f"http://{address}:{emulator.port}/_inspect/probe.js"
        url = emulator.url.replace("127.0.0.1", address)
        async with served(page_with(home), address) as page_url:
            async with opened(browser, page_url) as page:
                await sit(page, url, "Alice")
                assert not await page.evaluate("Symbol.for('poker-signal.probe') in globalThis")
        async with served(page_with(f"{home}?token=t0ken%2B%2F"), address) as page_url:
            async with opened(browser, page_url) as page:
                await sit(page, url, "Alice")
                (entry,) = await reported(emulator, lambda entry: entry["event"] == "socket")
                assert entry["playerId"] == "Alice"


def addresses() -> list[str]:
    """Return the IPv4 addresses of this machine."""
    return [
        each.address
        for of_interface in psutil.net_if_addrs().values()
        for each in of_interface
        if each.family == socket.AF_INET
    ]


_WRONG = """
async () => {
  const pc = new RTCPeerConnection({
    iceTransportPolicy: "relay",
    iceServers: [
      { urls: ["turn:127.0.0.1:1", "stun:127.0.0.1:1"], username: "u", credential: "SECRET" },
    ],
  });
  pc.createDataChannel("table", { negotiated: true, id: 1 });
  await pc.setLocalDescription();
  const answer = { type: "answer", sdp: pc.localDescription.sdp };
  await Promise.allSettled([
    pc.setRemoteDescription(answer.sdp),
    pc.setRemoteDescription(answer),
    pc.addIceCandidate("candidate:1 1 udp 1 192.0.2.1 9 typ host"),
    pc.addIceCandidate({ candidate: { candidate: "x" } }),
  ]);
  try { new RTCPeerConnection({ iceServers: [{ urls: "http://x" }] }); } catch {}
  const other = new RTCPeerConnection();
  other.close();
  setTimeout(() => other.createDataChannel("late"));
  Promise.reject(new RangeError("mine"));
}
"""


async def test_what_goes_wrong_is_reported(browser: Browser, emulator: Emulator) -> None:
    """Errors of calls with their argument, errors of the page, servers without their names."""
    async with served(page_with(f"{emulator.inspector_url}probe.js")) as url:
        async with opened(browser, url) as page:
            await sit(page, emulator.url, "HOST")
            await page.evaluate(_WRONG)
            await reported(emulator, lambda entry: entry["event"] == "error", 2)
            await reported(emulator, lambda entry: entry["event"] == "icecandidateerror")
    found = reports(emulator)
    assert "SECRET" not in json.dumps(found)
    created = next(entry for entry in found if entry["event"] == "created")
    assert (created["policy"], created["servers"]) == ("relay", ["turn", "stun"])
    channel = next(entry for entry in found if entry["event"] == "channel")
    assert (channel["label"], channel["state"], channel["negotiated"]) == ("table", "created", True)
    failed = [
        (entry["call"], entry.get("given"), entry["error"]["name"], "pc" in entry)
        for entry in found
        if entry["event"] == "call" and "error" in entry
    ]
    assert sorted(failed, key=str) == [
        ("addIceCandidate", "object whose candidate is an object", "TypeError", True),
        ("addIceCandidate", "string", "TypeError", True),
        ("createDataChannel", None, "InvalidStateError", True),
        ("new", None, "SyntaxError", False),
        ("setRemoteDescription", "string", "TypeError", True),
        ("setRemoteDescription", None, "InvalidAccessError", True),
    ]
    errors = {(entry["of"], entry["name"]) for entry in found if entry["event"] == "error"}
    assert errors == {("error", "InvalidStateError"), ("rejection", "RangeError")}
    servers = {entry["url"].split("?")[0] for entry in found if entry.get("code") == 701}
    assert servers <= {"turn:127.0.0.1:1", "stun:127.0.0.1:1"}


@pytest.mark.timeout(120)
async def test_a_lost_connection_is_reported_with_its_checks(
    browser: Browser, emulator: Emulator
) -> None:
    """When ICE has lost the other side, the counts of its checks are reported."""
    async with served(page_with(f"{emulator.inspector_url}probe.js")) as url:
        async with opened(browser, url) as host:
            async with opened(browser, url) as zoe:
                await handshake(emulator, host, zoe)
                # The page that goes has one post for its last events. A reload within evaluate
                # may destroy its answer, for which it then waits without end.
                last = "void (globalThis.last = new RTCPeerConnection())"
                await zoe.evaluate(f"addEventListener('beforeunload', () => {last})")
                await zoe.reload()
            checks, *_ = await reported(emulator, lambda entry: entry["event"] == "checks")
    assert (checks["playerId"], checks["pairs"] > 0) == ("HOST", True)
    assert checks["requestsSent"] >= checks["responsesReceived"] > 0
    made = [entry for entry in reports(emulator) if entry["event"] == "created"]
    assert sorted(entry["pc"] for entry in made if entry["playerId"] == "Zoë") == ["2.1", "2.2"]


async def test_more_events_than_fit_are_counted(browser: Browser, emulator: Emulator) -> None:
    """Before the first socket opens, a page keeps its newest 500 events."""
    async with served(page_with(f"{emulator.inspector_url}probe.js")) as url:
        async with opened(browser, url) as page:
            one = "dispatchEvent(new ErrorEvent('error', { message: `${i}` }))"
            await page.evaluate(f"for (let i = 0; i < 600; i += 1) {one}")
            await sit(page, emulator.url, "HOST")
            await reported(emulator, lambda entry: entry["event"] == "socket")
    told = reports(emulator)
    assert [entry["count"] for entry in told if entry["event"] == "lost"] == [101]
    assert next(entry["message"] for entry in told if entry["event"] == "error") == "101"


async def test_a_page_whose_signaling_is_elsewhere_reports_nothing(
    browser: Browser, emulator: Emulator
) -> None:
    """Events are for the emulator whose probe it is: a page on another server sends none."""
    async with Emulator(Settings(port=0)) as production:
        async with served(page_with(f"{emulator.inspector_url}probe.js")) as url:
            async with opened(browser, url) as page:
                posts = []
                page.on("request", lambda asked: posts.append(asked.method))
                await sit(page, production.url, "HOST")
                await page.evaluate("globalThis.peer = new RTCPeerConnection()")
                await page.reload()
                assert "POST" not in posts
    assert reports(emulator) == []


async def test_a_page_does_not_notice_that_the_emulator_is_gone(browser: Browser) -> None:
    """After two posts in vain the probe is silent, until a socket to the emulator opens again."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(Emulator(Settings(port=0)))
        port = first.port
        url = await stack.enter_async_context(served(page_with(f"{first.inspector_url}probe.js")))
        page = await stack.enter_async_context(opened(browser, url))
        uncaught: list[str] = []
        failed: asyncio.Queue[str] = asyncio.Queue()
        page.on("pageerror", lambda error: uncaught.append(str(error)))
        page.on(
            "requestfailed",
            lambda asked: failed.put_nowait(asked.url) if "after" not in asked.url else None,
        )
        await sit(page, first.url, "HOST")
        await reported(first, lambda entry: entry["event"] == "socket")
        await first.__aexit__(None, None, None)
        # One event: two might be sent in two posts.
        one = "void (globalThis.made ??= []).push(new RTCPeerConnection())"
        for _ in range(2):
            await page.evaluate(one)
            assert (await failed.get()).endswith("/_inspect/api/probe")
        # The page learns of a failure a little later than this test: a request after it tells.
        await page.evaluate("url => fetch(url).catch(() => null)", f"http://127.0.0.1:{port}/after")
        await page.evaluate(one)
        async with Emulator(Settings(port=port)) as second:
            await sit(page, second.url, "HOST")
            await reported(
                second, lambda entry: entry["event"] == "socket" and entry["state"] == "open"
            )
            told = reports(second)
            # The last one happened when nothing was sent any more.
            assert [entry["event"] for entry in told].count("created") == 1
            assert any(entry["event"] == "lost" for entry in told)
        assert failed.empty()
        assert uncaught == []


async def test_where_inline_scripts_are_forbidden_nothing_is_installed(
    browser: Browser, emulator: Emulator
) -> None:
    """Then the page's errors would be hidden: the probe says so and leaves the page alone."""
    policy = f"script-src {emulator.inspector_url.removesuffix('/_inspect/')} 'unsafe-eval'"
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    async with served(page_with(f"{emulator.inspector_url}probe.js", meta)) as url:
        async with await browser.new_context() as context:
            page = await context.new_page()
            async with page.expect_console_message(lambda said: "crossorigin" in said.text):
                await page.goto(url)
            assert await page.evaluate("String(RTCPeerConnection).includes('RTCPeerConnection')")


async def test_an_isolated_page_is_reported(browser: Browser, emulator: Emulator) -> None:
    """Cross-Origin-Embedder-Policy admits the script and the posts."""
    isolated = (
        "Cross-Origin-Embedder-Policy: require-corp\r\nCross-Origin-Opener-Policy: same-origin\r\n"
    )
    async with served(page_with(f"{emulator.inspector_url}probe.js"), headers=isolated) as url:
        async with opened(browser, url) as page:
            assert await page.evaluate("crossOriginIsolated")
            await sit(page, emulator.url, "HOST")
            assert await reported(emulator, lambda entry: entry["event"] == "socket")


async def test_a_page_of_another_site_cannot_report(browser: Browser) -> None:
    """A browser fails the posts of such a page, and the probe stops after two."""
    settings = Settings(port=0, allowed_origins="https://poker.example")
    async with Emulator(settings) as emulator, await browser.new_context() as context:
        # Of a site in the internet, Chromium asks the user; this page was allowed to.
        await context.grant_permissions(["local-network-access"])
        site = "https://poker.example/"
        await context.route(site, lambda route: route.fulfill(body=page_with(None)))
        page = await page_in(context, site)
        failed: asyncio.Queue[str] = asyncio.Queue()
        page.on("requestfailed", lambda asked: failed.put_nowait(asked.url))
        await page.add_script_tag(url=f"{emulator.inspector_url}probe.js")
        await sit(page, emulator.url, "HOST")
        for _ in range(2):
            await page.evaluate("new RTCPeerConnection().close()")
            assert (await failed.get()).endswith("/_inspect/api/probe")
        await page.evaluate("new RTCPeerConnection().close()")
        await page.reload()
        assert failed.empty()
        assert reports(emulator) == []


async def test_test_players_are_reported(
    browser: Browser, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several players in a page, the ufrag in their messages shows whose a connection is."""
    # A busy machine may need longer for a handshake than events wait.
    monkeypatch.setattr(probe_module, "HOLD_S", 60)
    async with opened(browser, f"{emulator.inspector_url}play") as page:
        await page.get_by_label("Game").fill("GAME01")
        await page.get_by_role("button", name="Host and 3 players").click()
        pairs = await reported(emulator, lambda entry: entry["event"] == "pair", 6)
    owners = Counter(entry["playerId"] for entry in pairs)
    assert owners == {"HOST": 3, "Anna": 1, "Ben": 1, "Chloé": 1}
    names = {entry["pc"]: entry["playerId"] for entry in pairs}
    found = [entry for entry in reports(emulator) if "pc" in entry]
    assert all(entry["playerId"] == names[entry["pc"]] for entry in found)


async def test_a_class_of_a_module_is_reported(browser: Browser, emulator: Emulator) -> None:
    """Of a library's class, as React Native has, only methods are wrapped; the class stays."""
    source = (await ask(emulator, "GET", "/probe.mjs")).body.decode()
    code = source.replace(
        "export { install };",
        f"""
        globalThis.Peer = RTCPeerConnection;
        install("{emulator.url}", {{ RTCPeerConnection }});
        globalThis.isSame = Peer === RTCPeerConnection && Peer.prototype.constructor === Peer;
        """,
    )
    head = f'<script type="module">{code}</script>'
    async with served(page_with(None, head)) as url, opened(browser, url) as page:
        await sit(page, emulator.url, "HOST")
        await page.evaluate("new Peer().createOffer()")
        (call,) = await reported(emulator, lambda entry: entry["event"] == "call")
        assert [entry["pc"] for entry in reports(emulator) if entry["event"] == "created"] == [
            "1.1"
        ]
        assert (call["call"], call["pc"]) == ("createOffer", "1.1")
        assert await page.evaluate("isSame && String(Peer).includes('RTCPeerConnection')")
