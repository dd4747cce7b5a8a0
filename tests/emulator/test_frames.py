"""Outlines of frames, held against the library that decides what they mean."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from poker_signal.emulator.frames import MAX_PLAIN_BYTES, only_text, shape_of, whole_text

SIZES = st.sampled_from([0, 1, 125, 126, 127, 0xFFFF, 0x10000])


@given(size=SIZES, opcode=st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONT]),
       fin=st.booleans(), before=st.binary(max_size=3))  # fmt: skip
def test_a_frame_ends_where_the_library_ends_it(
    size: int, opcode: Opcode, fin: bool, before: bytes
) -> None:
    """Whatever its kind and size, and wherever it begins."""
    frame = Frame(opcode, b"x" * size, fin).serialize(mask=True)
    shape = shape_of(before + frame + b"more", len(before))
    assert shape is not None
    header, payload, is_whole_text = shape
    assert header + payload == len(frame)
    assert payload == size
    assert is_whole_text is (opcode is Opcode.TEXT and fin)


@pytest.mark.parametrize("size", [0, 126, 0x10000])
def test_a_header_that_is_not_all_there_has_no_outline_yet(size: int) -> None:
    """More has to come first."""
    frame = Frame(Opcode.TEXT, b"x" * size).serialize(mask=True)
    header = len(frame) - size
    assert [shape_of(frame[:cut], 0) for cut in range(header)] == [None] * header
    assert shape_of(frame[:header], 0) == (header, size, True)


@pytest.mark.parametrize(
    "start", [b"\x81\x01", b"\x83\x80", b"\x91\x80", b"\x08\x80", b"GE"],
    ids=["unmasked", "reserved opcode", "reserved bit", "fragmented close", "http"],
)  # fmt: skip
def test_what_can_be_no_frame_is_handed_over_at_once(start: bytes) -> None:
    """It is refused without waiting for the rest of a header."""
    assert shape_of(start, 0) == (0, sys.maxsize, False)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 0xFFFF])
def test_a_whole_message_is_unmasked(size: int) -> None:
    """If it is all there, nothing follows, and it is not too long."""
    data = b"x" * size
    frame = Frame(Opcode.TEXT, data).serialize(mask=True)
    assert only_text(frame, size) == data
    assert only_text(frame, size - 1) is None
    assert only_text(frame[:-1], size) is None
    assert only_text(frame + b"x", size) is None


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Opcode.TEXT, b"x" * 0x10000).serialize(mask=True),
        Frame(Opcode.TEXT, b"x", fin=False).serialize(mask=True),
        b"\xc1\x81maskx",
        Frame(Opcode.TEXT, b"xxxxxx").serialize(mask=False),
        Frame(Opcode.PING, b"x").serialize(mask=True),
        b"\x81\xfe\x00\x01",
        b"",
    ],
    ids=["long", "fragment", "compressed", "unmasked", "ping", "header", "nothing"],
)
def test_anything_else_is_left_to_others(frame: bytes) -> None:
    """The protocol decides what it is."""
    assert only_text(frame, 131_072) is None


@pytest.mark.parametrize("size", [0, 1, 125, 126, 255, 256, MAX_PLAIN_BYTES])
def test_a_message_is_sent_as_the_library_would(size: int) -> None:
    """Byte for byte."""
    data = b"x" * size
    assert whole_text(data) == Frame(Opcode.TEXT, data).serialize(mask=False)
