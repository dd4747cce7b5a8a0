"""Durations, counts, names and close codes as text."""

_CLOSES = {
    1000: "normal closure",
    1001: "going away: the page was left, or the idle or lifetime limit was reached",
    1002: "protocol error",
    1003: "a binary frame, which API Gateway does not accept",
    1005: "closed without a code",
    1006: "the connection broke without a close frame",
    1007: "text that is not UTF-8",
    1008: "policy violation",
    1009: "a message too large",
    1011: "internal error",
    1012: "the emulator was stopped",
}

MAX_NAME = 40
"""Characters of a name in a sentence; a longer name is cut, so that the rest stays visible."""


def seconds(ms: float) -> str:
    """Return ``0.4 s``; below 100 ms with two decimals, so that a short time is not ``0.0 s``."""
    value = ms / 1000
    return f"{value:.{2 if abs(value) < 0.1 else 1}f} s"


def many(count: int, noun: str, plural: str | None = None) -> str:
    """Return ``1 candidate`` or ``3 candidates``."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def quoted(name: object) -> str:
    """Return a peer's name in quotes; HOST, which is a role, without."""
    text = str(name)
    if text == "HOST":
        return text
    return f"“{text[: MAX_NAME - 1]}…”" if len(text) > MAX_NAME else f"“{text}”"


def close_meaning(code: int) -> str:
    """Return the meaning of a close code; empty: unknown."""
    return _CLOSES.get(code, "")


def is_similar(one: str, other: str) -> bool:
    """Return whether one of two different names is probably a misspelling of the other."""
    if one == other:
        return False
    first, second = _folded(one), _folded(other)
    if first == second:
        return True
    return min(len(first), len(second)) >= 3 and _is_one_edit_apart(first, second)


def _folded(text: str) -> str:
    upper = " ".join(text.upper().split()).replace("O", "0")
    return upper.replace("I", "1").replace("L", "1").replace("-", "").replace("_", "")


def _is_one_edit_apart(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) > 1:
        return False
    at = next((i for i, char in enumerate(short) if char != long[i]), len(short))
    if len(short) < len(long):
        return short[at:] == long[at + 1 :]
    is_swapped = short[at : at + 2] == long[at : at + 2][::-1] and short[at + 2 :] == long[at + 2 :]
    return short[at + 1 :] == long[at + 1 :] or is_swapped
