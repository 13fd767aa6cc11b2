"""Writes checkpoints as TensorFlow does, for tests: small ones, large ones, and damaged ones.

A format of its own hand: the reader under test shares nothing with it but the checksum.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from musicvae.interop.crc32c import crc32c, masked

TYPES = {"<f4": 1, "<f8": 2, "<i4": 3, "<i8": 9, "<f2": 19}
MAGIC = 0xDB4775248B80FB57
Pair = tuple[bytes, bytes]


def write_bundle(
    prefix: Path,
    variables: Mapping[str, np.ndarray],
    *,
    shards: int = 1,
    block_size: int = 4096,
    restart_every: int = 16,
    pack: Callable[[bytes], bytes] | None = None,
    big_endian: bool = False,
) -> Path:
    """`prefix`.index and `prefix`.data-*; the variables are dealt out to the shards in turns.

    -> the index. `pack` compresses blocks as Snappy does.
    """
    prefix.parent.mkdir(parents=True, exist_ok=True)
    paths = [prefix.with_name(f"{prefix.name}.data-{i:05d}-of-{shards:05d}") for i in range(shards)]
    files = [path.open("wb") for path in paths]
    header = _field(1, shards) + (_field(2, 1) if big_endian else b"") + _field(3, _field(1, 1))
    pairs: list[Pair] = [(b"", header)]
    turns = itertools.cycle(range(shards))
    for name in sorted(variables):
        values, shard = np.array(variables[name], order="C"), next(turns)
        data = values.reshape(-1).view(np.uint8)
        entry = {"shard": shard, "offset": files[shard].tell(), "crc": masked(crc32c(data))}
        files[shard].write(data.data)
        pairs.append((name.encode(), _entry(TYPES[values.dtype.str], values.shape, **entry)))
    for file in files:
        file.close()
    index = prefix.with_name(f"{prefix.name}.index")
    index.write_bytes(table(pairs, block_size, restart_every, pack))
    return index


def table(
    pairs: Iterable[Pair],
    block_size: int = 4096,
    restart_every: int = 16,
    pack: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """A sorted table of keys and values."""
    out = bytearray()

    def put(block: bytes) -> bytes:
        kind = b"\0" if pack is None else b"\1"
        packed = (block if pack is None else pack(block)) + kind
        handle = varint(len(out)) + varint(len(packed) - 1)
        crc = masked(crc32c(np.frombuffer(packed, np.uint8)))
        out.extend(packed + struct.pack("<I", crc))
        return handle

    index: list[Pair] = []
    part: list[Pair] = []
    for pair in pairs:
        part.append(pair)
        if sum(len(k) + len(v) for k, v in part) >= block_size:
            index.append((part[-1][0], put(_block(part, restart_every))))
            part = []
    if part:
        index.append((part[-1][0], put(_block(part, restart_every))))
    footer = put(_block([], 1)) + put(_block(index, 1))
    return bytes(out) + footer.ljust(40, b"\0") + struct.pack("<Q", MAGIC)


def snappy_literals(data: bytes) -> bytes:
    """A valid packing by Snappy's format that saves nothing: stretches of up to 60 bytes."""
    parts = (data[i : i + 60] for i in range(0, len(data), 60))
    return varint(len(data)) + b"".join(bytes([(len(p) - 1) << 2]) + p for p in parts)


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _block(pairs: list[Pair], restart_every: int) -> bytes:
    out, restarts, before = bytearray(), [], b""
    for i, (key, value) in enumerate(pairs):
        shared = 0
        if i % restart_every == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        out += varint(shared) + varint(len(key) - shared) + varint(len(value))
        out += key[shared:] + value
        before = key
    restarts = restarts or [0]
    return bytes(out) + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def _entry(dtype: int, shape: tuple[int, ...], *, shard: int, offset: int, crc: int) -> bytes:
    size = int(np.prod(shape)) * np.dtype({v: k for k, v in TYPES.items()}[dtype]).itemsize
    dims = b"".join(_field(2, _field(1, n)) for n in shape)
    numbers = _field(1, dtype) + _field(2, dims) + _field(3, shard) + _field(4, offset)
    return numbers + _field(5, size) + bytes([6 << 3 | 5]) + struct.pack("<I", crc)


def _field(number: int, value: int | bytes) -> bytes:
    """A field of a protocol buffer; a number that is 0 is left out, as it is there."""
    if isinstance(value, int):
        return bytes([number << 3]) + varint(value) if value else b""
    return bytes([number << 3 | 2]) + varint(len(value)) + value
