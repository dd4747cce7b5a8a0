"""The local services of AWS, and the web pages that may not use them."""

from typing import Any

import pytest

from poker_signal.emulator.functions.local_aws import without_pages


def status_of(**environ: str) -> str:
    """Return the status of a request."""
    statuses: list[str] = []

    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return []

    list(without_pages(application)(environ, lambda status, _: statuses.append(status)))
    (status,) = statuses
    return status


@pytest.mark.parametrize(
    "headers",
    [
        {"HTTP_ORIGIN": "http://evil.example"},
        {"HTTP_ORIGIN": "http://localhost:5173", "HTTP_HOST": "127.0.0.1:4566"},
        {"HTTP_ORIGIN": "null"},
        {"HTTP_HOST": "rebind.example:4566"},
        {"HTTP_HOST": "127.0.0.1.evil.example"},
        {"HTTP_HOST": "["},
        {"HTTP_HOST": "127.0.0.1:4566", "HTTP_SEC_FETCH_SITE": "cross-site"},
        {"HTTP_HOST": "127.0.0.1:4566", "HTTP_SEC_FETCH_SITE": "same-site"},
    ],
    ids=str,
)
def test_no_page_uses_local_services(headers: dict[str, str]) -> None:
    """Neither by ``Origin``, nor as an image, nor by DNS rebinding."""
    assert status_of(**headers) == "403 Forbidden"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"HTTP_HOST": "127.0.0.1:4566"},
        {"HTTP_HOST": "bucket.localhost:4566"},
        {"HTTP_HOST": "[::1]:4566"},
        {"HTTP_HOST": "localhost", "HTTP_SEC_FETCH_SITE": "none"},
    ],
    ids=str,
)
def test_programs_and_the_address_bar_use_local_services(headers: dict[str, str]) -> None:
    """As SDKs name them."""
    assert status_of(**headers) == "200 OK"
