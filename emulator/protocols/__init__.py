"""Protocols on the TCP connection: HTTP, the upgrade, WebSocket, TLS certificates."""
