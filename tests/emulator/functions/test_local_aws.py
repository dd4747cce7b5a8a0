"""AWS's services for handlers, attacked by web pages."""

import urllib.error
import urllib.request
from typing import Any

import pytest

from poker_signal.emulator.functions.local_aws import moto, without_pages

PAGES = [
    {"Host": "127.0.0.1:5000", "Origin": "http://evil.example"},
    {"Host": "127.0.0.1:5000", "Origin": "http://localhost:5173"},
    {"Host": "127.0.0.1:5000", "Origin": "null"},
    # Its name resolves to 127.0.0.1: a GET has no Origin.
    {"Host": "rebind.example:5000"},
    {"Host": "rebind.example:5000", "Origin": "http://rebind.example:5000"},
    {"Host": ""},
    {},
]
PROGRAMS = [
    {"Host": "127.0.0.1:5000"},
    {"Host": "localhost:5000"},
    {"Host": "[::1]:5000"},
    {"Host": "bucket.localhost:5000"},
    # moto's own page.
    {"Host": "127.0.0.1:5000", "Origin": "http://127.0.0.1:5000"},
]


def status(headers: dict[str, str]) -> str:
    """Return the status that a request gets."""
    told: list[str] = []

    def application(_: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b""]

    environ = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    without_pages(application)(environ, lambda status, _: told.append(status))
    return told[0]


@pytest.mark.parametrize("headers", PAGES)
def test_no_page_uses_the_services_for_handlers(headers: dict[str, str]) -> None:
    """By itself, moto answers requests of each origin, with rows of tables and secrets of SSM."""
    assert status(headers) == "403 Forbidden"


@pytest.mark.parametrize("headers", PROGRAMS)
def test_programs_use_the_services_for_handlers(headers: dict[str, str]) -> None:
    """SDKs send no origin, and a host name of this machine."""
    assert status(headers) == "200 OK"


@pytest.mark.nightly
def test_moto_answers_no_page() -> None:
    """The served moto has the guard: neither its data nor its reset is for pages."""
    with moto() as endpoint:
        for path, data in (("/moto-api/data.json", None), ("/moto-api/reset", b"")):
            with urllib.request.urlopen(endpoint + path, data) as answer:
                assert answer.status == 200
            for header in ({"Origin": "http://evil.example"}, {"Host": "rebind.example"}):
                request = urllib.request.Request(endpoint + path, data, header)
                with pytest.raises(urllib.error.HTTPError) as refused:
                    urllib.request.urlopen(request)
                refused.value.close()
                assert refused.value.code == 403
                assert "Access-Control-Allow-Origin" not in refused.value.headers
