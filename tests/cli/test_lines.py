"""Lines of standard input, whatever pieces they come in."""

import asyncio
import os

from poker_signal.cli.lines import piped


async def test_lines_are_whole_whatever_pieces_they_come_in() -> None:
    """Also the last one, which may have no end, and characters that were cut in two."""
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
