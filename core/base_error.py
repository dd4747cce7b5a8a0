"""The base class of all exceptions that users may catch."""


class PokerSignalError(Exception):
    """Base class of all exceptions whose text is for users: what is wrong, and what to do."""
