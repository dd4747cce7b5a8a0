"""The signaling rules: API Gateway's events in, effects out. Values only, no I/O, no clock."""
