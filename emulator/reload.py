"""Hot reload: whoever edits the rules or a handler has them a moment later; sockets and rows stay.

Watched and imported in a thread of its own, swapped on the event loop between two messages.
"""

import importlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import watchfiles

import poker_signal.core
from poker_signal.core.model import Row
from poker_signal.emulator.core_host import CoreHost
from poker_signal.emulator.fresh_code import (
    CORE,
    Place,
    Rebinding,
    imported_anew,
    modules_below,
    place_of,
    put_in_place,
)
from poker_signal.emulator.integration import Api, Integration
from poker_signal.emulator.lambda_host import Handler, load_handler

if TYPE_CHECKING:
    from poker_signal.emulator.config import ApiConfig

DEBOUNCE_MS = 100
"""Editors write a file in several steps."""

Load = Callable[[str, Path], Handler]


class CodeStatus(NamedTuple):
    """Whether what runs is what was written."""

    ok: bool
    """If not, the code before the last edit runs."""
    message: str
    """What was swapped, or the mistake."""
    place: Place | None
    """Where the mistake is."""
    at_ms: int
    swaps: int
    """How often the code has been swapped since the start."""


class Code(NamedTuple):
    """What is watched, and who runs it."""

    config: "ApiConfig | None"
    """None: our own rules only."""
    folder: Path
    api: Callable[[], Api]
    """What is served now."""
    rebuild: Callable[[Load], Api]
    """Make it anew, with handlers that have been loaded."""
    serve: Callable[[Api], None]


class _Loaded(NamedTuple):
    old: Mapping[str, ModuleType]
    fresh: Mapping[str, ModuleType]
    handlers: dict[str, Handler]


class Reloader:
    """Watches code and swaps it.

    ``report`` is called in the thread that watches, with every success and every mistake.
    """

    def __init__(
        self,
        code: Code,
        call_soon: Callable[[Callable[[], None]], object],
        report: Callable[[CodeStatus], None],
    ) -> None:
        self.status = CodeStatus(True, "as at the start", None, _now_ms(), 0)
        self._code = code
        self._call_soon = call_soon
        self._report = report
        self._references = _references(code.config)
        core = Path(next(iter(poker_signal.core.__path__))).resolve()
        folders = set(self._folders_of_handlers())
        # The Lambda host runs the core: both are swapped, or none.
        self._core_folders = {core, *(each for each in folders if each.parent == core.parent)}
        self._handler_folders = folders - self._core_folders
        """All are swapped together: each may import what lies in another."""
        self._handlers: dict[str, Handler] = {}
        """Those that have been loaded anew."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="reload", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Watch no longer."""
        self._stop.set()
        self._thread.join(1)

    @property
    def _folders(self) -> set[Path]:
        return self._core_folders | self._handler_folders

    def _folders_of_handlers(self) -> Iterable[Path]:
        for reference in self._references:
            source = reference.rpartition(":")[0]
            if source.endswith(".py"):
                yield (self._code.folder / source).resolve().parent
            elif (file := getattr(sys.modules.get(source), "__file__", None)) is not None:
                yield Path(file).resolve().parent

    def _watch(self) -> None:
        changes = watchfiles.watch(
            *self._folders,
            watch_filter=watchfiles.PythonFilter(),
            debounce=DEBOUNCE_MS,
            step=20,
            stop_event=self._stop,
            raise_interrupt=False,
        )
        for changed in changes:
            self._reload({Path(path) for _, path in changed})

    def _reload(self, changed: set[Path]) -> None:
        folders: set[Path] = set()
        for group in (self._core_folders, self._handler_folders):
            if any(path.is_relative_to(folder) for path in changed for folder in group):
                folders |= group
        try:
            loaded = self._load(folders, changed)
        except BaseException as error:
            # SystemExit too: a module that exits must not end what watches it.
            self._tell_mistake(error)
            return
        if loaded is None:
            return
        swapped = threading.Event()
        mistakes: list[Exception] = []

        def swap() -> None:
            try:
                self._swap(loaded)
            except Exception as error:
                mistakes.append(error)
            finally:
                swapped.set()

        self._call_soon(swap)
        swapped.wait()
        if mistakes:
            self._tell_mistake(mistakes[0])
            return
        names = ", ".join(sorted({path.name for path in changed}))
        self.status = CodeStatus(True, names, None, _now_ms(), self.status.swaps + 1)
        self._report(self.status)

    def _load(self, folders: set[Path], changed: set[Path]) -> _Loaded | None:
        """Import what is in these folders anew; None if nothing of it is in use."""
        old = modules_below(folders)
        references = [each for each in self._references if self._is_in(each, old)]
        if not old:
            return None

        def load() -> dict[str, Handler]:
            for name in old:
                if name.startswith(CORE):
                    importlib.import_module(name)
            return {each: load_handler(each, self._code.folder) for each in references}

        fresh, handlers = imported_anew(old, changed, load)
        return _Loaded(old, fresh, handlers)

    def _is_in(self, reference: str, modules: Mapping[str, ModuleType]) -> bool:
        source = reference.rpartition(":")[0]
        name = Path(source).stem if source.endswith(".py") else source
        return name in modules

    def _swap(self, loaded: _Loaded) -> None:
        """Let the next message find the new code; all of it, or nothing."""
        rebinding = Rebinding({
            name: module for name, module in loaded.fresh.items() if name.startswith(CORE)
        })  # fmt: skip
        before = self._code.api()
        rows = {
            key: [rebinding.renewed(row) for row in route.integration.rows()]
            for key, route in before.routes.items()
            if isinstance(route.integration, CoreHost)
        }
        handlers = {**self._handlers, **loaded.handlers}

        def known(reference: str, folder: Path) -> Handler:
            # What was not edited is not imported again.
            return handlers.get(reference) or load_handler(reference, folder)

        put_in_place(loaded.fresh)
        try:
            rebinding.apply()
            api = self._code.rebuild(known)
            _hand_over(rows, api)
        except Exception:
            rebinding.undo()
            put_in_place(loaded.old)
            raise
        self._handlers = handlers
        self._code.serve(api)

    def _tell_mistake(self, error: BaseException) -> None:
        cause = error.__cause__ or error
        place = place_of(cause, self._folders)
        message = f"{type(cause).__name__}: {getattr(cause, 'msg', None) or cause}"
        self.status = CodeStatus(False, message, place, _now_ms(), self.status.swaps)
        self._report(self.status)


def _references(config: "ApiConfig | None") -> list[str]:
    if config is None:
        return []
    handlers = (function.handler for function in config.functions.values())
    return [handler for handler in dict.fromkeys(handlers) if handler != "core"]


def _hand_over(rows: Mapping[str, Iterable[Row]], api: Api) -> None:
    """Give the tables of new hosts the rows of the old ones."""
    done: set[Integration] = set()
    for key, of_route in rows.items():
        integration = api.routes[key].integration
        if isinstance(integration, CoreHost) and integration not in done:
            done.add(integration)
            integration.take_over(of_route)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
