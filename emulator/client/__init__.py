"""Signaling clients for any server, emulator or deployment."""
