"""The rules of signaling as values: API Gateway's event in, effects out; no I/O, no clock."""
