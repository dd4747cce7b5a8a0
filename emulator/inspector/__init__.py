"""The inspector: a page that shows why a handshake hangs, and the JSON API below it.

The rest of it is imported with the first request for it: before, it costs nothing.
"""

from poker_signal.emulator.aws.http import Request

PREFIX = "/_inspect"
"""Where it is, on the emulator's own port."""


def is_for_inspector(request: Request) -> bool:
    """Tell whether the inspector answers a request; a stage may have its name."""
    return request.path.startswith(PREFIX) and (
        request.path[len(PREFIX) :][:1] in {"", "/"} and not request.wants_upgrade
    )
