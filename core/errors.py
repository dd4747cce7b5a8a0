"""Client errors: one exception per case, with its error code and a sentence for the player.

Only an error that the client caused is a SignalError. Any other exception is a failure on our
side: it ends the invocation, and its text is never sent to a client.
"""

from poker_signal.core.base_error import PokerSignalError
from poker_signal.core.model import PlayerId


class SignalError(PokerSignalError):
    """An error that a client caused. The client gets an answer with its code and sentence.

    ``code`` is sent in a frame. ``status_code`` is the HTTP status if a WebSocket handshake is
    refused. ``str()`` is a sentence that an app can show to the player.
    """

    code = "INVALID_MESSAGE"
    status_code = 400
    message_id: str | None = None
    """The message's ``id``, if it was read before the error. None: no ``id``."""


class InvalidConnect(SignalError):
    """A parameter of the query string is missing or not valid."""

    code = "INVALID_CONNECT"

    def __init__(self, parameter: str, rule: str) -> None:
        super().__init__(parameter, rule)
        self.parameter = parameter
        self.rule = rule

    def __str__(self) -> str:
        return f"Query parameter {self.parameter} must be {self.rule}."


class MissingTicket(SignalError):
    """The server requires a ticket, and the query string has none."""

    code = "MISSING_TICKET"
    status_code = 401

    def __str__(self) -> str:
        return "A ticket is needed to join this game."


class InvalidTicket(SignalError):
    """The ticket does not admit this player to this game now. ``reason`` never quotes it."""

    code = "INVALID_TICKET"
    status_code = 403

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"This ticket is not valid: {self.reason}."


class UnknownTicketKey(InvalidTicket):
    """The ticket's ``kid`` is not known. The key may be newer than the keys that were read."""

    def __init__(self) -> None:
        super().__init__("its key is not known")


class HostProtected(SignalError):
    """The game has a live HOST with a session that the newcomer does not have."""

    code = "HOST_PROTECTED"
    status_code = 409

    def __str__(self) -> str:
        return "This game already has another host."


class OriginNotAllowed(SignalError):
    """The connecting page's origin is not on the list of allowed origins."""

    code = "ORIGIN_NOT_ALLOWED"
    status_code = 403

    def __str__(self) -> str:
        return "This web page may not connect to this server."


class NoAnswer(SignalError):
    """The host got the join, and no handshake followed."""

    code = "NO_ANSWER"

    def __str__(self) -> str:
        return "The host did not answer. Please try again."


class GameFull(SignalError):
    """All seats are taken, and their players' connections are alive."""

    code = "GAME_FULL"
    status_code = 403

    def __str__(self) -> str:
        return "This game is full: every seat is taken."


class RateLimited(SignalError):
    """The connection exceeded its message rate, or API Gateway throttles at the moment."""

    code = "RATE_LIMITED"
    status_code = 429

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class Superseded(SignalError):
    """A later connection of the same session has already taken over the seat."""

    code = "SUPERSEDED"
    status_code = 409

    def __str__(self) -> str:
        return "You have connected again meanwhile."


class InvalidMessage(SignalError):
    """The message does not have the shape that the wire protocol requires."""

    code = "INVALID_MESSAGE"

    def __init__(self, reason: str, message_id: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.message_id = message_id

    def __str__(self) -> str:
        return f"This message cannot be understood: {self.reason}."


class UnknownType(SignalError):
    """The wire protocol does not define this message type."""

    code = "UNKNOWN_TYPE"

    def __str__(self) -> str:
        return "This kind of message is not known here."


class InvalidJoin(SignalError):
    """HOST sent a join to its own game."""

    code = "INVALID_JOIN"

    def __str__(self) -> str:
        return "The host cannot join its own game."


class HostNotFound(SignalError):
    """The joiner's game has no HOST."""

    code = "HOST_NOT_FOUND"

    def __str__(self) -> str:
        return "This game has no host. Please check the code."


class DuplicateName(SignalError):
    """The sender's name belongs to another connection, and that connection is alive."""

    code = "DUPLICATE_NAME"

    def __init__(self, player_id: PlayerId) -> None:
        super().__init__(player_id)
        self.player_id = player_id

    def __str__(self) -> str:
        return f"A player named “{self.player_id}” is in this game already."


class NotAllowed(SignalError):
    """The topology forbids the message, or the sender addressed itself."""

    code = "NOT_ALLOWED"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class NotConnected(SignalError):
    """The sender has no live row: it expired, or it was deleted, for example by a takeover."""

    code = "NOT_CONNECTED"

    def __str__(self) -> str:
        return "You are no longer in this game. Please connect again."


class TargetNotFound(SignalError):
    """The sender's game has no player of that name whose connection is open."""

    code = "TARGET_NOT_FOUND"

    def __init__(self, target_id: PlayerId) -> None:
        super().__init__(target_id)
        self.target_id = target_id

    def __str__(self) -> str:
        return f"“{self.target_id}” is not in this game."
