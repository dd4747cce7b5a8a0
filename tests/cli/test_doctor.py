"""``poker-signal doctor``: broken environments, each named with what mends it."""

import contextlib
import datetime
import http.server
import json
import re
import shlex
import socket
import ssl
import sys
import threading
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
from click.testing import CliRunner
from websockets.asyncio.server import ServerConnection, serve

from poker_signal.cli.doctor import machine, pair
from poker_signal.cli.doctor.checked import Examined, Health
from poker_signal.cli.doctor.server import scheme
from poker_signal.cli.lan import NoLan, lan_address
from poker_signal.cli.main import main
from poker_signal.cli.turn import turn_server
from tests.clients.turn import demand_turn
from tests.support.process import EMULATE, emulate, serving

pytestmark = pytest.mark.process

PAGE = "https://poker.example.com"
KEYS = {"2026-11": "0123456789abcdef" * 4}


def doctor(*arguments: str, **environment: str) -> tuple[int, str]:
    """Return exit code and output."""
    done = CliRunner().invoke(main, ["doctor", *arguments], env=environment)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def lines(text: str) -> list[str]:
    """Return the mark and the name of each check."""
    return re.findall(r"^([✓!✗] [^:\s]+)", text, re.M)


def then(text: str, name: str) -> str:
    """Return the command of a check."""
    found = re.search(rf"^[✓!✗] {re.escape(name)}: .*\n    → (.*)", text, re.M)
    assert found is not None, text
    return found[1]


@contextmanager
def served_in_thread(server: Any) -> Generator[int, None, None]:
    """Serve until the end of the block; yield the port."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def coturn_file(tmp_path: Path) -> Generator[tuple[Path, dict[str, object]], None, None]:
    """Start coturn; yield a file for --ice, and its content."""
    demand_turn()
    with turn_server() as (_, ice):
        content: dict[str, object] = {
            "provider": "coturn",
            "urls": ice.urls,
            "iceServers": ice.static,
            "secret": ice.secret.decode(),
            "open": True,
        }
        path = tmp_path / "ice.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        yield path, content


def test_all_is_well(coturn_file: tuple[Path, dict[str, object]]) -> None:
    """A binding and real allocations over UDP and TCP are made; the exit code is 0."""
    path, _ = coturn_file
    with serving(*EMULATE, "--port", "0", "--ice", str(path)) as served:
        code, said = doctor(served.url)
    assert code == 0, said
    assert said.count("gave a relay address") == 2
    assert said.count("answered a binding request") == 1
    assert "✓ relay: a join reached the host" in said


def test_another_secret_is_named(coturn_file: tuple[Path, dict[str, object]]) -> None:
    """A TURN server with another secret refuses the allocation with 401."""
    path, content = coturn_file
    path.write_text(json.dumps({**content, "secret": "not-the-secret-of-coturn"}))
    with serving(*EMULATE, "--port", "0", "--ice", str(path)) as served:
        code, said = doctor(served.url)
    assert code == 1
    assert "refused an allocation: 401" in said
    assert "→ compare secret, clock, port and firewall" in said


def test_stun_and_turn_servers_that_are_not_there_are_named(tmp_path: Path) -> None:
    """Both are tried, each with its own line."""
    path = tmp_path / "ice.json"
    stun = {"urls": "stun:127.0.0.1:1"}
    turn = {"urls": "turn:127.0.0.1:1?transport=tcp", "username": "u", "credential": "c"}
    path.write_text(json.dumps({"iceServers": [stun, turn], "open": True}))
    with serving(*EMULATE, "--port", "0", "--ice", str(path)) as served:
        code, said = doctor(served.url)
    assert code == 1
    assert said.count("could not be reached") == 2, said


def test_without_aiortc_no_allocation_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is a warning with the command that installs it, and the exit code stays 0."""
    for name in ("aioice", "aioice.stun", "aioice.turn"):
        monkeypatch.setitem(sys.modules, name, None)
    path = tmp_path / "ice.json"
    turn = {"urls": "turn:127.0.0.1:1", "username": "u", "credential": "c"}
    path.write_text(json.dumps({"iceServers": [turn], "open": True}))
    with serving(*EMULATE, "--port", "0", "--ice", str(path)) as served:
        code, said = doctor(served.url)
    assert code == 0, said
    assert "-m pip install aiortc" in then(said, "turn:127.0.0.1:1")


@pytest.mark.parametrize(
    ("servers", "found"),
    [
        (None, []),
        ("stun:a", []),
        ([1, None, "stun:a", {}], [("None", "", "")]),
        ([{"urls": ["stun:a", 7]}], [("stun:a", "", ""), ("7", "", "")]),
        ([{"urls": {}, "username": []}], [("{}", "[]", "")]),
    ],
)
def test_malformed_ice_servers_are_urls_that_do_not_work(servers: Any, found: Any) -> None:
    """A server's answer may have any shape."""
    assert pair._urls(servers) == found


@pytest.mark.parametrize(
    "url", ["None", "7", "stun:127.0.0.1:99999", "turn:127.0.0.1:²", f"turn:{'a' * 70}.invalid"]
)
async def test_a_url_that_is_none_is_named(url: str) -> None:
    """No URL that a server sends ends the command."""
    done = await pair._probed(url, "u", "c")
    assert done.health is Health.WRONG
    assert re.search("is no URL|could not be reached|did not answer", done.words)


async def test_many_ice_servers_are_tried_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each may take seconds, and a server can send any number."""
    monkeypatch.setattr(pair, "MAX_PROBES", 2)
    found = [each async for each in pair._ice([{"urls": ["stun:127.0.0.1:99999"] * 5}])]
    assert len(found) == 3
    assert "5 URLs, of which 2 were tried" in found[-1].words


@contextlib.asynccontextmanager
async def hub(welcome: object) -> AsyncGenerator[str, None]:
    """Relay messages by name as a server does, and answer ``hello`` with this text."""
    sockets: dict[str, ServerConnection] = {}

    async def relay(socket: ServerConnection) -> None:
        assert socket.request is not None
        (name,) = parse_qs(urlsplit(socket.request.path).query)["playerId"]
        sockets[name] = socket
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "hello":
                await socket.send(json.dumps(welcome))
            else:
                target = sockets[message.get("targetId", "HOST")]
                await target.send(json.dumps({**message, "senderId": name}))

    async with serve(relay, "127.0.0.1", 0) as server:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/prod"


@pytest.mark.parametrize(
    ("welcome", "last"),
    [
        ({"type": "error", "payload": {"code": "UNKNOWN_TYPE"}}, "it does not know hello"),
        ([], "it does not know hello"),
        ({"type": "welcome"}, "none: players connect within one network only"),
        ({"type": "welcome", "payload": {"features": 7, "iceServers": {}}}, "none: players"),
        (
            {"type": "welcome", "payload": {"iceServers": [{"urls": ["stun:127.0.0.1:99999"]}]}},
            "is no URL of a STUN server",
        ),
    ],
)
async def test_a_welcome_may_have_any_shape(welcome: object, last: str) -> None:
    """An older server, and one that is not ours, end no command."""
    async with hub(welcome) as url:
        found = [each async for each in pair.signaling(Examined(url, None, 5))]
    assert [each.name for each in found[:3]] == ["relay", "handshake", "welcome"]
    assert last in found[-1].words


async def test_a_slow_handshake_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar is full, and the exit code stays 0."""
    monkeypatch.setattr(pair, "BUDGET_S", 1e-9)
    async with hub({"type": "welcome"}) as url:
        found = [each async for each in pair.signaling(Examined(url, None, 5))]
    assert found[1].health is Health.WARNING
    assert f"[{'#' * pair.BAR}]: apps give up before it ends" in found[1].words


def test_without_ice_servers_that_is_said(url: str) -> None:
    """A server without ICE servers is well, and the limit is named."""
    code, said = doctor(url)
    assert code == 0, said
    assert "none: players connect within one network only" in said


def test_a_server_that_is_not_there_is_named() -> None:
    """Nothing else is checked, and the command to start one is named."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        code, said = doctor(f"ws://127.0.0.1:{port}/prod")
    assert code == 1
    assert lines(said) == ["✓ versions", "✗ server"]
    assert then(said, "server") == f"poker-signal emulate --port {port}"


def test_without_a_url_the_port_of_the_emulator_is_examined(url: str) -> None:
    """The port is that of the environment, as for ``emulate``."""
    code, said = doctor(POKER_SIGNAL_PORT=str(urlsplit(url).port))
    assert code == 0, said
    assert "✓ port: a program listens on port" in said


def test_a_free_port_is_named() -> None:
    """No emulator runs."""
    with socket.socket() as unused:
        # Others may bind the port too, as long as none listens.
        unused.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        code, said = doctor(POKER_SIGNAL_PORT=str(port))
    assert code == 1
    assert f"✓ port: port {port} is free: no emulator runs on it" in said
    assert then(said, "server") == f"poker-signal emulate --port {port}"


def test_any_port_needs_a_url() -> None:
    """Port 0 is known to the emulator only."""
    code, said = doctor(POKER_SIGNAL_PORT="0")
    assert code == 2
    assert "name the URL that it prints" in said


class NoSuchPage(http.server.BaseHTTPRequestHandler):
    """A web server without a WebSocket API."""

    def do_GET(self) -> None:
        """Answer 404."""
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Keep stderr empty."""


@pytest.mark.parametrize(
    ("version", "says"),
    [("HTTP/1.0", "does not speak WebSocket"), ("HTTP/1.1", "but no WebSocket API at this path")],
)
def test_a_port_that_another_program_took_is_named(
    version: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command prints which one, on this platform."""
    monkeypatch.setattr(NoSuchPage, "protocol_version", version)
    with served_in_thread(http.server.HTTPServer(("127.0.0.1", 0), NoSuchPage)) as port:
        code, said = doctor(POKER_SIGNAL_PORT=str(port))
        assert code == 1
        assert f"✓ port: a program listens on port {port}" in said
        assert says in said
        assert then(said, "server") == machine.listener(port)


@pytest.mark.parametrize(
    ("platform", "listener", "firewall", "clock"),
    [
        ("linux", "ss -ltnp 'sport = :80'", "80", "timedatectl"),
        ("darwin", "lsof -nP -iTCP:80", "socketfilterfw", "sntp"),
        ("win32", "netstat -ano | findstr :80", "localport=80", "w32tm"),
    ],
)
def test_commands_of_each_platform(
    platform: str, listener: str, firewall: str, clock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each platform has programs of its own."""
    monkeypatch.setattr(sys, "platform", platform)
    assert machine.listener(80).startswith(listener)
    assert firewall in machine.firewall(80)
    assert clock in machine.set_clock()


@pytest.mark.parametrize(
    ("path", "command"),
    [("", "poker-signal doctor URL/prod"), ("/dev", "copy the URL from the stdout")],
)
def test_a_stage_that_is_forgotten_or_wrong_is_named(url: str, path: str, command: str) -> None:
    """The URL without a stage gets one."""
    base = url.removesuffix("/prod")
    code, said = doctor(base + path)
    assert code == 1
    assert "✗ server: the handshake was refused with 403 Forbidden: is the stage missing" in said
    assert then(said, "server").startswith(command.replace("doctor URL", f"doctor {base}"))


def test_a_clock_that_is_off_by_a_minute_is_named(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence says in which direction."""
    real = time.time
    monkeypatch.setattr(machine, "time", SimpleNamespace(time=lambda: real() - 60))
    code, said = doctor(url)
    assert code == 1
    assert re.search(r"✗ clock: is (59|60|61) s behind the server's", said), said
    assert then(said, "clock") == machine.set_clock()


@pytest.mark.parametrize("date", [None, "", "yesterday", "Mon, 30 Nov 99999 25:61:61 GMT"])
def test_a_server_without_a_clock_is_not_compared(date: str | None) -> None:
    """A header Date may have any text."""
    assert machine.clock(date).words == "the server tells no time: not compared"


def test_a_page_that_may_not_connect_is_named(url: str) -> None:
    """Pages of this machine may, others not; each option has a line."""
    code, said = doctor(url, "--origin", PAGE, "--origin", "http://localhost:5173")
    assert code == 1
    assert f"✗ origin {PAGE}: the handshake was refused with 403" in said
    assert then(said, f"origin {PAGE}") == f"poker-signal emulate --allowed-origins {PAGE}"
    assert "✓ origin http://localhost:5173: its pages may connect" in said
    assert "✓ relay" in said


@pytest.mark.parametrize("origin", ["https://poker.example.com/", "*", "", "https://a,https://b"])
def test_an_origin_that_no_browser_sends_is_refused(origin: str) -> None:
    """A trailing slash would be refused by each server."""
    code, said = doctor("ws://127.0.0.1:1/prod", "--origin", origin)
    assert code == 2
    assert "--origin" in said


def test_tickets_that_are_wanted_are_named(tmp_path: Path) -> None:
    """Without keys the option is named, with them all is well, with others both causes."""
    keys, others = tmp_path / "keys.json", tmp_path / "others.json"
    keys.write_text(json.dumps(KEYS))
    others.write_text(json.dumps({kid: secret[::-1] for kid, secret in KEYS.items()}))
    with emulate("--port", "0", "--ticket-secret-file", str(keys)) as served:
        code, said = doctor(served.url)
        assert code == 1
        assert then(said, "server") == f"poker-signal doctor {served.url} --ticket-secret-file FILE"
        code, said = doctor(served.url, "--ticket-secret-file", str(keys))
        assert code == 0, said
        code, said = doctor(served.url, "--ticket-secret-file", str(others))
    assert code == 1
    assert "This ticket is not valid" in said
    assert then(said, "server").startswith("compare the file with the server's keys")


DAY = datetime.timedelta(days=1)


@pytest.mark.parametrize(
    ("name", "starts", "ends", "is_trusted", "says", "command"),
    [
        ("127.0.0.1", -1, 1, False, "is not trusted: ", "openssl s_client -connect 127.0.0.1"),
        ("127.0.0.1", -3, -2, True, "has expired: renew it", "openssl s_client"),
        ("127.0.0.1", 2, 3, True, "is not valid yet", machine.set_clock()),
        ("poker.example.com", -1, 1, True, "is for another name: ", "openssl s_client"),
    ],
    ids=["untrusted", "expired", "not yet valid", "other name"],
)
def test_a_certificate_that_clients_refuse_is_named(
    name: str,
    starts: int,
    ends: int,
    is_trusted: bool,
    says: str,
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each reason has its sentence, and nothing is asked of the server any more."""
    authority, now = trustme.CA(), datetime.datetime.now(datetime.UTC)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf = authority.issue_cert(name, not_before=now + starts * DAY, not_after=now + ends * DAY)
    leaf.configure_cert(context)
    if is_trusted:
        authority.cert_pem.write_to_path(tmp_path / "authority.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    server = http.server.HTTPServer(("127.0.0.1", 0), NoSuchPage)
    # A client that refuses the certificate is an error of the server's accept.
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with served_in_thread(server) as port:
        code, said = doctor(f"wss://127.0.0.1:{port}/prod")
    assert code == 1
    assert lines(said) == ["✓ versions", "✗ certificate"]
    assert f"✗ certificate: the certificate of 127.0.0.1:{port} {says}" in said
    assert then(said, "certificate").startswith(command)


def test_the_certificate_of_the_emulator_is_trusted_as_the_command_says(tmp_path: Path) -> None:
    """With the command that doctor prints, all is well; plain ws:// is named."""
    cache = {"XDG_CACHE_HOME": str(tmp_path)}
    with emulate("--port", "0", "--tls", **cache) as served:
        code, said = doctor(served.url, **cache)
        assert code == 1
        variable, *command = shlex.split(then(said, "certificate"))
        assert command == ["poker-signal", "doctor", served.url]
        name, _, path = variable.partition("=")
        code, said = doctor(served.url, **{name: path})
        assert code == 0, said
        assert re.search(r"✓ certificate: trusted, for 127.0.0.1, for 39\d more days", said)
        code, said = doctor(served.url.replace("wss:", "ws:"))
    assert code == 1
    assert "wss:// rather than ws://?" in said


@pytest.mark.parametrize(
    ("url", "health"),
    [
        ("wss://poker.example.com/prod", None),
        ("ws://127.0.0.1:3001/prod", None),
        ("ws://localhost:3001/prod", None),
        ("ws://192.168.1.7:3001/prod", Health.WARNING),
        ("ws://laptop.local:3001/prod", Health.WARNING),
        ("ws://poker.example.com/prod", Health.WRONG),
    ],
)
def test_a_scheme_that_release_builds_refuse_is_named(url: str, health: Health | None) -> None:
    """In a network it is a warning, because debug builds and plain pages may use it."""
    found = scheme(Examined(url, None, 1))
    assert (found and found.health) == health
    if found is not None:
        assert "is refused by pages of https:// sites and by release builds" in found.words
        assert "wss://" in found.then


@pytest.fixture
def address() -> str:
    """Address of this machine in its network."""
    try:
        return lan_address()
    except NoLan as error:
        pytest.skip(str(error))


def test_the_address_in_the_network_is_tried(url: str, address: str) -> None:
    """An emulator of this machine only does not listen there; with --host it does."""
    code, said = doctor(url)
    assert code == 0, said
    assert "✓ lan: nothing listens at " in said
    assert then(said, "lan") == "poker-signal emulate --lan"
    with emulate("--port", "0", "--host", address) as served:
        code, said = doctor(served.url)
    assert code == 0, said
    assert lines(said)[1] == "! scheme"
    assert f"✓ lan: {address}:{urlsplit(served.url).port} answers" in said


@pytest.mark.skipif(sys.platform != "linux", reason="a full queue drops packets on Linux only")
def test_a_firewall_that_drops_packets_is_named(url: str, address: str) -> None:
    """A socket with a full queue drops packets as a firewall does."""
    port = urlsplit(url).port
    assert port is not None
    place = (address, port)
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(place)
        full.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(place)
        code, said = doctor(url, "--timeout", "1")
    assert code == 1
    assert "✗ lan: " in said
    assert "does not answer this machine: a firewall drops the packets" in said
    assert then(said, "lan") == machine.firewall(port)


def test_a_script_gets_one_document(url: str) -> None:
    """Each check has the same members, in the order of the lines."""
    code, said = doctor(url, "--json", "--origin", PAGE)
    document = json.loads(said)
    assert code == 1
    assert document["url"] == url
    assert document["ok"] is False
    assert all(each.keys() == {"name", "health", "words", "then"} for each in document["checks"])
    wrong = [each["name"] for each in document["checks"] if each["health"] == "wrong"]
    assert wrong == [f"origin {PAGE}"]
