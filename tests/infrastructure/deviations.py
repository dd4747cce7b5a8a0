"""What MiniStack does otherwise than AWS, as far as it shows here; the module takes no notice.

Each is held by tests/infrastructure/test_live.py, and strictly: who has become true to AWS makes a
test fail, so that this list stays true.
"""

from typing import Final, NamedTuple


class Deviation(NamedTuple):
    """A transcript that ends otherwise."""

    cause: str
    seen: str
    """The assertion that fails, and no other: a regular expression."""


_REFUSALS: Final = (
    "every refused $connect is answered with 403, whatever status the function returned"
)

TRANSCRIPTS: Final = {
    "a protected host": Deviation(_REFUSALS, r"status=409, origin=None\)\nassert 403 == 409"),
    "no names, no connection": Deviation(
        _REFUSALS, r"status=400, origin=None\)\nassert 403 == 400"
    ),
}
"""By their names in tests/signaling/transcripts.py."""

ENDPOINT: Final = (
    "ApiEndpoint is plain HTTP on a host name of the API's own: live.py tells the function another"
)
LOG: Final = (
    "what a function prints when a WebSocket calls it is thrown away: live_server.py writes it"
)
ACCESS_LOG: Final = "the stage's access log is never written"
ALARMS: Final = (
    "DescribeAlarms leaves out what PutMetricAlarm was given: every plan heals all alarms"
)
