"""The variables of a TensorFlow checkpoint, without TensorFlow.

A checkpoint is a file `NAME.index`, a sorted table that says for each variable its type, its shape
and where its bytes lie, and the files `NAME.data-00000-of-0000N` that hold these. Sources:
TensorFlow's `tensor_bundle.proto` and `tensor_shape.proto`, read by their field numbers.

A variable is read when it is asked for, and its checksum verified. Nothing is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from musicvae.interop.crc32c import crc32c, masked
from musicvae.interop.sstable import DAMAGED, read_table, read_varint, take

# By the numbers of `types.proto`. Bfloat16 (14) is the upper half of a float32.
TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 9: "<i8", 10: "?", 19: "<f2"}
BFLOAT16, STRING = 14, 7
LARGEST = 2**31  # of a dimension

Files = Mapping[str, np.ndarray]  # the bytes of files by name


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Where a variable lies. `offset` and `size` are in bytes."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int


class TensorBundle(Mapping[str, np.ndarray]):
    """The variables of a checkpoint by name, read and verified when they are asked for.

    `name` is that of the `.index` without its ending. Raises `ValueError` that names the file
    which is missing or damaged.
    """

    def __init__(self, source: str, name: str, files: Files) -> None:
        self.name = name
        self._source, self._files = source, files
        self._index = f"{name}.index"
        try:
            table = read_table(files[self._index].tobytes())
            if not table or table[0][0] != b"":
                raise ValueError("it has no header: it is no index of a checkpoint")
            header = dict(_fields(table[0][1]))
            self._shards = _number(header, 1)
            if _number(header, 2):
                raise ValueError("its numbers are in big-endian order, which is not read")
            self._entries = {key.decode(): _entry(value) for key, value in table[1:]}
        except IndexError:
            raise ValueError(f"{self._path(self._index)}: {DAMAGED}") from None
        except ValueError as error:
            raise ValueError(f"{self._path(self._index)}: {error}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def shape(self, key: str) -> tuple[int, ...]:
        """The shape of a variable, without reading it."""
        return self._entries[key].shape

    def __getitem__(self, key: str) -> np.ndarray:
        entry = self._entries[key]
        data = self._bytes(key, entry)
        if masked(crc32c(data)) != entry.crc:
            raise ValueError(
                f"{self._path(self._shard(entry))} is damaged: the checksum of {key} is wrong"
            )
        if entry.dtype == BFLOAT16:
            return (data.view("<u2").astype("<u4") << 16).view("<f4").reshape(entry.shape)
        return data.view(TYPES[entry.dtype]).reshape(entry.shape)

    def _bytes(self, key: str, entry: Entry) -> np.ndarray:
        """The bytes of a variable, as many as its type and shape ask for."""
        if entry.dtype != BFLOAT16 and entry.dtype not in TYPES:
            kind = "strings" if entry.dtype == STRING else f"numbers of the type {entry.dtype}"
            raise ValueError(f"{self._path(self._index)}: {key} holds {kind}, which are not read")
        width = 2 if entry.dtype == BFLOAT16 else np.dtype(TYPES[entry.dtype]).itemsize
        wanted = width * int(np.prod(entry.shape, dtype=object))
        if entry.size != wanted:
            raise ValueError(
                f"{self._path(self._index)} is damaged: {key} of the shape {entry.shape} has "
                f"{entry.size} bytes, not {wanted}"
            )
        shard = self._shard(entry)
        if shard not in self._files:
            raise ValueError(f"{self._path(shard)} is missing: copy the checkpoint whole")
        data = self._files[shard][entry.offset : entry.offset + entry.size]
        if data.size < entry.size:
            raise ValueError(
                f"{self._path(shard)} is cut off: it has {self._files[shard].size} bytes, and "
                f"{key} ends at {entry.offset + entry.size}"
            )
        return data

    def _shard(self, entry: Entry) -> str:
        return f"{self.name}.data-{entry.shard:05d}-of-{self._shards:05d}"

    def _path(self, file: str) -> str:
        return f"{file} in {self._source}"


def _entry(value: bytes) -> Entry:
    """A `BundleEntryProto`."""
    fields = dict(_fields(value))
    if 7 in fields:
        raise ValueError("a variable in it is stored in slices, which are not read")
    return Entry(
        dtype=_number(fields, 1),
        shape=_shape(fields.get(2, b"")),
        shard=_number(fields, 3),
        offset=_number(fields, 4),
        size=_number(fields, 5),
        crc=_number(fields, 6),
    )


def _shape(value: int | bytes) -> tuple[int, ...]:
    """A `TensorShapeProto`: its dimensions are messages, in each of which field 1 is the size."""
    parts = [part for number, part in _fields(_message(value)) if number == 2]
    sizes = tuple(_number(dict(_fields(_message(part))), 1) for part in parts)
    if any(size > LARGEST for size in sizes):
        raise ValueError(DAMAGED)
    return sizes


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protocol buffer by number: numbers as they are, all else as bytes."""
    at = 0
    while at < len(message):
        tag, at = read_varint(message, at)
        match tag & 7:
            case 0:
                value, at = read_varint(message, at)
                yield tag >> 3, value
            case 2:
                size, at = read_varint(message, at)
                yield tag >> 3, take(message, at, size)
                at += size
            case 1 | 5 as fixed:
                size = 8 if fixed == 1 else 4
                yield tag >> 3, int.from_bytes(take(message, at, size), "little")
                at += size
            case _:
                raise ValueError(DAMAGED)


def _number(fields: Mapping[int, int | bytes], field: int) -> int:
    value = fields.get(field, 0)
    if isinstance(value, bytes):
        raise ValueError(DAMAGED)
    return value


def _message(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError(DAMAGED)
    return value
