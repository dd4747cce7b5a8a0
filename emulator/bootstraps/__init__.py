"""Programs that run a handler in its own process and speak the Lambda Runtime API.

They are started by path with the function's interpreter, and import nothing of poker-signal.
"""
