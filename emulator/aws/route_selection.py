r"""Route selection expressions, which read the route key from a message.

``$request.body.action`` is a variable. ``${request.body.a}/${request.body.b}`` is two variables and
a literal. ``\$`` is a dollar sign
(https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-develop-routes.html).
"""

import json
import re
from collections.abc import Callable

from poker_signal.core.base_error import PokerSignalError

_PATH = r"request\.body((?:\.[^${}\s]+|\[[^${}\s]+)*)"
_TOKEN = re.compile(
    r"\\(?P<escaped>.)|\$\{" + _PATH + r"\}|\$" + _PATH + r"|(?P<wrong>\$)|(?P<literal>[^\\$]+)"
)


class InvalidExpression(PokerSignalError, ValueError):
    """Invalid route selection expression; the message says why."""


def compile_expression(expression: str) -> Callable[[str], str]:
    """Return a function that maps the text of a message to a route key.

    Raises:
        InvalidExpression: a variable is outside the message's body, or is not a JSONPath.
    """
    parts: list[str | Callable[[object], str]] = []
    end = 0
    while end < len(expression):
        token = _TOKEN.match(expression, end)
        if token is None or token["wrong"] is not None:
            raise InvalidExpression(
                f"{expression!r}: only $request.body… and ${{request.body…}} are variables here; "
                r"write \$ for a dollar sign"
            )
        end = token.end()
        path = token[2] if token[2] is not None else token[3]
        if path is not None:
            parts.append(_variable(path))
        else:
            parts.append(token["escaped"] or token["literal"])
    return lambda text: _evaluate(parts, text)


def _variable(path: str) -> Callable[[object], str]:
    import jsonpath  # slow to import, and only APIs with routes of their own need it

    try:
        query = jsonpath.compile("$" + path)
    except jsonpath.JSONPathError as error:
        # The other lines only point to the position with an arrow.
        why = str(error).partition("\n")[0]
        raise InvalidExpression(f"$request.body{path}: {why}") from error
    # A message that is neither object nor array never gets here: see _evaluate.
    return lambda body: _as_text([match.obj for match in query.finditer(body)])  # type: ignore[arg-type]


def _evaluate(parts: list[str | Callable[[object], str]], text: str) -> str:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    is_container = isinstance(body, dict | list)
    return "".join(
        part if isinstance(part, str) else part(body) if is_container else "" for part in parts
    )


def _as_text(found: list[object]) -> str:
    if not found:
        return ""
    value = found[0] if len(found) == 1 else found
    match value:
        case None:
            return ""
        case str():
            return value
        case list():
            return "[" + ", ".join(_as_text([item]) for item in value) + "]"
        case _:
            return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
