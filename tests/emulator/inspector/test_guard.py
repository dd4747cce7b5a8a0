"""Access control of the inspector."""

import pytest

from poker_signal.emulator.aws.http import Request
from poker_signal.emulator.inspector.guard import COOKIE, OWN_HEADER, kept_by, refusal
from poker_signal.emulator.server import Emulator
from poker_signal.emulator.settings import Settings
from tests.emulator.inspector.requests import ask


def refused(
    method: str = "GET", peer_ip: str = "127.0.0.1", own_host: str = "127.0.0.1", **headers: str
) -> bool:
    """Return whether a request is refused; ``_`` in a header's name stands for ``-``."""
    given = [("Host", "127.0.0.1:3001")] if "Host" not in headers else []
    given += [(name.replace("_", "-"), value) for name, value in headers.items()]
    request = Request(method, "/_inspect/", given, peer_ip)
    return refusal(request, own_host) is not None


HOSTS = ("127.0.0.1:3001", "localhost:3001", "LOCALHOST", "[::1]:3001", "table.localhost:1")
METHODS = ("POST", "DELETE", "PUT", "OPTIONS")
OTHER_HOSTS = ("evil.example:3001", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::1")


@pytest.mark.parametrize(
    ("headers", "is_refused"),
    [
        *(({"Host": host}, False) for host in (*HOSTS, "127.9.9.9")),
        # DNS rebinding: a page of evil.example, whose name now resolves to 127.0.0.1.
        *(({"Host": host}, True) for host in (*OTHER_HOSTS, "10.0.0.1")),
        ({"Origin": "https://evil.example"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": "http://127.0.0.1:8080"}, True),
        ({"Sec_Fetch_Site": "cross-site"}, True),
        ({"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "cors"}, True),
        ({"Origin": "http://127.0.0.1:3001", "Sec_Fetch_Site": "same-origin"}, False),
        # A form cannot send the header, and a script's CORS preflight is refused too.
        *(({"method": method}, True) for method in METHODS),
        *(({"method": method, OWN_HEADER: "1"}, False) for method in METHODS),
        # A link on another page may lead here.
        ({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}, False),
    ],
    ids=str,
)
def test_only_names_of_this_machine_and_its_own_page_may(
    headers: dict[str, str], is_refused: bool
) -> None:
    """Any name of this machine is accepted; pages of other origins may not even read."""
    assert refused(**headers) == is_refused


def test_other_machines_may_not() -> None:
    """Only this machine has access, by loopback or by the address that the emulator listens on."""
    assert refused(peer_ip="192.168.1.9")
    assert refused(peer_ip="192.168.1.9", own_host="192.168.1.5", Host="192.168.1.5:3001")
    assert not refused(peer_ip="192.168.1.5", own_host="192.168.1.5", Host="192.168.1.5:3001")
    assert not refused(peer_ip="::1", Host="[::1]:3001")
    assert not refused(peer_ip="::ffff:127.0.0.1")
    assert refused(peer_ip="::ffff:192.168.1.9")


async def test_the_emulator_asks_the_guard(emulator: Emulator) -> None:
    """Files and the API are both guarded, and a refusal has a readable reason."""
    for path in ("/", "/main.js", "/api/entries", ""):
        told = await ask(emulator, "GET", path, host="evil.example")
        assert told.status == 403
        assert "evil.example" in told.json["message"]
    told = await ask(emulator, "POST", "/api/entries/0/resend", headers="")
    assert (told.status, OWN_HEADER in told.json["message"]) == (403, True)


TOKEN = "0123456789abcdef"


def from_afar(query: str = "", **headers: str) -> Request:
    """Return a request from another machine."""
    given = [("Host", "192.168.7.7:3001"), *headers.items()]
    return Request("GET", f"/_inspect/play{query}", given, "192.168.7.8")


@pytest.mark.parametrize(
    ("request_", "is_refused"),
    [
        (from_afar(f"?token={TOKEN}"), False),
        (from_afar(f"?token={TOKEN}", Origin="http://192.168.7.7:3001"), False),
        (from_afar(f"?token={TOKEN}", Origin="http://evil.example"), True),
        (from_afar(Cookie=f"a=b; {COOKIE}={TOKEN}"), False),
        (from_afar(), True),
        (from_afar("?token="), True),
        (from_afar(f"?token={TOKEN[:-1]}"), True),
        (from_afar(f"?token={TOKEN}%C3%A9"), True),
        (from_afar(Cookie=f"{COOKIE}=wrong; other={TOKEN}"), True),
    ],
)
def test_other_machines_show_the_token_of_lan(request_: Request, is_refused: bool) -> None:
    """The token is first in the URL, later in a cookie; without --lan it is of no use."""
    assert (refusal(request_, "192.168.7.7", TOKEN) is not None) == is_refused
    assert refusal(request_, "192.168.7.7") is not None


def test_a_browser_remembers_the_token_that_was_shown() -> None:
    """Scripts cannot read the cookie, and other sites do not send it."""
    (header,) = kept_by(from_afar(f"?token={TOKEN}"), TOKEN)
    assert header == (
        "Set-Cookie", f"{COOKIE}={TOKEN}; Path=/_inspect; HttpOnly; SameSite=Strict",
    )  # fmt: skip
    assert kept_by(from_afar("?token=wrong"), TOKEN) == []
    assert kept_by(from_afar("?token=None"), None) == []


async def test_the_cookie_is_set_for_whoever_showed_it_alone() -> None:
    """Files are cached in memory for all clients, without the cookie."""
    async with Emulator(Settings(port=0, inspector_token=TOKEN)) as emulator:
        assert emulator.play_url_of_lan is not None
        for path, is_set in ((f"play?token={TOKEN}", True), ("play", False)):
            told = await ask(emulator, "GET", f"/{path}")
            assert told.status == 200
            assert ("set-cookie" in told.headers) == is_set
