"""Swapping of modules: fresh code replaces the old in one step, or not at all."""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import poker_signal.emulator.settings as settings_module
from poker_signal.core import configuration, model
from poker_signal.core.configuration import Rules, Topology
from poker_signal.core.model import ConnectionId, GameId, PlayerId, Row
from poker_signal.emulator.functions.modules import Place, place_of
from poker_signal.emulator.reload.module_swap import (
    Rebinding,
    imported_anew,
    modules_below,
    put_in_place,
)

ROW = Row(ConnectionId("a"), PlayerId("Zoë"), GameId("G1"), "2026", 5, "s", frozenset("b"))  # type: ignore[arg-type]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An imported package: ``edited`` with ``one``, which imports ``two``."""
    folder = tmp_path / "edited"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "one.py").write_text("from edited.two import NUMBER\n")
    (folder / "two.py").write_text("NUMBER = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    _import("edited.one")
    yield folder
    for name in ("edited", "edited.one", "edited.two"):
        sys.modules.pop(name, None)


def _import(name: str) -> ModuleType:
    __import__(name)
    return sys.modules[name]


def anew(package: Path) -> dict[str, ModuleType]:
    """Import the package anew."""
    old = modules_below([package])
    files = [Path(str(module.__file__)) for module in old.values()]
    fresh, _ = imported_anew(old, files, lambda: _import("edited.one"))
    return fresh


def test_what_runs_goes_on_with_the_old_code_until_it_is_exchanged(package: Path) -> None:
    """An import in the meantime returns the old module as well."""
    old = sys.modules["edited.one"]
    (package / "two.py").write_text("NUMBER = 2\n")
    fresh = anew(package)
    assert fresh.keys() == {"edited", "edited.one", "edited.two"}
    assert sys.modules["edited.one"] is sys.modules["edited"].one is old
    put_in_place(fresh)
    one = _import("edited.one")
    assert (one, one.NUMBER) == (fresh["edited.one"], 2)


@pytest.mark.parametrize("mistake", ["NUMBER = = 2", "import edited.three", "raise SystemExit"])
def test_a_mistake_changes_nothing(package: Path, mistake: str) -> None:
    """The exception is raised, with its place."""
    before = {name: sys.modules[name] for name in ("edited", "edited.one", "edited.two")}
    (package / "two.py").write_text(f"\n{mistake}\n")
    with pytest.raises((SyntaxError, ImportError, SystemExit)) as caught:
        anew(package)
    assert place_of(caught.value, [package]) == Place(str(package / "two.py"), 2)
    assert place_of(ValueError("x"), [package]) is None
    assert {name: sys.modules[name] for name in before} == before
    assert "edited.three" not in sys.modules
    put_in_place(before)


def test_libraries_beside_a_handler_are_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modules without source, and those of the emulator, are not reloaded either."""
    ours = {"a_handler", "poker_signal.core.something", "poker_signal.lambda_app.something"}
    for name in {*ours, "a_library", "an_extension", "poker_signal.emulator.something"}:
        module = ModuleType(name)
        folder = ".venv/lib/python3.11/site-packages/" if name == "a_library" else ""
        module.__file__ = str(
            tmp_path / f"{folder}{name}{'.so' if name == 'an_extension' else '.py'}"
        )
        monkeypatch.setitem(sys.modules, name, module)
    assert modules_below([tmp_path]).keys() == ours


def executed(original: ModuleType) -> ModuleType:
    """Execute a module a second time."""
    module = ModuleType(original.__name__)
    exec(Path(str(original.__file__)).read_text(), module.__dict__)
    return module


def test_values_become_those_of_the_fresh_classes() -> None:
    """Rows and effects change their class; other values stay as they are."""
    fresh_model = executed(model)
    rebinding = Rebinding({model.__name__: fresh_model})
    row = rebinding.renewed(ROW)
    assert (type(row), row) == (fresh_model.Row, fresh_model.Row(*ROW))
    assert row != ROW
    saved = rebinding.renewed(model.Save(ROW))
    assert type(saved.row) is fresh_model.Row
    # Rules are of another module, which has not been imported anew.
    assert rebinding.renewed(Rules()) == Rules()
    assert rebinding.renewed(frozenset({ROW})) == frozenset({row})
    assert rebinding.renewed({"a": 1}) == {"a": 1}


def test_fields_come_and_go() -> None:
    """An added field needs a default."""
    fresh_model, source = executed(model), Path(model.__file__).read_text()
    gone = source.replace("    session: str | None = None\n", "    colour: str = 'red'\n")
    exec(gone, fresh_model.__dict__)
    row = Rebinding({model.__name__: fresh_model}).renewed(ROW)
    assert (row.colour, row.reached, hasattr(row, "session")) == ("red", ROW.reached, False)
    exec(source.replace("    ttl: int\n", "    ttl: int\n    size: int\n"), fresh_model.__dict__)
    with pytest.raises(TypeError, match="'size'"):
        Rebinding({model.__name__: fresh_model}).renewed(ROW)


def test_the_emulators_references_are_exchanged_and_back() -> None:
    """References of other modules stay; members of an enumeration are compared by identity."""
    module = executed(configuration)
    fresh, rebinding = module.Topology, Rebinding({configuration.__name__: module})
    assert rebinding.renewed(Topology.STAR) is fresh.STAR
    try:
        rebinding.apply()
        assert settings_module.Topology is fresh  # type: ignore[attr-defined]
        assert Topology is configuration.Topology is not fresh
        assert sys.modules["poker_signal.core.routing"].__dict__["Topology"] is Topology
    finally:
        rebinding.undo()
    assert settings_module.Topology is Topology  # type: ignore[attr-defined]
