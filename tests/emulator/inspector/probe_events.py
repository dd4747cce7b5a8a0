"""One event of each kind, as the probe sends it and as docs/trace.md has it."""

from typing import Any

EVENTS: tuple[dict[str, Any], ...] = (
    {"event": "created", "policy": "relay", "servers": ["stun", "turn"]},
    {"event": "call", "call": "new", "error": {"name": "SyntaxError", "message": "bad URL"}},
    {
        "event": "call",
        "call": "setRemoteDescription",
        "ms": 2.5,
        "about": "answer",
        "given": "object without sdp",
        "error": {"name": "TypeError", "message": "required member sdp is undefined"},
        "signalingState": "have-local-offer",
    },
    {"event": "state", "of": "connectionState", "state": "failed", "ms": 15_000},
    {"event": "candidate", "type": "srflx", "protocol": "udp"},
    {
        "event": "icecandidateerror",
        "code": 701,
        "text": "TURN allocate request timed out.",
        "url": "turn:relay.example.org:3478?transport=udp",
    },
    {"event": "channel", "label": "table", "state": "created", "negotiated": True},
    {
        "event": "channel",
        "label": "table",
        "state": "error",
        "error": {"name": "OperationError", "message": "User-Initiated Abort"},
    },
    {
        "event": "pair",
        "local": {"type": "host", "protocol": "udp"},
        "remote": {"type": "relay", "protocol": "udp"},
        "rttMs": 3.1,
    },
    {"event": "checks", "pairs": 2, "requestsSent": 40, "responsesReceived": 0, "succeeded": 0},
    {
        "event": "error",
        "of": "rejection",
        "name": "TypeError",
        "message": "offer is undefined",
        "where": "app.js:12",
    },
    {"event": "socket", "state": "closed", "code": 1006, "reason": "", "wasClean": False},
    {"event": "lost", "count": 7},
)
