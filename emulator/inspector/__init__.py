"""The inspector: a page that shows why a handshake hangs, and the JSON API below it.

The rest of it is imported with the first request for it: before, it costs nothing.
"""

PREFIX = "/_inspect"
"""The path prefix of the page and its API, on the emulator's own port."""
