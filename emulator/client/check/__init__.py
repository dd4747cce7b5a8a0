"""Check that a deployment or an emulator keeps the rules of wire protocol version 1."""
