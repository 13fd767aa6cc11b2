"""MIDI files put together byte by byte, as odd as a test needs them."""

from __future__ import annotations

import struct
from collections.abc import Sequence

Event = tuple[int, bytes]  # ticks since the last event, status and data


def varint(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))


def chunk(events: Sequence[Event], *, end: bool = True) -> bytes:
    body = b"".join(varint(delta) + content for delta, content in events)
    body += b"\x00\xff\x2f\x00" if end else b""
    return b"MTrk" + struct.pack(">I", len(body)) + body


def file(*chunks: bytes, division: int = 480, kind: int = 1) -> bytes:
    header = struct.pack(">4sIHH", b"MThd", 6, kind, len(chunks)) + division.to_bytes(2, "big")
    return header + b"".join(chunks)


def on(pitch: int, velocity: int = 80, channel: int = 0) -> bytes:
    return bytes([0x90 | channel, pitch, velocity])


def off(pitch: int, channel: int = 0) -> bytes:
    return bytes([0x80 | channel, pitch, 0])


def program(number: int, channel: int = 0) -> bytes:
    return bytes([0xC0 | channel, number])


def meta(kind: int, content: bytes) -> bytes:
    return bytes([0xFF, kind]) + varint(len(content)) + content


def tempo(qpm: float) -> bytes:
    return meta(0x51, round(6e7 / qpm).to_bytes(3, "big"))


def meter(numerator: int, power: int) -> bytes:
    return meta(0x58, bytes([numerator, power, 24, 8]))
