"""The page's files and the browser client from the package, and redaction-rules.js.

That one is generated from the Python rules.
"""

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


FOR_PAGES: Headers = [
    ("X-Content-Type-Options", "nosniff"),
    # For the pages under development, whose origin is another one.
    ("Access-Control-Allow-Origin", "*"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("Cache-Control", "no-store"),
]
"""Headers of the probe's script, the answers to its reports, and the browser client."""

MAX_STEM = 60
"""Most characters of a file's name, without its type."""

PROBE = "probe.js"
PROBE_MODULE = "probe.mjs"


def probe_file(name: str, home: str) -> Answer:
    """Return the probe: ``probe.js`` starts with the emulator's URL, the module exports install."""
    source = _probe_source()
    if name == PROBE:
        source = f'(() => {{\n"use strict";\n{source}\nstart({json.dumps(home)});\n}})();\n'
    else:
        source += "\nexport { install };\n"
    return Answer(200, source.encode(), [("Content-Type", _TYPES["js"]), *FOR_PAGES])


@lru_cache(maxsize=1)
def _probe_source() -> str:
    return (files(__package__) / "page" / PROBE).read_text(encoding="utf-8")


@lru_cache(maxsize=64)
def client_file(name: str) -> Answer | None:
    """Return a module of the browser client; None if there is no such module."""
    stem, _, kind = name.rpartition(".")
    if kind != "js" or not _is_stem(stem):
        return None
    file = files("poker_signal.javascript") / name
    if not file.is_file():
        return None
    return Answer(200, file.read_bytes(), [("Content-Type", _TYPES["js"]), *FOR_PAGES])


@lru_cache(maxsize=64)
def page_file(name: str) -> Answer | None:
    """Return a file of the page; None if there is no file with this name."""
    stem, _, kind = name.rpartition(".")
    if kind not in _TYPES or not _is_stem(stem):
        return None
    file = files(__package__) / "page" / name
    if name == "redaction-rules.js":
        content = f"export default {json.dumps(rules_for_page())};\n".encode()
    elif file.is_file():
        content = file.read_bytes()
    else:
        return None
    return Answer(200, content, [("Content-Type", _TYPES[kind]), *SAFE])


def _is_stem(name: str) -> bool:
    """Tell whether a name has only letters, digits and hyphens: no path can leave the folder."""
    # A file system refuses a longer name with an error.
    return len(name) <= MAX_STEM and name.replace("-", "").isalnum()
