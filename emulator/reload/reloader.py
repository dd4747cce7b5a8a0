"""Hot reload: edited rules and handlers replace the running ones; sockets and rows stay.

A thread watches the files. Handlers get new processes; our rules are imported anew, and swapped
between two messages.
"""

import asyncio
import importlib.util
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import watchfiles
from watchfiles.main import FileChange

import poker_signal.core
from poker_signal.emulator.clock import now_ms
from poker_signal.emulator.functions.environments import ProcessFunction
from poker_signal.emulator.gateway.routes import Api
from poker_signal.emulator.reload.own_rules import MODULES, imported_anew, renewed

DEBOUNCE_MS = 100
"""Time in which edits are collected, because editors write a file in several steps."""

LOOK_AGAIN_MS = 1000
"""Interval at which the thread checks whether the folders are still the same."""

LONG_IMPORT_S = 10.0
"""Most seconds that an import of our rules may take."""


class Place(NamedTuple):
    """The position of an error."""

    file: str
    line: int


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

    processes: Mapping[str, ProcessFunction]
    has_own: bool
    """True: our rules are served, or our Lambda function."""
    api: Callable[[], Api]
    """Function that returns the API served now."""
    rebuild: Callable[[], Api]
    """Function that returns a new API, with the rules that are imported now."""
    serve: Callable[[Api], None]


class Reloader:
    """Watcher that swaps edited code; make it on the event loop.

    ``report`` is called after every swap and every error, in any thread.
    """

    def __init__(self, code: Code, report: Callable[[CodeStatus], None]) -> None:
        self.status = CodeStatus(True, "unchanged since the start", None, now_ms(), 0)
        self._code = code
        self._report = report
        self._loop = asyncio.get_running_loop()
        core = Path(next(iter(poker_signal.core.__path__))).resolve()
        self._own = {core, core.parent / "lambda_app"} if code.has_own else set()
        self._roots = {each.program.root.resolve() for each in code.processes.values()}
        self._waiting: set[Path] = set()
        """Edited files that are not swapped yet."""
        self._stop = threading.Event()
        self._stamps = self._stamps_now()
        self._thread = threading.Thread(target=self._watch, name="reload", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join(1)

    @property
    def _folders(self) -> set[Path]:
        return self._own | self._roots

    def _watch(self) -> None:
        """Reload changed files, until closed.

        A folder that is deleted and made again, for example by checking out a branch, needs a new
        watch: that of the old folder reports nothing more.
        """
        while not self._stop.is_set():
            # A folder that does not exist now may exist at the next attempt.
            with suppress(FileNotFoundError), _identities(self._folders) as watched:
                for number, changes in enumerate(self._changes(watched)):
                    if changed := self._changed(changes, is_first=number == 0):
                        self._reload(changed)
                    with _identities(self._folders) as found:
                        if found != watched:
                            break
            self._stop.wait(DEBOUNCE_MS / 1000)

    def _changed(self, changes: set[FileChange], *, is_first: bool) -> set[Path]:
        """Return the files of a report that are not known yet.

        A file that is written in several steps may be reported twice. Edits from before a watch
        has started, which it does not report, are found with its first report.
        """
        before, self._stamps = self._stamps, self._stamps_now()
        reported = {Path(path) for _, path in changes}
        known = {file for file, stamp in self._stamps.items() if before.get(file) == stamp}
        return (reported | (self._stamps.keys() if is_first else set())) - known

    def _stamps_now(self) -> dict[Path, tuple[int, int]]:
        """Return modification time (ns) and size of the Python files at the top of the folders."""
        stamps = {}
        for folder in self._folders:
            for file in folder.glob("*.py"):
                with suppress(OSError):
                    status = file.stat()
                    stamps[file] = status.st_mtime_ns, status.st_size
        return stamps

    def _changes(self, folders: Iterable[Path]) -> Iterable[set[FileChange]]:
        return watchfiles.watch(
            *folders,
            watch_filter=_SourceFilter(),
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
        is_own = any(path.is_relative_to(folder) for path in changed for folder in self._own)
        error = _error_of_own(changed) if is_own else None
        if error is None:
            try:
                swapped = asyncio.run_coroutine_threadsafe(self._swap(changed, is_own), self._loop)
                error = swapped.result()
            except (RuntimeError, CancelledError):
                # The emulator has stopped meanwhile.
                return
        if self._stop.is_set():
            return
        if error is not None:
            self._tell(CodeStatus(False, *error, now_ms(), self.status.swaps))
            return
        self._waiting = set()
        names = ", ".join(sorted({path.name for path in changed}))
        self._tell(CodeStatus(True, names, None, now_ms(), self.status.swaps + 1))

    async def _swap(self, changed: set[Path], is_own: bool) -> tuple[str, Place | None] | None:
        """Swap handlers and rules; return the error of the first that fails, with its place."""
        touched = [
            each
            for each in self._code.processes.values()
            if any(path.is_relative_to(each.program.root.resolve()) for path in changed)
        ]
        for failed in await asyncio.gather(*(each.renew() for each in touched)):
            if failed is not None:
                place = Place(*failed.place) if failed.place else None
                return f"{failed.type}: {failed.message}", place
        if is_own:
            try:
                self._swap_own()
            except Exception as error:
                return f"{type(error).__name__}: {error}", None
        return None

    def _swap_own(self) -> None:
        """Serve our rules anew, with the old rows and plans: all of it, or nothing."""
        before = self._code.api()
        own = {key: route.integration for key, route in before.routes.items()}
        planned = {key: list(getattr(each, "planned", list)()) for key, each in own.items()}
        # Messages that wait hold values of the old classes.
        for each in own.values():
            getattr(each, "end_waits", int)()
        rows = {key: each.rows.rows() for key, each in own.items() if hasattr(each, "rows")}
        with imported_anew():
            api = self._code.rebuild()
            done = set()
            for key, of_route in rows.items():
                function = api.routes[key].integration
                if function in done:
                    continue
                done.add(function)
                assert hasattr(function, "rows"), "its route has our rules"
                assert hasattr(function, "plan"), "its route has our rules"
                for row in of_route:
                    function.rows.save(renewed(row))
                for note, due_ms in planned[key]:
                    function.plan(renewed(note), due_ms)
        self._code.serve(api)

    def _tell(self, status: CodeStatus) -> None:
        self.status = status
        self._report(status)


class _SourceFilter(watchfiles.DefaultFilter):
    """Sources of handlers, in any language; what a run writes beside them is no source."""

    def __call__(self, change: watchfiles.Change, path: str) -> bool:
        file = Path(path)
        # An executable has no suffix, as a folder.
        is_source = file.suffix in _SUFFIXES or (not file.suffix and file.is_file())
        return is_source and super().__call__(change, path)


OWN_HANDLER = "poker_signal.lambda_app.handler"
"""Module of our Lambda function, which needs variables that only the emulator with it has."""

_IMPORT = """
import sys, traceback
try:
    import {}
except BaseException:
    traceback.print_exc()
    sys.exit(1)
"""
"""Program that imports our rules; a SystemExit in them is an error like any other."""

_SUFFIXES = {".py", ".js", ".mjs", ".cjs", ".json", ".so"}


def _error_of_own(changed: Iterable[Path]) -> tuple[str, Place | None] | None:
    """Import our rules in another process; return the error and its place, or None."""
    for path in changed:
        if path.suffix == ".py":
            # Python uses cached bytecode if size and time (in s) of the source match.
            Path(importlib.util.cache_from_source(str(path))).unlink(missing_ok=True)
    loaded = (*MODULES, *(name for name in (OWN_HANDLER,) if name in sys.modules))
    command = [sys.executable, "-c", _IMPORT.format(", ".join(loaded))]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            timeout=LONG_IMPORT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"the import takes more than {LONG_IMPORT_S:g} s", None
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    places = re.findall(r'File "([^"\n]+)", line (\d+)', done.stderr)
    return lines[-1], Place(places[-1][0], int(places[-1][1])) if places else None


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
