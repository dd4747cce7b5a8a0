"""Loading and unloading of handlers, and the errors of handlers that cannot be loaded."""

import importlib
import re
import sys
from pathlib import Path

import pytest

from poker_signal.emulator.functions.handler_loader import BadHandler, HandlerImports


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a handler, a module that it imports, and files without a usable handler."""
    (tmp_path / "beside.py").write_text("ANSWER = 42\n")
    (tmp_path / "fn.py").write_text(
        "import beside\nVALUE = 1\nasync def later(e, c): ...\n"
        "def handler(event, context): return {'statusCode': beside.ANSWER}\n"
    )
    (tmp_path / "broken.py").write_text("import beside\nimport no_such_module_at_all\n")
    (tmp_path / "torn.py").write_text("def handler(event, context:\n")
    (tmp_path / "leaving.py").write_text("raise SystemExit(3)\n")
    return tmp_path


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("fn.py", "a handler is MODULE:FUNCTION or FILE.py:FUNCTION"),
        (":handler", "a handler is MODULE:FUNCTION or FILE.py:FUNCTION"),
        ("nowhere.py:handler", "no such file"),
        ("nowhere:handler", "nowhere:handler: ModuleNotFoundError: No module named 'nowhere'"),
        ("broken.py:handler", "{}/broken.py:2: ModuleNotFoundError: No module named 'no_such_mod"),
        ("torn.py:handler", "{}/torn.py:1: SyntaxError: "),
        ("leaving.py:handler", "{}/leaving.py:1: SystemExit: 3"),
        ("fn.py:other", "fn.py has no other"),
        ("fn.py:VALUE", "VALUE is not a function but int"),
        ("fn.py:later", "later is a coroutine function, which Lambda does not await"),
    ],
)
def test_a_handler_that_cannot_be_called_is_explained(
    project: Path, reference: str, says: str
) -> None:
    """The error is one line with the place of the mistake; no module and no path is left."""
    imports = HandlerImports(project)
    path, modules = [*sys.path], {**sys.modules}
    with pytest.raises(BadHandler, match=re.escape(says.format(project))) as caught:
        imports.load(reference)
    assert "\n" not in str(caught.value)
    imports.forget()
    assert (sys.path, sys.modules) == (path, modules)


def test_nothing_stays_of_a_handler(project: Path) -> None:
    """Other modules of the same names are restored; a second load imports anew."""
    (project / "library" / "fn").mkdir(parents=True)
    (project / "library" / "fn" / "__init__.py").write_text("")
    (project / "library" / "fn" / "models.py").write_text("")
    sys.path.insert(0, str(project / "library"))
    try:
        package = importlib.import_module("fn")
        path, modules = [*sys.path], {**sys.modules}
        handlers = []
        for reference in ("fn.py:handler", "fn.py:handler", "beside:print"):
            imports = HandlerImports(project)
            (project / "beside.py").write_text("from builtins import print\nANSWER = []\n")
            handlers.append(imports.load(reference))
            assert sys.modules["fn"] is package
            assert "beside" in sys.modules
            imports.forget()
            assert sys.path == path
            assert sys.modules == modules
        first, second, _ = (handler({}, None) for handler in handlers)
        assert first["statusCode"] is not second["statusCode"]
        importlib.import_module("fn.models")
    finally:
        sys.path.remove(str(project / "library"))
        for name in ("fn", "fn.models"):
            sys.modules.pop(name, None)


@pytest.mark.parametrize("goes_first", [0, 1])
def test_two_emulators_with_one_handler_leave_nothing(project: Path, goes_first: int) -> None:
    """Either emulator may stop first; modules beside a handler can be imported, as in Lambda."""
    path, modules = [*sys.path], {**sys.modules}
    both = [HandlerImports(project), HandlerImports(project)]
    for imports, reference in zip(both, ("fn.py:handler", "fn:handler"), strict=True):
        assert imports.load(reference)({}, None) == {"statusCode": 42}
    both.pop(goes_first).forget()
    assert str(project) in sys.path
    both.pop().forget()
    assert (sys.path, sys.modules) == (path, modules)


@pytest.mark.parametrize("folders", [("chat", "auth"), (".", "sub"), ("sub", "."), ("a", "a/b")])
def test_each_function_gets_the_helpers_that_lie_beside_it(
    tmp_path: Path, folders: tuple[str, str]
) -> None:
    """A handler imports from its own folder, also if names are equal or it is loaded again."""
    for name in folders:
        folder = tmp_path / name
        (folder / "package").mkdir(parents=True)
        (folder / "helper.py").write_text(f"NAME = {name!r}\n")
        # A folder without __init__.py is a package as well.
        (folder / "package" / "within.py").write_text(f"NAME = {name!r}\n")
        (folder / "app.py").write_text(
            "import helper, package.within\n"
            "def handler(event, context): return helper.NAME, package.within.NAME\n"
        )
    path, modules = [*sys.path], {**sys.modules}
    imports = HandlerImports(tmp_path)
    one, other = folders
    for name in (one, other, one, other, other):
        assert imports.load(f"{name}/app.py:handler")({}, None) == (name, name)
    files = {str(getattr(module, "__file__", "")) for module in sys.modules.values()}
    assert {str(tmp_path / name / "app.py") for name in folders} <= files
    imports.forget()
    assert (sys.path, sys.modules) == (path, modules)


def test_what_a_handler_imports_when_it_is_called_goes_as_well(project: Path) -> None:
    """Imports during a call are removed, but not those that the caller made meanwhile."""
    (project / "lazy.py").write_text(
        "def handler(event, context):\n    import beside\n    return beside\n"
    )
    (project / "callers.py").touch()
    imports = HandlerImports(project)
    handler = imports.load("lazy.py:handler")
    modules = {**sys.modules}
    callers = importlib.import_module("callers")
    try:
        assert handler({}, None) is sys.modules["beside"]
        imports.forget()
        del modules["lazy"]
        assert sys.modules == {**modules, "callers": callers}
    finally:
        sys.modules.pop("callers", None)
