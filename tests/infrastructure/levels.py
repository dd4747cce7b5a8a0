"""How deep a run went."""

from typing import Final, NamedTuple

LEVELS: Final = {
    "format": "the text is formatted, every variable and output described",
    "validate": "the real provider takes the module, and refuses bad input with a sentence",
    "mocked": "the module's own tests, as a user runs them",
    "apply": "applied, asserted, planned again, changed, drifted, destroyed; nothing left",
    "iam": "the policy allows what the function calls, and nothing else",
    "mutations": "every single-line mistake is caught by a level",
    "alive": "deployed where connections are real: host and player talk through the deployed zip",
}


class Tally:
    """What became of the tests of each level."""

    def __init__(self) -> None:
        self.passed: dict[str, int] = dict.fromkeys(LEVELS, 0)
        self.not_passed: dict[str, int] = dict.fromkeys(LEVELS, 0)
        self.missing: str | None = None
        """Why the deeper levels could not run."""
        self.cases: dict[str, str] = {}
        """What became of each case of the level alive."""

    def count(self, level: str, *, passed: bool) -> None:
        """Count a test."""
        (self.passed if passed else self.not_passed)[level] += 1

    def deepest(self) -> str | None:
        """Return the deepest level that was reached without a gap."""
        reached = None
        for level in LEVELS:
            if not self.passed[level] or self.not_passed[level]:
                break
            reached = level
        return reached

    def lines(self) -> list["Line"]:
        """Return a line per level, and the closing one."""
        lines = [Line(f"{state}  {case}", good=True) for case, state in self.cases.items()]
        for number, (level, meaning) in enumerate(LEVELS.items(), start=1):
            passed, others = self.passed[level], self.not_passed[level]
            state = "NOT RUN" if not passed + others else "NOT REACHED" if others else "reached"
            good = state == "reached"
            lines.append(Line(f"level {number}  {level:9}  {state:11}  {meaning}", good))
        if self.missing is not None:
            lines.append(Line(f"MISSING: {self.missing}", good=False))
        deepest = self.deepest()
        number = [*LEVELS].index(deepest) + 1 if deepest else 0
        closing = f"deepest level reached: {number} of {len(LEVELS)}, {deepest or 'none'}"
        return [*lines, Line(closing, number == len(LEVELS))]


class Line(NamedTuple):
    """A line of the report."""

    text: str
    good: bool
