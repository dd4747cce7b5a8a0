"""Generator of docs/fidelity.md: ``python -m tests.conformance.fidelity``."""

import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

import click

from poker_signal.cli.main import main as command_line
from tests.conformance import (
    test_authorizer,
    test_closing,
    test_connect_event,
    test_connections,
    test_disconnect,
    test_handshake,
    test_messages,
)
from tests.conformance.harness import ROOT
from tests.conformance.items import PAGES, item_of

DOCUMENT = ROOT / "docs" / "fidelity.md"

SECTIONS = {
    "Handshake": test_handshake,
    "The event of `$connect`": test_connect_event,
    "Authorizers": test_authorizer,
    "Messages and routes": test_messages,
    "Limits and closing": test_closing,
    "The event of `$disconnect`": test_disconnect,
    "@connections": test_connections,
}

INTRODUCTION = """\
# How close the emulator is to API Gateway

<!-- Written by: python -m tests.conformance.fidelity -->

The emulator follows the 100 rules of API Gateway listed below. A test proves each rule over real
sockets with production's settings. *Known from* is the source: a link to AWS's documentation, a
recording of the real service, or reports of its users. Where AWS's behaviour is unknown, the
emulator has a default of its own.
"""

RUN = """\
## Run these tests

```sh
make conformance
```

To check your own endpoint, deployed or local, name it:

```sh
make conformance URL=wss://API.execute-api.REGION.amazonaws.com/STAGE
```

The endpoint has to run poker-signal, because the tests connect as its players do. On AWS, boto3
needs credentials that may call @connections. `ARGS="--management https://…"` sets the URL of
@connections if it is elsewhere. Rules that need their own functions, settings or clock are skipped.
"""

DEVIATIONS = [
    (
        "compressed messages are accepted, but answers are sent uncompressed",
        "test_a_compressed_message_is_measured_after_inflation",
    ),
    (
        "two connections of the same millisecond get `connectedAt` a millisecond apart, so that "
        "their order is known",
        "test_connections_of_one_millisecond_are_in_order",
    ),
    (
        "a client with more than 1 MiB of unread data is cut off",
        "test_a_client_that_never_reads_is_cut_off_and_nobody_else_notices",
    ),
    (
        "`domainName` and the event's `Host` include the port, so that callback URLs built from "
        "them work; `--domain-name` sets another",
        "test_the_domain_name_carries_the_port",
    ),
    (
        "keys in events may have another order: JSON objects have none",
        "test_a_connect_has_the_context_of_a_recorded_one",
    ),
    (
        "`ws://` is served, and `wss://` with `--tls`; events always say https",
        "test_031_the_gateway_adds_where_the_request_came_from",
    ),
    (
        "@connections requests need a signature only with `--strict-sigv4`; it is not verified, so "
        "any credentials work",
        "test_097_requests_have_to_be_signed",
    ),
    (
        "a function is a process on your machine: it is not frozen between events, its memory and "
        "its file system have no limit, and there are no layers and no `/opt`",
        "test_an_environment_is_kept_warm_with_lambdas_surroundings",
    ),
    (
        "an event that finds all `concurrency` processes of its function busy waits for one; "
        "Lambda starts up to 1000",
        "test_one_environment_has_one_event_at_a_time",
    ),
    (
        "a callable that a test passes, and poker-signal's own Lambda function, run in threads of "
        "the emulator's process",
        "test_a_handler_is_called_with_event_and_context_in_a_thread",
    ),
    (
        "reading from a client pauses while 128 of its invocations are running",
        "test_a_client_with_too_many_invocations_has_to_wait",
    ),
]

QUESTIONS = {
    'a status code as text of digits, such as `"200"`': "taken as the number. A maintainer of "
    "localstack has seen AWS take it, for REST APIs; for WebSocket APIs nothing is known",
    "a post of invalid UTF-8 to `@connections`": "400. Another emulator delivers it with U+FFFD "
    "and says that AWS does; there is no second source",
    "the body of an authorizer's refusal": "`message` alone. Another emulator adds `connectionId` "
    "and `requestId`",
}
"""Questions to AWS that no option covers, with the emulator's answer."""

LEFT_OUT = """\
Not emulated: IAM authorization and API keys at `$connect`, custom domains with several mappings,
integrations other than Lambda proxies (and therefore models and templates), per-route throttles,
access logs, metrics.
"""

KNOBS = {
    "--pings-reset-idle": "whether control pings reset the idle time-out",
    "--dispatch": "whether messages of one connection may run at the same time",
    "--permessage-deflate": "the answer to a browser's offer to compress",
    "--outbound-fragment-bytes": "whether long messages reach clients in several frames",
    "--abnormal-close-reason": "the reason in `$disconnect` beside 1006",
    "--max-header-bytes": "the limit of request line and headers; the default is that of REST APIs",
    "--max-url-chars": "the answer to a longer URL; here 414",
    "--integration-timeout": "the answer to a `$connect` that takes longer; here 504",
    "--throttle-rate": "the answer to a message above the rate; here `Too Many Requests`",
    "--throttle-burst": "the same, for messages above the burst",
    "--flood-rate": "the message rate at which a client is closed with 1008",
    "--enforce-new-connection-rate": "whether refused handshakes count; here they do",
    "--strict-sigv4": "the answer to an unsigned request; here that of REST APIs",
}
"""Options, each with the behaviour that AWS does not document."""

KNOBS_TITLE = "Options of `poker-signal emulate` for undocumented behaviour"


class Rule(NamedTuple):
    """A row of a section's table."""

    number: int
    text: str
    known_from: str
    test: str


def rules_of(module: ModuleType) -> Iterator[Rule]:
    """Yield the rules that a module tests, in its own order."""
    for name, test in inspect.getmembers(module, inspect.isfunction):
        numbered = re.match(r"test_(\d{3})_", name)
        if numbered:
            text = " ".join((inspect.getdoc(test) or "").split())
            yield Rule(int(numbered[1]), text, item_of(test).known_from, name)


def document() -> str:
    """Return the text of docs/fidelity.md."""
    parts = [INTRODUCTION]
    rows = [f"| {difference} | `{test}` |" for difference, test in DEVIATIONS]
    parts.append(_table("Differences on purpose", "| difference | tested by |", rows))
    parts.append(LEFT_OUT)
    for title, module in SECTIONS.items():
        rows = [
            f"| {rule.number} | {rule.text} | {rule.known_from} | ✓ | `{rule.test}` |"
            for rule in sorted(rules_of(module))
        ]
        parts.append(_table(title, "| | rule | known from | status | test |", rows))
    rows = [f"| `{name}` | {_default(name)} | {text} |" for name, text in KNOBS.items()]
    parts.append(_table(KNOBS_TITLE, "| option | default | undocumented by AWS |", rows))
    rows = [f"| {question} | {answer} |" for question, answer in QUESTIONS.items()]
    parts.append(_table("Other questions without an answer", "| question | here |", rows))
    parts.append(RUN)
    parts += [f"[{title}]: {url}" for title, url in PAGES.items()]
    return "\n".join(parts) + "\n"


def _table(title: str, head: str, rows: list[str]) -> str:
    rule = "|---" * (head.count("|") - 1) + "|"
    return "\n".join([f"## {title}", "", head, rule, *rows, ""])


def _default(option: str) -> str:
    (parameter,) = (
        parameter
        for parameter in command_line.commands["emulate"].params
        if isinstance(parameter, click.Option) and option in parameter.opts
    )
    match parameter.default:
        case bool() as default:
            return "on" if default else "off"
        case None:
            return "none"
        case default:
            return f"{default:g}" if isinstance(default, float) else str(default)


def main() -> None:
    """Write docs/fidelity.md."""
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()
