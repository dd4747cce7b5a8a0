"""Origins of pages that may connect, and host names by which @connections may be asked."""

import pytest

from poker_signal.emulator.aws.http import Headers, Request
from poker_signal.emulator.protocols.origins import Pages
from poker_signal.emulator.settings import Settings

LAN = Settings(host="0.0.0.0", shown_host="192.0.2.5")
"""As with --lan. The address is reserved for documentation: this machine does not have it."""
LISTED = Settings(allowed_origins="https://preview.example, null")


def requested(*headers: tuple[str, str], host: str | None = "127.0.0.1:3001") -> Request:
    """Return a request with a Host header and others."""
    own: Headers = [] if host is None else [("Host", host)]
    return Request("GET", "/prod", own + list(headers), "127.0.0.1")


def may_connect(settings: Settings, origin: str, host: str = "127.0.0.1:3001") -> bool:
    """Tell whether a page may connect."""
    return not Pages(settings).why_not_connect(requested(("Origin", origin), host=host))


def may_manage(settings: Settings, host: str | None) -> bool:
    """Tell whether a backend that calls the emulator by a name may use @connections."""
    return not Pages(settings).why_not_manage(requested(host=host))


HERE = (
    "http://localhost:5173",
    "https://localhost",
    "http://localhost.:8080",
    "http://table.localhost:1",
    "http://127.0.0.1:8000",
    "http://127.9.9.9",
    "http://[::1]:3000",
    "http://[::ffff:127.0.0.1]",
    "http://0.0.0.0:5173",
    "capacitor://localhost",
)


@pytest.mark.parametrize("origin", HERE)
def test_pages_of_this_machine_may_connect(origin: str) -> None:
    """On any port, with any scheme: what a development server or an app on a phone has."""
    assert may_connect(Settings(), origin)
    assert may_connect(LAN, origin)


FOREIGN = (
    "http://evil.example",
    "https://evil.example:3001",
    "http://localhost.evil.example",
    "http://evillocalhost",
    "http://127.0.0.1.evil.example",
    "http://localhost@evil.example",
    "http://evil.example/http://localhost",
    "http://evil.example#localhost",
    "http://192.0.2.66:5173",
    "http://[2001:db8::66]",
    "http://224.0.0.1",
    "http://[::1",
    "http://",
    "localhost",
    "null",
    "",
    "http://localhost:5173 http://evil.example",
    "\x1b[31m",
)


@pytest.mark.parametrize("origin", FOREIGN)
def test_pages_of_other_machines_may_not(origin: str) -> None:
    """Nor may pages of a file or in a sandbox: each page can make itself such a one."""
    assert not may_connect(Settings(), origin)
    assert not may_connect(LAN, origin)
    # By DNS rebinding, a page reaches the emulator by its own name.
    assert not may_connect(Settings(), origin, host="evil.example:3001")
    assert may_connect(Settings(allowed_origins="*"), origin)


def test_programs_may_connect() -> None:
    """They send no Origin."""
    assert not Pages(Settings()).why_not_connect(requested())


def test_each_of_several_origins_must_be_allowed() -> None:
    """No browser sends two; the first and the last are no way around the check."""
    local, foreign = ("Origin", "http://localhost"), ("origin", "http://evil.example")
    for headers in ((local, foreign), (foreign, local)):
        assert Pages(Settings()).why_not_connect(requested(*headers))
    assert not Pages(Settings()).why_not_connect(requested(local, local))


def test_listed_pages_may_connect_beside_those_of_this_machine() -> None:
    """The list adds pages, compared exactly."""
    assert may_connect(LISTED, "https://preview.example")
    assert may_connect(LISTED, "null")
    assert may_connect(LISTED, "http://localhost:5173")
    assert not may_connect(LISTED, "http://preview.example")
    assert not may_connect(LISTED, "https://preview.example:8443")


def test_a_phone_opens_a_page_by_the_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With --lan: by address, by the machine's name, and in Docker by an address outside it."""
    monkeypatch.setattr("socket.gethostname", lambda: "Annas-Mac.local")
    assert may_connect(LAN, "http://192.0.2.5:5173", host="192.0.2.5:3001")
    assert may_connect(LAN, "http://annas-mac.local:5173", host="192.0.2.5:3001")
    docker = Settings(host="0.0.0.0")
    assert may_connect(docker, "http://192.0.2.5:5173", host="192.0.2.5:3001")
    assert not may_connect(docker, "http://192.0.2.6:5173", host="192.0.2.5:3001")
    assert not may_connect(Settings(), "http://annas-mac.local:5173")


@pytest.mark.parametrize(
    ("origin", "advice"),
    [
        ("https://a.example", "--allowed-origins https://a.example lets it in"),
        ("null", "serve it from http://localhost, or let all such pages in with --allowed-origins"),
        ("x" * 5000, "is not valid"),
    ],
    ids=["page", "file", "nonsense"],
)
def test_a_refusal_tells_what_to_do(origin: str, advice: str) -> None:
    """In one short line, which names the option."""
    why = Pages(Settings()).why_not_connect(requested(("Origin", origin)))
    assert advice in why
    assert len(why) < 500


@pytest.mark.parametrize(
    ("settings", "host", "may"),
    [
        *((Settings(), host, True) for host in ("127.0.0.1:3001", "localhost", "[::1]:3001")),
        # Of a container, and of the machine as seen from one.
        *((Settings(), host, True) for host in ("emulator:3001", "host.docker.internal:3001")),
        (Settings(), None, True),
        *(
            (settings, host, False)
            for settings in (Settings(), LAN)
            for host in ("rebind.example", "rebind.example:3001", "localhost.evil.example", "", "[")
        ),
        (Settings(), "192.0.2.5:3001", False),
        (LAN, "192.0.2.5:3001", True),
        (LAN, "192.0.2.77:3001", True),
        (Settings(domain_name="abc.tunnel.example"), "abc.tunnel.example", True),
        (Settings(), "pokerlocal.execute-api.us-west-2.amazonaws.com", True),
        (Settings(), "other.execute-api.us-west-2.amazonaws.com", False),
    ],
)
def test_connections_are_managed_by_names_of_the_emulator(
    settings: Settings, host: str | None, may: bool
) -> None:
    """A name that a stranger can register is none, whatever it resolves to."""
    assert may_manage(settings, host) == may


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:5173", "null"])
def test_no_page_manages_connections(origin: str) -> None:
    """Backends send no Origin."""
    assert Pages(LISTED).why_not_manage(requested(("Origin", origin)))
