"""What a message costs a warm container: CPU time against the two botocore calls alone.

DynamoDB and @connections are stubs on loopback that answer at once; they run in a process of
their own, so that only the caller's CPU time is counted.
"""

from tests.bench import lambda_cost
from tests.bench.figures import Figure

CONTAINERS = 5
BAR = 1.3


def measure(is_full: bool) -> list[Figure]:
    """Compare a candidate with the calls that it takes."""
    cost = lambda_cost.measure(CONTAINERS)
    ours, floor = (cost.warm_s(kind) * 1e6 for kind in ("ice-candidate", lambda_cost.CALLS))
    name = "CPU of a warm message"
    return [Figure("lambda-warm", name, "µs", ours, lambda_cost.CALLS, floor, BAR)]
