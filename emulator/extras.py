"""Extras of the distribution: the packages that an optional part of the product needs."""

import re
import sys
from importlib.metadata import PackageNotFoundError, requires

_REQUIREMENT = re.compile(r"""(?P<package>[^;\s]+)\s*;.*\bextra\s*==\s*["'](?P<extra>[^"']+)["']""")


def missing(part: str, *extras: str) -> str:
    """Return the sentence for a part whose extras are not installed, with the command to run.

    The command names this interpreter, because another `pip` would install elsewhere, and the
    packages themselves, because no package index has poker-signal.
    """
    packages = _packages(extras)
    if not packages:
        return f"{part} needs the extra {','.join(extras)} of poker-signal"
    command = " ".join(map(_quoted, [sys.executable, "-m", "pip", "install", *packages]))
    return f"{part} needs more packages: {command}"


def _quoted(word: str) -> str:
    """Return a word as every shell reads it, Windows' too."""
    return word if re.fullmatch(r"[\w./:\\-]+", word) else f'"{word}"'


def _packages(extras: tuple[str, ...]) -> list[str]:
    """Return the requirements of extras, each once; none if this is no installed distribution."""
    try:
        requirements = requires("poker-signal") or []
    except PackageNotFoundError:
        return []
    found = filter(None, map(_REQUIREMENT.match, requirements))
    return list(dict.fromkeys(each["package"] for each in found if each["extra"] in extras))
