"""The command line: each command parses, calls one function, prints."""

VERSION = "0.1.0"
"""Of the distribution; pyproject.toml takes it from here."""
