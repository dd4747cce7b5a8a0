"""Lines of a terminal or a pipe, read without blocking the event loop."""

import asyncio
import codecs
import os
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Sequence

import click


async def typed(commands: Sequence[str]) -> AsyncGenerator[str, None]:
    """Yield what is typed at a terminal until Ctrl-D or Ctrl-C; with a history, where it can be."""
    try:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.completion import WordCompleter
        from prompt_toolkit.patch_stdout import patch_stdout
    except ImportError:
        from poker_signal.emulator import extras

        click.echo(extras.missing("Line editing with a history", "terminal"), err=True)
        async for line in piped():
            yield line
        return
    completer = WordCompleter(list(commands), sentence=True)
    session: PromptSession[str] = PromptSession("> ", completer=completer)
    # What is heard meanwhile is printed above the line that is being typed.
    with patch_stdout(raw=True):
        while True:
            try:
                # Its own handler for SIGINT would remove ours when the prompt ends, and Ctrl-C be
                # ignored until the next one. At the prompt Ctrl-C is a key.
                yield await session.prompt_async(handle_sigint=False)
            except (EOFError, KeyboardInterrupt):
                return


async def piped(descriptor: int | None = None) -> AsyncGenerator[str, None]:
    """Yield the lines of standard input until its end."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def pass_on(line: str | None) -> None:
        # The peer may have ended meanwhile, and its loop with it.
        if not loop.is_closed():
            loop.call_soon_threadsafe(lines.put_nowait, line)

    # A read cannot be cancelled: a daemon is left behind when the peer ends first.
    descriptor = sys.stdin.fileno() if descriptor is None else descriptor
    reader = threading.Thread(target=_read, args=(descriptor, pass_on), daemon=True)
    reader.start()
    while (line := await lines.get()) is not None:
        yield line


def _read(descriptor: int, pass_on: Callable[[str | None], None]) -> None:
    # Not through sys.stdin: its lock would be held at the end of the process.
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    rest = ""
    while data := os.read(descriptor, 65536):
        *whole, rest = (rest + decoder.decode(data)).split("\n")
        for line in whole:
            pass_on(line)
    if rest:
        pass_on(rest)
    pass_on(None)
