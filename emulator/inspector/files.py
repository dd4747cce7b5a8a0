"""The page's files from the package, and redaction-rules.js, generated from the Python rules."""

import json
from functools import lru_cache
from importlib.resources import files

from poker_signal.emulator.aws.http import Answer, Headers
from poker_signal.emulator.recording.redaction import rules_for_page

_TYPES = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
}

SAFE: Headers = [
    # No resources of other origins, no inline scripts, no framing of the page.
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    # An upgrade changes the files, and loopback is fast without a cache.
    ("Cache-Control", "no-store"),
]
"""Security headers of every answer of the inspector."""


@lru_cache(maxsize=64)
def page_file(name: str) -> Answer | None:
    """Return a file of the page; None if there is no file with this name."""
    stem, _, kind = name.rpartition(".")
    # Only letters, digits and hyphens: no path can leave the folder.
    if kind not in _TYPES or not stem.replace("-", "").isalnum():
        return None
    file = files(__package__) / "page" / name
    if name == "redaction-rules.js":
        content = f"export default {json.dumps(rules_for_page())};\n".encode()
    elif file.is_file():
        content = file.read_bytes()
    else:
        return None
    return Answer(200, content, [("Content-Type", _TYPES[kind]), *SAFE])
