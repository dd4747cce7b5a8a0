"""Lines from standard input: piped or typed at a prompt."""

import asyncio
import os
import signal

from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from poker_signal.cli.lines import piped, typed


async def test_lines_are_whole_whatever_pieces_they_come_in() -> None:
    """Chunks are joined to lines; the last line needs no end, and a character may be split."""
    read_end, write_end = os.pipe()
    lines = piped(read_end)
    os.write(write_end, b"one\ntw")
    async with asyncio.timeout(10):
        assert await anext(lines) == "one"
        ace = "🂡".encode()
        os.write(write_end, b"o\n\n" + ace[:2])
        assert [await anext(lines), await anext(lines)] == ["two", ""]
        os.write(write_end, ace[2:] + b"\xff")
        os.close(write_end)
        assert [line async for line in lines] == ["🂡\ufffd"]
    os.close(read_end)


async def test_a_prompt_leaves_the_handler_of_ctrl_c_where_it_is() -> None:
    """The prompt keeps the SIGINT handler, or Ctrl-C would not interrupt `/expect`."""
    loop = asyncio.get_running_loop()
    with create_pipe_input() as keyboard, create_app_session(keyboard, DummyOutput()):
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        try:
            async with asyncio.timeout(10):
                lines = typed(["/expect"])
                keyboard.send_text("/expect offer\r")
                assert await anext(lines) == "/expect offer"
                await lines.aclose()
        finally:
            is_there = loop.remove_signal_handler(signal.SIGINT)
    assert is_there


async def test_ctrl_c_at_a_prompt_is_the_end() -> None:
    """Ctrl-C at a prompt ends the input, as Ctrl-D does."""
    with create_pipe_input() as keyboard, create_app_session(keyboard, DummyOutput()):
        async with asyncio.timeout(10):
            keyboard.send_text("\x03")
            assert [line async for line in typed([])] == []
