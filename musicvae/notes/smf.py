"""Standard MIDI File bytes -> columns of events, without a Python step per byte.

Source: Standard MIDI Files 1.0 (MMA RP-001). Where an event begins depends on where the last one
ended. So the length of the event that would begin at *every* byte is worked out at once with
NumPy, and the chain of true events is then followed through that table.

Broken files give what can be saved: a truncated chunk keeps its whole events, unknown chunks are
skipped, a wrong chunk length is mended by looking for the next `MTrk`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import chain

import numpy as np

from musicvae.notes.errors import InvalidMusic

MAX_BYTES = 16 * 2**20  # far above any music, far below what would exhaust a machine's memory
_PADDING = bytes(8)  # so that an event cut off by the end of the file can be looked at

# Bytes of an event from its status byte on. A byte below 0x80 in its place is running status:
# the status is not repeated, and two data bytes follow (notes, controllers, bends). The lengths
# of 0xF0, 0xF7 and 0xFF are written in the file.
_BYTES = np.full(256, 1, dtype=np.int64)
_BYTES[:0x80] = 2
_BYTES[0x80:0xC0] = 3
_BYTES[0xC0:0xE0] = 2
_BYTES[0xE0:0xF0] = 3
_BYTES[[0xF1, 0xF2, 0xF3]] = [2, 3, 2]
_SIZED = np.isin(np.arange(256), [0xF0, 0xF7, 0xFF])
_END_OF_TRACK = 2**30


@dataclass(frozen=True, eq=False, kw_only=True)
class Events:
    """The channel and meta events of a file in file order, one row an event."""

    chunk: np.ndarray  # (E,) which track chunk, from 0
    tick: np.ndarray  # (E,) int64, from the start of the chunk
    status: np.ndarray  # (E,) uint8, running status filled in; 0xFF for meta events
    data: np.ndarray  # (E,) where in `raw` the data bytes begin; the type byte of a meta event
    content: bytes  # the file, padded
    raw: np.ndarray  # uint8, the same
    ticks_per_quarter: int
    ticks_per_second: int  # 0 unless the file counts in SMPTE frames and has no beats

    def meta(self, row: int) -> bytes:
        """The content of the meta event in `row`."""
        at = int(self.data[row]) + 1
        length = 0
        while (byte := self.content[at]) & 0x80:
            length, at = (length | (byte & 0x7F)) << 7, at + 1
        return self.content[at + 1 : at + 1 + (length | byte)]


def parse(content: bytes, name: str) -> Events:
    """All events of a MIDI file. Raises `InvalidMusic`, calling the file `name`."""
    spans, per_quarter, per_second = _chunks(content, name)
    content += _PADDING
    raw = np.frombuffer(content, dtype=np.uint8)
    low = _next_low(raw)
    table = _ends(raw, low).data  # a memoryview gives an int faster than NumPy does
    rows = [_walk(table, *span) for span in spans]
    chunk, begins, at, status, stated = _located(raw, low, rows)
    if not stated.all() and (((status & 0xE0) == 0xC0) & ~stated).any():
        rows = [_walk_in_running_status(table, raw, low, *span) for span in spans]
        chunk, begins, at, status, stated = _located(raw, low, rows)
    if not len(chunk):
        raise InvalidMusic(f"{name} is a MIDI file without a single event: it is empty or cut off")
    ticks = _varint(raw, begins, at - 1).cumsum()
    first = chunk.searchsorted(np.arange(len(spans)))  # of each chunk; maybe one past the end
    elapsed = np.append(0, ticks)[first]
    return Events(
        chunk=chunk,
        tick=ticks - elapsed[chunk],
        status=status,
        data=at + stated,
        content=content,
        raw=raw,
        ticks_per_quarter=per_quarter,
        ticks_per_second=per_second,
    )


def _chunks(content: bytes, name: str) -> tuple[list[tuple[int, int]], int, int]:
    """Where the bytes of each track lie, ticks a quarter, and ticks a second in SMPTE time."""
    if not content:
        raise InvalidMusic(f"{name} is empty: expected a MIDI file")
    if len(content) > MAX_BYTES:
        raise InvalidMusic(
            f"{name} has {len(content) / 2**20:.0f} MiB: expected a MIDI file of at most "
            f"{MAX_BYTES / 2**20:.0f} MiB"
        )
    head = content.find(b"MThd", 0, 256)  # RIFF (.rmi) and MacBinary put a header before it
    if head < 0:
        begin = content[:8].decode("latin-1")
        raise InvalidMusic(f"{name} is not a MIDI file: it begins with {begin!r}, not with 'MThd'")
    if len(content) < head + 14:
        raise InvalidMusic(f"{name} is cut off inside its header: there is no music to recover")
    length, _, _, division = struct.unpack_from(">IHHH", content, head + 4)
    per_quarter, per_second = _resolution(division, name)
    spans: list[tuple[int, int]] = []
    at = content.find(b"MTrk", head + 8 + length if length < 64 else head + 14)
    while 0 <= at <= len(content) - 8:
        declared = int.from_bytes(content[at + 4 : at + 8], "big")
        spans.append((at + 8, min(at + 8 + declared, len(content))))
        at = content.find(b"MTrk", spans[-1][1])
    if not spans:
        raise InvalidMusic(f"{name} has a MIDI header but no track: it is empty or cut off")
    return spans, per_quarter, per_second


def _resolution(division: int, name: str) -> tuple[int, int]:
    """The header's division -> ticks a quarter note, ticks a second (0 for files in beats).

    SMPTE time is minus the frames a second in the high byte, the ticks a frame in the low one.
    """
    per_second = (256 - (division >> 8)) * (division & 0xFF) if division & 0x8000 else 0
    per_quarter = per_second // 2 if division & 0x8000 else division  # as if at 120 a minute
    if not per_quarter:
        raise InvalidMusic(f"{name} states a resolution of 0 ticks a quarter note: it is broken")
    return per_quarter, per_second


def _next_low(raw: np.ndarray) -> np.ndarray:
    """For each byte the first one from there on below 0x80, where a variable length ends."""
    at = np.arange(len(raw), dtype=np.int64)
    at[raw >= 0x80] = len(raw) - 1
    low: np.ndarray = np.minimum.accumulate(at[::-1])[::-1]
    return low


def _varint(raw: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """The variable-length numbers in raw[first..last], of which at most four bytes count."""
    value: np.ndarray = raw[last].astype(np.int64)
    size = last - first
    for more in range(1, 4):
        longer = (size >= more).nonzero()[0]
        if not len(longer):
            break
        value[longer] += (raw[last[longer] - more] & np.int64(0x7F)) << (7 * more)
    return value


def _ends(raw: np.ndarray, low: np.ndarray) -> np.ndarray:
    """For each byte the end of the event whose delta time would begin there."""
    after = np.arange(len(raw), dtype=np.int64) + _BYTES[raw]  # if its status byte lay there
    sized = _SIZED[raw[: -len(_PADDING)]].nonzero()[0]
    if len(sized):
        is_meta = raw[sized] == 0xFF
        size_at = sized + 1 + is_meta
        size_end = low[size_at]
        after[sized] = size_end + 1 + _varint(raw, size_at, size_end)
        after[sized[is_meta & (raw[sized + 1] == 0x2F)]] = _END_OF_TRACK
    ends: np.ndarray = after[np.minimum(low + 1, len(raw) - 1)]
    return ends


def _walk(table: memoryview, start: int, end: int) -> list[int]:
    """Where the events of a chunk begin; a last one that the chunk cuts off is left out."""
    begins: list[int] = []
    take = begins.append
    at = start
    while at < end:
        take(at)
        at = table[at]
    if end < at < _END_OF_TRACK:
        begins.pop()
    return begins


def _walk_in_running_status(
    table: memoryview, raw: np.ndarray, low: np.ndarray, start: int, end: int
) -> list[int]:
    """`_walk` for the rare chunk that leaves out the status of events with one data byte."""
    begins: list[int] = []
    at, status = start, 0
    while at < end:
        begins.append(at)
        body = int(low[at]) + 1
        status = int(raw[body]) if 0x80 <= raw[body] < 0xF0 else status
        one_byte = raw[body] < 0x80 and (status & 0xE0) == 0xC0
        at = body + 1 if one_byte else table[at]
    if end < at < _END_OF_TRACK:
        begins.pop()
    return begins


def _located(
    raw: np.ndarray, low: np.ndarray, rows: list[list[int]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Chunk, begin, place of the status byte, status, and whether it is stated; one an event.

    Events in running status that no status precedes in their chunk are left out.
    """
    chunk = np.arange(len(rows)).repeat([len(r) for r in rows])
    begins = np.array(list(chain.from_iterable(rows)), dtype=np.int64)
    at = low[begins] + 1
    status = raw[at]
    stated = status >= 0x80
    if bool(stated.all()):
        return chunk, begins, at, status, stated
    row = np.arange(len(at))
    row[~stated | (status >= 0xF0)] = -1
    source = np.maximum.accumulate(row)  # the last channel event with its status
    known = stated | ((source >= 0) & (chunk[source] == chunk))
    status = np.where(stated, status, status[source])
    return chunk[known], begins[known], at[known], status[known], stated[known]
