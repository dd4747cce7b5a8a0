"""The root of all exceptions that users may catch."""


class PokerSignalError(Exception):
    """The root of all exceptions with a text for users: what is wrong, and what to do."""
