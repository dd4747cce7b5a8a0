"""Handshakes: entries of a trace in, attempts to connect and their verdicts out. Pure.

The input is the JSON form of entries (docs/trace.md), which the running emulator, recordings and
imported logs share. Texts in entries come from peers: any member may have any type or be absent.
"""
