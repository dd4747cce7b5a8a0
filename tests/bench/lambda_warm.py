"""CPU cost of a message in a warm container, compared with its two botocore calls alone.

DynamoDB and @connections are stubs on loopback that answer at once. They run in their own
process, so that only the caller's CPU time is counted.
"""

from tests.bench import lambda_cost
from tests.bench.figures import Figure

CONTAINERS = 5
BAR = 1.3


def measure(is_full: bool) -> list[Figure]:
    """Compare a candidate with the two calls that it needs."""
    cost = lambda_cost.measure(CONTAINERS)
    ours, floor = (cost.warm_s(kind) * 1e6 for kind in ("ice-candidate", lambda_cost.CALLS))
    name = "CPU of a warm message"
    return [Figure("lambda-warm", name, "µs", ours, lambda_cost.CALLS, floor, BAR)]
