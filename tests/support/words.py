"""Check of words in `make check`: docstrings begin with a noun or verb, pronouns hide no agent.

Two rules of CONTRIBUTING.md that a program can hold. Prints one line per fault (``path:line: …``);
exit code 1 if there are any.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]

# A docstring that begins with one of these describes its subject instead of naming it.
FIRST_WORDS = re.compile(
    r"(what|who|whom|whose|how|where|whether|whoever|whatever|wherever)\b", re.IGNORECASE
)
# The part that acts has a name: client, peer, handler, reader thread, developer, operator.
PRONOUNS = re.compile(r"\b(whoever|whomever|nobody|somebody|everybody)\b", re.IGNORECASE)
# Documentation comments of JavaScript and descriptions of Terraform are docstrings as well.
DOCUMENTED = {
    ".js": re.compile(r"/\*\*\s*\*?\s*(?P<text>[^*\n]+)"),
    ".ts": re.compile(r"/\*\*\s*\*?\s*(?P<text>[^*\n]+)"),
    ".yaml": re.compile(r"^\s*description:\s*(?P<text>\w.+)", re.MULTILINE),
    ".tf": re.compile(r'^\s*description\s*=\s*"(?P<text>[^"]+)', re.MULTILINE),
}
SUFFIXES = {".py", ".pyi", ".js", ".ts", ".tf", ".md", ".html", ".css", ".toml", ".yaml", ".sh"}

# Sentences in which the pronoun is the right word, at most ten: path, then the line's text.
ALLOWED: frozenset[tuple[str, str]] = frozenset()


def main() -> int:
    """Check every file that git knows; return the exit code."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = sys.argv[1:] or listed.splitlines()
    faults = [fault for name in names for fault in check(name)]
    print(*faults, sep="\n", end="\n" if faults else "")
    return bool(faults)


def check(name: str) -> Iterator[str]:
    """Yield the faults of one file, by its path from the project's root."""
    path = ROOT / name
    if not (path.suffix in SUFFIXES or path.name == "Makefile") or not path.is_file():
        return
    yield from faults(name, path.read_text(encoding="utf-8"))


def faults(name: str, text: str) -> Iterator[str]:
    """Yield the faults of a text: ``path:line: what is wrong``."""
    for line, documentation in documented(name, text):
        if found := FIRST_WORDS.match(documentation):
            yield f"{name}:{line}: “{found[0]} …” describes; begin with a noun or a verb"
    if name in {"tests/support/words.py", "tests/support/test_words.py"}:
        return
    for line, sentence in enumerate(text.splitlines(), start=1):
        if (found := PRONOUNS.search(sentence)) and (name, sentence.strip()) not in ALLOWED:
            yield f"{name}:{line}: “{found[0]}” hides the part that acts; name it"


def documented(name: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of everything in a file that documents a name."""
    suffix = Path(name).suffix
    if suffix == ".py":
        # Docstrings, and the strings below attributes.
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.Expr(value=ast.Constant(value=str(documentation))):
                    yield node.lineno, documentation.strip()
    elif pattern := DOCUMENTED.get(suffix):
        for found in pattern.finditer(text):
            yield text.count("\n", 0, found.start("text")) + 1, found["text"].strip()


if __name__ == "__main__":
    sys.exit(main())
