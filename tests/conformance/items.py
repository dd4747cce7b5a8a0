"""Marks of conformance tests: how well their rule is known, and from which source.

``@item(confidence, section, source)``: the confidence is CONFIRMED (AWS says so, or a recording
of the real service shows it), REPORTED (users say so) or UNKNOWN (no source says so, and the test
pins our default). The section is that of the data-plane reference that lists the rules.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import pytest

Confidence = Literal["CONFIRMED", "REPORTED", "UNKNOWN"]

SOURCES = {
    "recorded": "recorded from the real service",
    "reported": "reported by users",
    "default": "AWS does not say: our default",
    "model": "AWS's own service model",
    "boto3": "observed in boto3",
}
"""Sources of rules other than ``PAGES``, with their text in the table."""

_GUIDE = "https://docs.aws.amazon.com/apigateway/latest/developerguide"

PAGES = {
    "$connect and $disconnect": (
        f"{_GUIDE}/apigateway-websocket-api-route-keys-connect-disconnect.html"
    ),
    "$context": f"{_GUIDE}/apigateway-websocket-api-mapping-template-reference.html",
    "410 Gone": "https://repost.aws/knowledge-center/410-gone-api-gateway",
    "@connections": f"{_GUIDE}/apigateway-how-to-call-websocket-api-connections.html",
    "Lambda authorizers": f"{_GUIDE}/apigateway-websocket-api-lambda-auth.html",
    "Lambda authorizers of REST APIs": f"{_GUIDE}/apigateway-use-lambda-authorizer.html",
    "Lambda errors": "https://docs.aws.amazon.com/lambda/latest/dg/services-apigateway-errors.html",
    "binary media types": f"{_GUIDE}/websocket-api-develop-binary-media-types.html",
    "deployment": f"{_GUIDE}/apigateway-set-up-websocket-deployment.html",
    "integration requests": f"{_GUIDE}/apigateway-websocket-api-integration-requests.html",
    "known issues": f"{_GUIDE}/api-gateway-known-issues.html",
    "overview": f"{_GUIDE}/apigateway-websocket-api-overview.html",
    "quotas": f"{_GUIDE}/apigateway-execution-service-websocket-limits-table.html",
    "route responses": f"{_GUIDE}/apigateway-websocket-api-route-response.html",
    "routes": f"{_GUIDE}/websocket-api-develop-routes.html",
    "routes and integrations": f"{_GUIDE}/apigateway-websocket-api-routes-integrations.html",
    "service-specific endpoints": (
        "https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html"
    ),
    "subprotocols": f"{_GUIDE}/websocket-connect-route-subprotocol.html",
    "throttling": f"{_GUIDE}/websocket-api-protect.html",
}
"""Pages of AWS's documentation."""

_USUAL: dict[Confidence, str] = {
    "CONFIRMED": "recorded",
    "REPORTED": "reported",
    "UNKNOWN": "default",
}


class Item(NamedTuple):
    """The source of a rule, and the confidence in it."""

    confidence: Confidence
    section: str
    source: str
    """A key of ``SOURCES`` or ``PAGES``."""
    but: str
    """The part of the rule that the source does not cover; empty: none."""

    @property
    def known_from(self) -> str:
        """The cell “known from” in the table of docs/fidelity.md."""
        known = SOURCES.get(self.source) or f"AWS docs: [{self.source}]"
        return f"{known}; {self.but}" if self.but else known


def item(
    confidence: Confidence, section: str, source: str = "", *, but: str = ""
) -> pytest.MarkDecorator:
    """Mark a test; the default of the source depends on the confidence."""
    source = source or _USUAL[confidence]
    assert source in SOURCES | PAGES, source
    return pytest.mark.item(Item(confidence, section, source, but))


def item_of(test: Callable[..., Any]) -> Item:
    """Return the mark of a test."""
    (mark,) = (mark for mark in getattr(test, "pytestmark", []) if mark.name == "item")
    assert isinstance(mark.args[0], Item)
    return mark.args[0]
