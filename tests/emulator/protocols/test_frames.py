"""Outlines of frames, held against the library that decides what they mean."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ProtocolError
from websockets.frames import Close, Frame, Opcode
from websockets.speedups import apply_mask

from poker_signal.emulator.protocols.websocket_connection import (
    MAX_PLAIN_BYTES,
    length_at,
    may_close_with,
    text_at,
    whole_text,
)

SIZES = st.sampled_from([0, 1, 125, 126, 127, 0xFFFF, 0x10000])


@given(size=SIZES, opcode=st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONT]),
       fin=st.booleans(), before=st.binary(max_size=3))  # fmt: skip
def test_a_frame_ends_where_the_library_ends_it(
    size: int, opcode: Opcode, fin: bool, before: bytes
) -> None:
    """Whatever its kind and size, and wherever it begins."""
    frame = Frame(opcode, b"x" * size, fin).serialize(mask=True)
    assert length_at(before + frame + b"more", len(before)) == len(frame)
    text = text_at(before + frame + b"more", len(before), 0xFFFF)
    is_whole_text = opcode is Opcode.TEXT and fin and size <= 0xFFFF
    end = len(before) + len(frame)
    assert text == ((end - size, end) if is_whole_text else None)


@pytest.mark.parametrize("size", [0, 126, 0x10000])
def test_a_header_that_is_not_all_there_has_no_length_yet(size: int) -> None:
    """More has to come first."""
    frame = Frame(Opcode.TEXT, b"x" * size).serialize(mask=True)
    header = len(frame) - size
    assert [length_at(frame[:cut], 0) for cut in range(header)] == [None] * header
    assert length_at(frame[:header], 0) == len(frame)
    assert [text_at(frame[:cut], 0, 0x10000) for cut in range(header)] == [None] * header


@pytest.mark.parametrize(
    "start", [b"\x81\x01", b"\x83\x80", b"\x91\x80", b"\x08\x80", b"GE"],
    ids=["unmasked", "reserved opcode", "reserved bit", "fragmented close", "http"],
)  # fmt: skip
def test_what_can_be_no_frame_is_handed_over_at_once(start: bytes) -> None:
    """It is refused without waiting for the rest of a header."""
    assert length_at(start, 0) == sys.maxsize
    assert text_at(start, 0, 131_072) is None


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 0xFFFF])
def test_a_whole_message_is_found_and_unmasked(size: int) -> None:
    """If it is all there, and not too long."""
    data = b"x" * size
    frame = Frame(Opcode.TEXT, data).serialize(mask=True)
    found = text_at(frame, 0, size)
    assert found is not None
    payload, end = found
    assert apply_mask(frame[payload:end], frame[payload - 4 : payload]) == data
    assert text_at(frame, 0, size - 1) is None
    assert text_at(frame[:-1], 0, size) is None


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Opcode.TEXT, b"x", fin=False).serialize(mask=True),
        b"\xc1\x81maskx",
        Frame(Opcode.TEXT, b"xxxxxx").serialize(mask=False),
        Frame(Opcode.PING, b"x").serialize(mask=True),
        b"",
    ],
    ids=["fragment", "compressed", "unmasked", "ping", "nothing"],
)
def test_anything_else_is_left_to_others(frame: bytes) -> None:
    """The protocol decides what it is."""
    assert text_at(frame, 0, 131_072) is None


@pytest.mark.parametrize("size", [0, 1, 125, 126, 255, 256, MAX_PLAIN_BYTES])
def test_a_message_is_sent_as_the_library_would(size: int) -> None:
    """Byte for byte."""
    data = b"x" * size
    assert whole_text(data) == Frame(Opcode.TEXT, data).serialize(mask=False)


def test_a_close_frame_can_have_the_codes_that_websockets_sends() -> None:
    """And no other, which would raise where it is sent."""

    def is_sent(code: int) -> bool:
        try:
            Close(code, "").check()
        except ProtocolError:
            return False
        return True

    codes = range(-1, 0x10000)
    assert [*filter(may_close_with, codes)] == [*filter(is_sent, codes)]
