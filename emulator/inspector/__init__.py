"""The inspector: a page that shows why a WebRTC handshake hangs, and its JSON API.

Its other modules are imported at the first request for it, so that it costs nothing until then.
"""

PREFIX = "/_inspect"
"""The path prefix of the page and its API, on the emulator's own port."""
