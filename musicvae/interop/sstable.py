"""Sorted tables of keys and values: the format of the `.index` of a TensorFlow checkpoint.

A table is a row of blocks and a footer. The footer (48 bytes) says where the index block lies, and
the values of that where the data blocks lie. In a block each key names only what differs from the
one before it; behind it stand five more bytes: how it is packed, and its checksum. Sources:
LevelDB's `table_format` document, and the description of the format of Snappy.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from musicvae.interop.crc32c import crc32c, masked

FOOTER = 48
DAMAGED = "it is damaged: what is written in it does not fit together"
MAGIC = (0xDB4775248B80FB57).to_bytes(8, "little")


def read_table(content: bytes) -> list[tuple[bytes, bytes]]:
    """All keys and values, in order. Raises `ValueError` that says what is wrong with it."""
    if len(content) < FOOTER or content[-8:] != MAGIC:
        raise ValueError("its end is not that of an index: cut off, or a file of another kind")
    try:
        footer = content[-FOOTER:]
        _, at = _handle(footer, 0)
        (start, size), _ = _handle(footer, at)
        found = []
        for _, where in _entries(_block(content, start, size)):
            (start, size), _ = _handle(where, 0)
            found += list(_entries(_block(content, start, size)))
    except IndexError:
        raise ValueError(DAMAGED) from None
    return found


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """A number in groups of 7 bits, the lowest first -> it, and where the next byte lies."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError(DAMAGED)


def take(data: bytes, at: int, size: int) -> bytes:
    """`size` bytes. Raises `IndexError` if there are fewer."""
    if at + size > len(data):
        raise IndexError(f"{size} bytes at {at} of {len(data)}")
    return data[at : at + size]


def _handle(data: bytes, at: int) -> tuple[tuple[int, int], int]:
    """Where a block lies and how long it is; and where the next byte lies."""
    start, at = read_varint(data, at)
    size, at = read_varint(data, at)
    return (start, size), at


def _block(content: bytes, start: int, size: int) -> bytes:
    packed = take(content, start, size + 1)
    crc = int.from_bytes(take(content, start + size + 1, 4), "little")
    if masked(crc32c(np.frombuffer(packed, np.uint8))) != crc:
        raise ValueError("it is damaged: the checksum of a block is wrong")
    match packed[-1]:
        case 0:
            return packed[:-1]
        case 1:
            return unpack_snappy(packed[:-1])
        case other:
            raise ValueError(f"it is packed in a way that is not known ({other})")


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    restarts = int.from_bytes(take(block, len(block) - 4, 4), "little") if block else 0
    end = len(block) - 4 * (restarts + 1)
    if end < 0:
        raise IndexError(f"{restarts} restarts in {len(block)} bytes")
    at, key = 0, b""
    while at < end:
        shared, at = read_varint(block, at)
        own, at = read_varint(block, at)
        size, at = read_varint(block, at)
        key = take(key, 0, shared) + take(block, at, own)
        value = take(block, at + own, size)
        at += own + size
        yield key, value


def unpack_snappy(packed: bytes) -> bytes:
    """Undo Snappy: literal stretches, and copies of what came before."""
    size, at = read_varint(packed, 0)
    out = bytearray()
    while at < len(packed):
        tag, at = packed[at], at + 1
        kind, upper = tag & 3, tag >> 2
        if kind == 0:
            extra = max(0, upper - 59)
            length = (int.from_bytes(take(packed, at, extra), "little") if extra else upper) + 1
            out += take(packed, at + extra, length)
            at += extra + length
            continue
        if kind == 1:
            length, back, at = (upper & 7) + 4, (upper >> 3) << 8 | packed[at], at + 1
        else:
            width = 2 if kind == 2 else 4
            length, back = upper + 1, int.from_bytes(take(packed, at, width), "little")
            at += width
        if not 0 < back <= len(out):
            raise IndexError(f"a copy from {back} bytes before {len(out)}")
        for _ in range(length):
            out.append(out[-back])
    if len(out) != size:
        raise ValueError(DAMAGED)
    return bytes(out)
