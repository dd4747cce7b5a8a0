"""What a client can do wrong, and what it is told.

Only the client's fault is a SignalError. Ours is any other exception: it ends the invocation,
and its words never reach a client.
"""

from poker_signal.core.base_error import PokerSignalError
from poker_signal.core.model import PlayerId


class SignalError(PokerSignalError):
    """Something a client did; it is told so.

    ``code`` goes to the client in a frame, ``status_code`` to API Gateway where it is a
    handshake that is refused, and ``str()`` is a sentence that a player can be shown.
    """

    code = "INVALID_MESSAGE"
    status_code = 400
    message_id: str | None = None
    """The ``id`` of a message that could not be read any further."""


class InvalidConnect(SignalError):
    """The query string does not say who connects to what."""

    code = "INVALID_CONNECT"

    def __init__(self, parameter: str, rule: str) -> None:
        super().__init__(parameter, rule)
        self.parameter = parameter
        self.rule = rule

    def __str__(self) -> str:
        return f"Query parameter {self.parameter} must be {self.rule}."


class MissingTicket(SignalError):
    """Tickets are asked for, and the query string has none."""

    code = "MISSING_TICKET"
    status_code = 401

    def __str__(self) -> str:
        return "A ticket is needed to join this game."


class InvalidTicket(SignalError):
    """The ticket does not let this player into this game now; ``reason`` never quotes it."""

    code = "INVALID_TICKET"
    status_code = 403

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"This ticket is not valid: {self.reason}."


class UnknownTicketKey(InvalidTicket):
    """The ticket names a key that is not known; it may have been added since keys were read."""

    def __init__(self) -> None:
        super().__init__("its key is not known")


class HostProtected(SignalError):
    """A HOST whose session the newcomer does not know is alive in this game."""

    code = "HOST_PROTECTED"
    status_code = 409

    def __str__(self) -> str:
        return "Somebody else is hosting this game already."


class OriginNotAllowed(SignalError):
    """The page that connects is not on the list."""

    code = "ORIGIN_NOT_ALLOWED"
    status_code = 403

    def __str__(self) -> str:
        return "This web page may not connect to this server."


class GameFull(SignalError):
    """Every seat is taken, and by somebody who is alive."""

    code = "GAME_FULL"
    status_code = 403

    def __str__(self) -> str:
        return "This game is full: every seat is taken."


class RateLimited(SignalError):
    """The sender's connection has sent more than it may, or the gateway takes no more for now."""

    code = "RATE_LIMITED"
    status_code = 429

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class Superseded(SignalError):
    """A connection that opened later has taken over the seat of this one already."""

    code = "SUPERSEDED"
    status_code = 409

    def __str__(self) -> str:
        return "You have connected again meanwhile."


class InvalidMessage(SignalError):
    """The message is not of the wire protocol's shape."""

    code = "INVALID_MESSAGE"

    def __init__(self, reason: str, message_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.message_id = message_id

    def __str__(self) -> str:
        return f"This message cannot be understood: {self.reason}."


class UnknownType(SignalError):
    """No message of the wire protocol has this type."""

    code = "UNKNOWN_TYPE"

    def __str__(self) -> str:
        return "This kind of message is not known here."


class InvalidJoin(SignalError):
    """HOST joined its own game."""

    code = "INVALID_JOIN"

    def __str__(self) -> str:
        return "The host cannot join its own game."


class HostNotFound(SignalError):
    """Nobody hosts the joiner's game."""

    code = "HOST_NOT_FOUND"

    def __str__(self) -> str:
        return "Nobody is hosting this game. Please check the code."


class DuplicateName(SignalError):
    """The joiner's name belongs to another connection, and that one is alive."""

    code = "DUPLICATE_NAME"

    def __init__(self, player_id: PlayerId) -> None:
        super().__init__(player_id)
        self.player_id = player_id

    def __str__(self) -> str:
        return f"A player named “{self.player_id}” is in this game already."


class NotAllowed(SignalError):
    """The topology forbids it, or a player addressed itself."""

    code = "NOT_ALLOWED"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class NotConnected(SignalError):
    """The sender's own row is gone: expired, or taken over."""

    code = "NOT_CONNECTED"

    def __str__(self) -> str:
        return "You are no longer in this game. Please connect again."


class TargetNotFound(SignalError):
    """Nobody of that name is in the sender's game, or nobody whose connection is open."""

    code = "TARGET_NOT_FOUND"

    def __init__(self, target_id: PlayerId) -> None:
        super().__init__(target_id)
        self.target_id = target_id

    def __str__(self) -> str:
        return f"“{self.target_id}” is not in this game."
