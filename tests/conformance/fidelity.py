"""Writes docs/fidelity.md: ``python -m tests.conformance.fidelity``."""

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
# How close it is to API Gateway

<!-- Written by: python -m tests.conformance.fidelity -->

Each row of these tables is a rule that the emulator keeps, and the test that proves it over real
sockets, with production's settings. What AWS documents has a link; other rules were recorded from
the real service or reported by its users. Where nobody has told yet what AWS does, the default is
ours.

```sh
make conformance
```

runs all of them. To see whether an endpoint of your own keeps the same rules, deployed or local,
name it:

```sh
make conformance URL=wss://API.execute-api.REGION.amazonaws.com/STAGE
```

It has to be poker-signal that runs there, because the tests connect as its players do. On AWS
boto3 has to find credentials that may call @connections. `ARGS="--management https://…"` says
where @connections is, if it is elsewhere. Rules that need functions, settings or a clock of their
own are skipped then.
"""

DEVIATIONS = [
    (
        "compressed messages are accepted, but answers are sent uncompressed",
        "test_a_compressed_message_is_measured_after_inflation",
    ),
    (
        "two connections of the same millisecond get `connectedAt` a millisecond apart, so that "
        "the first is the first",
        "test_connections_of_one_millisecond_are_in_order",
    ),
    (
        "a peer that lets more than 1 MiB wait is cut off",
        "test_a_client_that_never_reads_is_cut_off_and_nobody_else_notices",
    ),
    (
        "`domainName` carries the port, so that callback URLs made of it work here; "
        "`--domain-name` sets another",
        "test_the_domain_name_carries_the_port",
    ),
    (
        "the order of keys in events is not kept: JSON objects have none",
        "test_a_connect_has_the_context_of_a_recorded_one",
    ),
    (
        "`ws://` is served as well as, with `--tls`, `wss://`; events say https in any case",
        "test_031_the_gateway_adds_where_the_request_came_from",
    ),
    (
        "signatures of @connections requests are looked at with `--strict-sigv4` only, and not "
        "verified: any credentials do",
        "test_097_requests_have_to_be_signed",
    ),
    (
        "functions run in threads of one process, which share its environment and its modules; "
        "what handlers brought goes when the emulator stops",
        "test_a_handler_is_called_with_event_and_context_in_a_thread",
    ),
    (
        "a client that has 128 invocations running is not read from until one of them ends",
        "test_a_client_with_too_many_invocations_has_to_wait",
    ),
]

LEFT_OUT = """\
Left out: IAM authorization and API keys at `$connect`, custom domains with mappings, integrations
other than Lambda proxies and with them models and templates, per-route throttles, access logs,
metrics.
"""

KNOBS = {
    "--pings-reset-idle": "whether control pings keep a connection open",
    "--dispatch": "whether messages of one connection may run at the same time",
    "--permessage-deflate": "what a browser's offer to compress is answered with",
    "--outbound-fragment-bytes": "whether clients get long messages in several frames",
    "--abnormal-close-reason": "which reason `$disconnect` is given beside 1006",
    "--max-header-bytes": "how long request line and headers may be; the default is REST's",
    "--max-url-chars": "what happens to a longer URL; here it is refused with 414",
    "--integration-timeout": "what a `$connect` that takes longer is answered with; here 504",
    "--throttle-rate": "what a client hears of a message too many; here `Too Many Requests`",
    "--throttle-burst": "the same, for how many may come at once",
    "--flood-rate": "from how many messages on a client is closed with 1008",
    "--enforce-new-connection-rate": "whether refused handshakes count; here they do",
    "--strict-sigv4": "which answer an unsigned request gets; here REST's",
}
"""Options, and what AWS does not say."""

KNOBS_TITLE = "What `poker-signal emulate` lets you choose"


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
    """Return what docs/fidelity.md should be."""
    parts = [INTRODUCTION]
    for title, module in SECTIONS.items():
        rows = [
            f"| {rule.number} | {rule.text} | {rule.known_from} | ✓ | `{rule.test}` |"
            for rule in sorted(rules_of(module))
        ]
        parts.append(_table(title, "| | what holds | known from | status | test |", rows))
    rows = [f"| {difference} | `{test}` |" for difference, test in DEVIATIONS]
    parts.append(_table("Where it differs on purpose", "| difference | pinned by |", rows))
    parts.append(LEFT_OUT)
    rows = [f"| `{name}` | {_default(name)} | {text} |" for name, text in KNOBS.items()]
    parts.append(_table(KNOBS_TITLE, "| option | default | what AWS does not say |", rows))
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
    """Write it."""
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()
