"""The command line: each command parses, calls one function, prints."""

VERSION = "0.2.0"
"""Version of the distribution; pyproject.toml reads it."""
