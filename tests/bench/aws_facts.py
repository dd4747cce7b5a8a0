"""What AWS charges and allows, each figure with its source, for the reckonings of this folder.

List prices of us-west-2 in USD, free tiers left out. ``ASSUMED`` is what no source at hand
confirms: look it up before you rely on it.
"""

import re
from pathlib import Path
from typing import NamedTuple

from tests.lambda_app.calls import DYNAMODB

MODULE = Path(__file__).parents[2] / "infrastructure" / "signaling-server"

ASSUMED = "assumed, to be verified"
GATEWAY_PRICES = "aws.amazon.com/api-gateway/pricing, as others quote it"

DYNAMODB_S = 0.005
POST_S = 0.010
"""What a call is taken to last until its answer is there, @connections too."""

VCPU_MB = 1769
"""Lambda developer guide: a function of so much memory has one vCPU, others their share."""


class Price(NamedTuple):
    """USD per unit."""

    usd: float
    unit: str
    source: str


PRICES = {
    "messages": Price(1.00e-6, "message of 32 KB, sent or received", GATEWAY_PRICES),
    "messages beyond": Price(0.80e-6, "message after the first 10⁹ of a month", GATEWAY_PRICES),
    "minutes": Price(0.25e-6, "minute connected", GATEWAY_PRICES),
    "invocations": Price(0.20e-6, "invocation", ASSUMED),
    "gb_s": Price(13.3334e-6, "GB s of Lambda, arm64", ASSUMED),
    "writes": Price(0.625e-6, "write request unit, on demand", ASSUMED),
    "reads": Price(0.125e-6, "read request unit, on demand", ASSUMED),
    "log_gb": Price(0.50, "GB taken in by CloudWatch Logs", ASSUMED),
    "out_gb": Price(0.09, "GB sent to the internet", ASSUMED),
}

FIRST_MESSAGES = 1e9
"""Messages of a month after which they cost less."""


def default_of(name: str) -> int:
    """Return a default number of the module, as its source has it."""
    text = "".join(file.read_text(encoding="utf-8") for file in sorted(MODULE.glob("*.tf")))
    found = re.search(rf"\b{name}\s*=\s*(?:optional\(number, )?(\d+)", text)
    if found is None:
        raise SystemExit(f"the module has no default of {name} any more")
    return int(found[1])


def cpu_share(memory_mb: int) -> float:
    """Return which part of a vCPU a function of so much memory has; one thread uses one at most."""
    return min(1.0, memory_mb / VCPU_MB)


def seconds_of(calls: list[str], cpu_s: float, memory_mb: int) -> float:
    """Return how long an event takes: calls of AWS one after the other, and CPU by its share."""
    waits = sum(DYNAMODB_S if call in DYNAMODB else POST_S for call in calls)
    return waits + cpu_s / cpu_share(memory_mb)


class Quota(NamedTuple):
    """A limit of AWS's, or of the module; docs/scale.md has its source, and what to do."""

    name: str
    limit: float
    measure: str
    """Which figure of the simulation is held against it: a field of ``Peak``."""


QUOTAS = (
    Quota("events a second, the module's stage", default_of("rate_limit"), "events_s"),
    Quota("new connections a second, account and region", 500, "connects_s"),
    Quota("requests a second, account and region", 10_000, "requests_s"),
    Quota("connections at once, at the default rate", 3_600_000, "open"),
    Quota("invocations at once, a new account", 10, "concurrency"),
    Quota("invocations at once, a usual account", 1_000, "concurrency"),
    Quota("invocations a second, a usual account", 10_000, "invocations_s"),
    Quota("write units a second, a table's first peak", 4_000, "writes_s"),
    Quota("read units a second, a table's first peak", 12_000, "reads_s"),
    Quota("write units a second, a table on demand", 40_000, "writes_s"),
    Quota("read units a second, a table on demand", 40_000, "reads_s"),
)
