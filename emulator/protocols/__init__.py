"""Bytes to values and back: HTTP connections, WebSocket connections, the upgrade, TLS."""
