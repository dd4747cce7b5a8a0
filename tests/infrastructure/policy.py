"""Analysis of policies: the actions that they allow, and whether these exist."""

import json
import sys
import warnings
from fnmatch import fnmatchcase
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

Statement = dict[str, Any]


def listed(value: str | list[str]) -> list[str]:
    """Return one value or several as a list."""
    return [value] if isinstance(value, str) else value


def allows(policy: dict[str, Any], action: str, resource: str) -> bool:
    """Return whether a policy of plain Allow statements allows an action on a resource.

    Raises:
        AssertionError: the policy has other statements.
    """
    for statement in policy["Statement"]:
        assert statement["Effect"] == "Allow"
        assert not {"NotAction", "NotResource", "Condition"} & statement.keys()
        if any(
            fnmatchcase(action.lower(), pattern.lower()) for pattern in listed(statement["Action"])
        ) and any(fnmatchcase(resource, pattern) for pattern in listed(statement["Resource"])):
            return True
    return False


def findings(policy: dict[str, Any]) -> list[str]:
    """Return the findings of parliament, which has a list of all actions of AWS."""
    analyse = _parliament().analyze_policy_string
    return [f"{found.issue}: {found.detail}" for found in analyse(json.dumps(policy)).findings]


@cache
def _parliament() -> Any:
    # It finds its two data files with pkg_resources, which setuptools has no longer.
    pkg_resources = ModuleType("pkg_resources")
    vars(pkg_resources)["resource_filename"] = _resource_filename
    with warnings.catch_warnings(), mock.patch.dict(sys.modules, pkg_resources=pkg_resources):
        # It does not close these files.
        warnings.simplefilter("ignore", ResourceWarning)
        import parliament  # type: ignore[import-untyped]
    return parliament


def _resource_filename(package: str, name: str) -> str:
    spec = find_spec(package) if package not in sys.modules else sys.modules[package].__spec__
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).with_name(name))
