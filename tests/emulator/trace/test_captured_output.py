"""Output of handlers: whole lines among the console's, without waiting for a reader."""

import io
import sys
import threading
from collections.abc import Callable

import pytest

from poker_signal.emulator.trace.captured_output import MAX_BEGUN, Printed
from poker_signal.emulator.trace.console import Console


def shown(work: Callable[[Printed], object], stream: io.StringIO | None = None) -> str:
    """Return the output on the stream for what ``work`` prints."""
    stream = stream or io.StringIO()
    console = Console(stream, colour=False)
    work(Printed(console, stream))
    console.close(timeout_s=10)
    return stream.getvalue()


def test_a_line_is_shown_once_it_is_whole() -> None:
    """A print writes a line in pieces; an endless line must not fill the memory."""
    assert shown(lambda out: print("a", 1, "b", file=out)) == "a 1 b\n"
    assert shown(lambda out: print("a\nb", end="\n\n", file=out)) == "a\nb\n\n"
    assert shown(lambda out: out.write("." * (MAX_BEGUN + 1))) == "." * (MAX_BEGUN + 1)


def test_a_line_that_a_thread_leaves_unfinished_ends_with_it() -> None:
    """The text is shown, and the next output begins on a new line."""

    def work(out: Printed) -> None:
        for text, end in (("half", ""), ("whole", "\n")):
            thread = threading.Thread(target=print, args=(text,), kwargs={"end": end, "file": out})
            thread.start()
            thread.join()

    assert shown(work) == "half\nwhole\n"


def test_lines_of_several_threads_stay_whole() -> None:
    """Each thread may print its lines in pieces."""

    def work(out: Printed) -> None:
        met = threading.Barrier(4, timeout=10)

        def say(letter: str) -> None:
            for _ in range(50):
                met.wait()
                print(*letter * 40, file=out)

        threads = [threading.Thread(target=say, args=(letter,)) for letter in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    lines = shown(work).splitlines()
    assert sorted(lines) == sorted([" ".join(letter * 40) for letter in "abcd"] * 50)


def test_a_prompt_is_shown_when_it_is_flushed() -> None:
    """A debugger's prompt waits for an answer on the same line."""
    stream = io.StringIO()
    console = Console(stream, colour=False)
    out = Printed(console, stream)
    print("(Pdb) ", end="", file=out)
    console.close(timeout_s=10)
    assert stream.getvalue() == ""
    assert shown(lambda out: print("(Pdb) ", end="", flush=True, file=out)) == "(Pdb) "


def test_bytes_are_shown_as_text() -> None:
    """Handlers may write bytes to ``sys.stdout.buffer``."""
    stream = io.TextIOWrapper(io.BytesIO(), "utf-8")
    console = Console(stream, colour=False)
    out = Printed(console, stream)
    assert out.buffer.write("Zoë\n".encode()) == 5
    out.buffer.write(b"\xff\n")
    console.close(timeout_s=10)
    stream.seek(0)
    assert stream.read() == "Zoë\n\\xff\n"


def test_it_is_the_stream_on_which_it_is_seen() -> None:
    """Attributes such as the encoding are those of the stream behind it."""
    console = Console(io.StringIO(), colour=False)
    there = sys.__stderr__ or sys.stderr
    out = Printed(console, there)
    assert (out.encoding, out.errors) == (there.encoding, there.errors)
    assert out.isatty() == there.isatty()
    assert out.fileno() == there.fileno()
    assert out.writable()
    assert not out.readable()
    with pytest.raises(TypeError, match="must be str, not bytes"):
        out.write(b"")  # type: ignore[arg-type] # as a handler may
    console.close(timeout_s=10)
