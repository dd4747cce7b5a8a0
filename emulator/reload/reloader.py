"""Hot reload: edited rules and handlers replace the running ones; sockets and rows stay.

A thread watches and imports the code. The event loop swaps it between two messages.
"""

import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import watchfiles
from watchfiles.main import FileChange

import poker_signal.core
from poker_signal.core.model import Note, Row
from poker_signal.emulator.aws.results import Integration
from poker_signal.emulator.clock import now_ms
from poker_signal.emulator.functions.handler_loader import Handler
from poker_signal.emulator.functions.modules import Place, place_of, place_of_thread
from poker_signal.emulator.functions.signaling import SignalingFunction, end_waits
from poker_signal.emulator.gateway.routes import Api
from poker_signal.emulator.reload.module_swap import (
    CORE,
    Rebinding,
    imported_anew,
    modules_below,
    put_in_place,
)

if TYPE_CHECKING:
    from poker_signal.emulator.gateway.config import ApiConfig

DEBOUNCE_MS = 100
"""Time in which edits are collected, because editors write a file in several steps."""

LOOK_AGAIN_MS = 1000
"""Interval at which the thread checks whether the folders are still the same."""


LONG_IMPORT_S = 2.0
"""Seconds after which a running import is reported, because it may never end."""


class CodeStatus(NamedTuple):
    """The result of the last edit."""

    ok: bool
    """False: the code from before the last edit runs."""
    message: str
    """The names of the swapped files, or the error."""
    place: Place | None
    """The position of the error; None: unknown, or no error."""
    at_ms: int
    swaps: int
    """Number of swaps since the start."""


class Code(NamedTuple):
    """The code to watch, and the functions that serve it."""

    config: "ApiConfig | None"
    """None: our own rules only."""
    folder: Path
    load: Callable[[str], Handler] | None
    """Function that imports a handler; None: there are no handlers."""
    handlers: Mapping[str, Handler]
    """The running handlers, by function name."""
    api: Callable[[], Api]
    """Function that returns the API served now."""
    rebuild: Callable[[Mapping[str, Handler]], Api]
    """Function that returns a new API with these handlers."""
    serve: Callable[[Api], None]


class _Loaded(NamedTuple):
    old: Mapping[str, ModuleType]
    fresh: Mapping[str, ModuleType]
    handlers: dict[str, Handler]


class Reloader:
    """Watcher that swaps edited code.

    ``report`` is called in another thread, after every swap and every error.
    """

    def __init__(
        self,
        code: Code,
        call_soon: Callable[[Callable[[], None]], object],
        report: Callable[[CodeStatus], None],
    ) -> None:
        self.status = CodeStatus(True, "unchanged since the start", None, now_ms(), 0)
        self._code = code
        self._call_soon = call_soon
        self._report = report
        self._references = {} if code.config is None else code.config.handlers
        core = Path(next(iter(poker_signal.core.__path__))).resolve()
        folders = set(self._folders_of_handlers())
        # lambda_app imports core, so both are swapped together.
        self._core_folders = {core, *(each for each in folders if each.parent == core.parent)}
        self._handler_folders = folders - self._core_folders
        """All are swapped together, because a handler may import modules of another folder."""
        self._handlers = {**code.handlers}
        self._seen = self._stamps()
        self._waiting: set[Path] = set()
        """Edited files that are not swapped yet."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="reload", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join(1)

    @property
    def _folders(self) -> set[Path]:
        return self._core_folders | self._handler_folders

    def _folders_of_handlers(self) -> Iterable[Path]:
        for reference in self._references.values():
            source = reference.rpartition(":")[0]
            if source.endswith(".py"):
                yield (self._code.folder / source).resolve().parent
            elif (file := getattr(sys.modules.get(source), "__file__", None)) is not None:
                yield Path(file).resolve().parent

    def _watch(self) -> None:
        """Reload changed files, until closed.

        A folder that is deleted and made again, for example by checking out a branch, needs a new
        watch: that of the old folder reports nothing more.
        """
        while not self._stop.is_set():
            # A folder that does not exist now may exist at the next attempt.
            with suppress(FileNotFoundError), _identities(self._folders) as watched:
                self._watch_while_there(watched)
            self._stop.wait(DEBOUNCE_MS / 1000)

    def _watch_while_there(self, watched: Mapping[Path, tuple[int, int]]) -> None:
        is_watched = False
        for changes in self._changes(watched):
            changed = {Path(path) for _, path in changes}
            if changed or not is_watched:
                now, seen = self._stamps(), self._seen
                # A file that is written in several steps may be reported once more.
                changed -= {file for file in now if now[file] == seen.get(file)}
                if not is_watched:
                    # watchfiles does not report edits from before the watch started.
                    changed |= {file for file in now if now[file] != seen.get(file, now[file])}
                is_watched, self._seen = True, now
            if changed:
                self._reload(changed)
            with _identities(self._folders) as found:
                if found != watched:
                    return

    def _stamps(self) -> dict[Path, tuple[int, int]]:
        """Return modification time (ns) and size of the imported files; (0, 0): deleted."""
        stamps = {}
        for module in modules_below(self._folders).values():
            file = Path(str(module.__file__)).resolve()
            try:
                status = file.stat()
                stamps[file] = status.st_mtime_ns, status.st_size
            except OSError:
                stamps[file] = 0, 0
        return stamps

    def _changes(self, folders: Iterable[Path]) -> Iterable[set[FileChange]]:
        return watchfiles.watch(
            *folders,
            watch_filter=watchfiles.PythonFilter(),
            debounce=DEBOUNCE_MS,
            step=20,
            stop_event=self._stop,
            rust_timeout=LOOK_AGAIN_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
        )

    def _reload(self, changed: set[Path]) -> None:
        # Edits that could not be swapped are tried again with the next ones, all or none.
        changed = self._waiting = self._waiting | changed
        folders: set[Path] = set()
        for group in (self._core_folders, self._handler_folders):
            if any(path.is_relative_to(folder) for path in changed for folder in group):
                folders |= group
        try:
            with self._telling_what_takes_long():
                loaded = self._load(folders, changed)
            if loaded is not None:
                self._swap_between_messages(loaded)
        except BaseException as error:
            # SystemExit too: a module that exits must not end this thread. An emulator that has
            # stopped meanwhile cannot swap, which is no error.
            if not self._stop.is_set():
                self._tell_mistake(error)
            return
        self._waiting = set()
        if loaded is None:
            return
        names = ", ".join(sorted({path.name for path in changed}))
        self._tell(CodeStatus(True, names, None, now_ms(), self.status.swaps + 1))

    @contextmanager
    def _telling_what_takes_long(self) -> Iterator[None]:
        """Report the position of an import that takes longer than LONG_IMPORT_S."""
        importing, lock = threading.get_ident(), threading.Lock()

        def tell() -> None:
            with lock:
                if timer.finished.is_set() or self._stop.is_set():
                    return
                place = place_of_thread(importing, self._folders)
                message = f"the import takes more than {LONG_IMPORT_S:g} s; later edits wait for it"
                self._tell(CodeStatus(False, message, place, now_ms(), self.status.swaps))

        timer = threading.Timer(LONG_IMPORT_S, tell)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            # Wait for a running warning, so that it is reported before the result.
            with lock:
                timer.cancel()

    def _swap_between_messages(self, loaded: _Loaded) -> None:
        swapped: Future[None] = Future()

        def swap() -> None:
            try:
                self._swap(loaded)
            except Exception as error:
                swapped.set_exception(error)
            else:
                swapped.set_result(None)

        self._call_soon(swap)
        swapped.result()

    def _load(self, folders: set[Path], changed: set[Path]) -> _Loaded | None:
        """Import the modules in these folders anew; None: none of them is in use."""
        old = modules_below(folders)
        if not old:
            return None

        def load() -> dict[str, Handler]:
            handlers = {}
            for name in old:
                if name.startswith(CORE):
                    importlib.import_module(name)
            for function, reference in self._references.items():
                source = reference.rpartition(":")[0]
                path = (self._code.folder / source).resolve()
                if source in old or any(path.is_relative_to(folder) for folder in folders):
                    assert self._code.load is not None
                    handlers[function] = self._code.load(reference)
            # Modules that handlers import only when called: their errors are reported now, too.
            for name in old:
                if name not in sys.modules and _can_be_found(name):
                    importlib.import_module(name)
            return handlers

        fresh, handlers = imported_anew(old, changed, load)
        return _Loaded(old, fresh, handlers)

    def _swap(self, loaded: _Loaded) -> None:
        """Install the fresh code for the next message, all of it or nothing."""
        rebinding = Rebinding({
            name: module for name, module in loaded.fresh.items() if name.startswith(CORE)
        })  # fmt: skip
        before = self._code.api()
        planned = {
            key: [(rebinding.renewed(note), at) for note, at in route.integration.planned()]
            for key, route in before.routes.items()
            if isinstance(route.integration, SignalingFunction)
        }
        # Messages that wait hold values of the old classes.
        end_waits(route.integration for route in before.routes.values())
        rows = {
            key: [rebinding.renewed(row) for row in route.integration.rows.rows()]
            for key, route in before.routes.items()
            if isinstance(route.integration, SignalingFunction)
        }
        handlers = {**self._handlers, **loaded.handlers}
        put_in_place(loaded.fresh, loaded.old)
        try:
            rebinding.apply()
            api = self._code.rebuild(handlers)
            _hand_over(rows, api)
            _plan_again(planned, api)
        except Exception:
            rebinding.undo()
            put_in_place(loaded.old, loaded.fresh)
            raise
        self._handlers = handlers
        self._code.serve(api)

    def _tell_mistake(self, error: BaseException) -> None:
        cause = error.__cause__ or error
        place = place_of(cause, self._folders)
        message = f"{type(cause).__name__}: {getattr(cause, 'msg', None) or cause}"
        self._tell(CodeStatus(False, message, place, now_ms(), self.status.swaps))

    def _tell(self, status: CodeStatus) -> None:
        self.status = status
        self._report(status)


def _can_be_found(module: str) -> bool:
    """Tell whether a module that was imported once can still be found."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        # Its package is gone.
        return False


@contextmanager
def _identities(folders: Iterable[Path]) -> Iterator[dict[Path, tuple[int, int]]]:
    """Yield device and inode of existing folders; kept open, so that no inode is reused."""
    with ExitStack() as stack:
        found = {}
        for folder in folders:
            with suppress(OSError):
                file = os.open(folder, os.O_RDONLY)
                stack.callback(os.close, file)
                status = os.fstat(file)
                found[folder] = status.st_dev, status.st_ino
        yield found


def _plan_again(planned: Mapping[str, Iterable[tuple[Note, int]]], api: Api) -> None:
    """Plan what is due later with the new functions."""
    done: set[Integration] = set()
    for key, of_route in planned.items():
        integration = api.routes[key].integration
        if isinstance(integration, SignalingFunction) and integration not in done:
            done.add(integration)
            for note, due_ms in of_route:
                integration.plan(note, due_ms)


def _hand_over(rows: Mapping[str, Iterable[Row]], api: Api) -> None:
    """Store the rows of the old tables in the tables of the new functions."""
    done: set[Integration] = set()
    for key, of_route in rows.items():
        integration = api.routes[key].integration
        if isinstance(integration, SignalingFunction) and integration not in done:
            done.add(integration)
            for row in of_route:
                integration.rows.save(row)
