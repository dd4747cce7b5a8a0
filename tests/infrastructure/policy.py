"""What a policy allows, and whether its actions exist."""

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
    """Return one or several as several."""
    return [value] if isinstance(value, str) else value


def allows(policy: dict[str, Any], action: str, resource: str) -> bool:
    """Tell whether a policy of allowing statements allows an action on a resource.

    Raises:
        AssertionError: it has statements of another kind.
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
    """Return what parliament, which knows every action of AWS, finds odd."""
    analyse = _parliament().analyze_policy_string
    return [f"{found.issue}: {found.detail}" for found in analyse(json.dumps(policy)).findings]


@cache
def _parliament() -> Any:
    # It asks a part of setuptools that is no more where its two files of data are.
    pkg_resources = ModuleType("pkg_resources")
    vars(pkg_resources)["resource_filename"] = _resource_filename
    with warnings.catch_warnings(), mock.patch.dict(sys.modules, pkg_resources=pkg_resources):
        # Nor does it close them.
        warnings.simplefilter("ignore", ResourceWarning)
        import parliament  # type: ignore[import-untyped]
    return parliament


def _resource_filename(package: str, name: str) -> str:
    spec = find_spec(package) if package not in sys.modules else sys.modules[package].__spec__
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).with_name(name))
