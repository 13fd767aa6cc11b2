"""The weights of a Magenta.js (TensorFlow.js) folder: `weights_manifest.json` and its shards.

A manifest is a list of groups; the bytes of a group are those of its weights one after another, in
its order, row by row, little-endian, cut anywhere into files of 4 MiB. A weight is stored as it
is, as float16, or as whole numbers q for q * scale + min. There are no checksums: what can be held
against the manifest are the sizes.

A place is a folder or the URL of one. Nothing here runs or unpickles what it reads.
"""

from __future__ import annotations

import json
import math
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MANIFEST = "weights_manifest.json"
SHARD_BYTES = 4 * 2**20  # what TensorFlow.js cuts at
SMALL_FILE = 16 * 2**20  # more than any manifest has, in bytes
SECONDS = 60.0  # how long a server may be silent

_STORED = {"float32": "<f4", "float16": "<f2", "int32": "<i4", "uint8": "u1", "uint16": "<u2"}
_WHOLE = ("uint8", "uint16")


@dataclass(frozen=True, kw_only=True)
class _Weight:
    """How one weight lies in the bytes of its group: values are `scale` * stored + `low`."""

    name: str
    shape: tuple[int, ...]
    stored: np.dtype[Any]
    scale: float = 1.0
    low: float = 0.0

    @property
    def size(self) -> int:
        return math.prod(self.shape) * self.stored.itemsize

    def read(self, data: bytearray, at: int) -> np.ndarray:
        """Its float32 values, of the bytes that begin `at`. Worked out in double, as there."""
        codes = np.frombuffer(data, self.stored, math.prod(self.shape), at)
        if self.scale != 1.0 or self.low != 0.0:
            codes = codes * self.scale + self.low
        return codes.astype(np.float32).reshape(self.shape)


def read_bytes(place: str | Path, name: str, most: int = SMALL_FILE) -> bytes:
    """A file of a folder or URL. Raises `ValueError` if it is missing or has over `most` bytes."""
    where = f"{str(place).rstrip('/')}/{name}"
    try:
        if is_url(place):
            request = urllib.request.Request(where, headers={"User-Agent": "musicvae"})
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                data = _up_to(answer, most)
        else:
            with (Path(place) / name).open("rb") as file:
                data = _up_to(file, most)
    except urllib.error.HTTPError as error:
        raise ValueError(f"{where} cannot be loaded: the server answers {error.code}") from None
    except (urllib.error.URLError, TimeoutError) as error:
        raise ValueError(f"{where} cannot be loaded: {getattr(error, 'reason', error)}") from None
    except FileNotFoundError:
        raise ValueError(f"{where} is missing; a Magenta.js folder must be copied whole") from None
    if len(data) > most:
        raise ValueError(f"{where} is longer than the {most} bytes that it should have")
    return data


def _up_to(file: Any, most: int) -> bytes:
    """All of an open file, or a little more than `most` bytes; `most` may be beyond all memory."""
    parts, size = [], 0
    while size <= most and (part := file.read(SHARD_BYTES)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def is_url(place: str | Path) -> bool:
    """Whether a place is on the net and not in a folder."""
    return isinstance(place, str) and place.startswith(("http://", "https://"))


def read_json(place: str | Path, name: str) -> Any:
    """A JSON file of a folder or URL. Raises `ValueError` for what is none."""
    try:
        return json.loads(read_bytes(place, name))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        raise ValueError(f"{str(place).rstrip('/')}/{name} is no JSON") from None


def read_weights(place: str | Path) -> dict[str, np.ndarray]:
    """All weights by name, float32. Raises `ValueError` where files and manifest disagree."""
    groups = read_json(place, MANIFEST)
    weights: dict[str, np.ndarray] = {}
    for paths, entries in _groups(groups):
        data = _join(place, paths, sum(entry.size for entry in entries))
        at = 0
        for entry in entries:
            if entry.name in weights:
                raise ValueError(f"{MANIFEST} lists {entry.name} twice")
            weights[entry.name] = entry.read(data, at)
            at += entry.size
    for name, values in weights.items():
        if not np.isfinite(values).all():
            raise ValueError(f"the weight {name} has values that are no numbers; it is damaged")
    return weights


def shapes_of(place: str | Path) -> dict[str, tuple[int, ...]]:
    """The shapes that a manifest states, by name, without reading the weights."""
    groups = _groups(read_json(place, MANIFEST))
    return {entry.name: entry.shape for _, entries in groups for entry in entries}


def write_weights(weights: Mapping[str, np.ndarray], folder: Path, bits: int | None = None) -> None:
    """A manifest and shards; with `bits` (8 or 16) every weight is stored as whole numbers."""
    entries, blobs = [], []
    for name, values in weights.items():
        entry: dict[str, Any] = {"name": name, "shape": list(values.shape), "dtype": "float32"}
        stored = np.ascontiguousarray(values, "<f4")
        if bits is not None:
            stored, entry["quantization"] = _quantize(stored, f"uint{bits}")
        entries.append(entry)
        blobs.append(stored.tobytes())
    data = b"".join(blobs)
    count = max(1, math.ceil(len(data) / SHARD_BYTES))
    paths = [f"group1-shard{i + 1}of{count}.bin" for i in range(count)]
    for i, path in enumerate(paths):
        (folder / path).write_bytes(data[i * SHARD_BYTES : (i + 1) * SHARD_BYTES])
    (folder / MANIFEST).write_text(json.dumps([{"paths": paths, "weights": entries}]) + "\n")


def _quantize(values: np.ndarray, stored: str) -> tuple[np.ndarray, dict[str, Any]]:
    """Whole numbers, and what they stand for. 0 has one of its own, so that it stays exactly 0."""
    top = int(np.iinfo(stored).max)
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    scale = (high - low) / top or 1.0
    zero = round(-low / scale)
    codes = np.clip(np.rint(values.astype(np.float64) / scale) + zero, 0, top)
    said = {"dtype": stored, "min": -zero * scale, "scale": scale}
    return codes.astype(_STORED[stored]), said


def _join(place: str | Path, paths: Sequence[str], size: int) -> bytearray:
    """The bytes of a group, which are to be `size` in all."""
    data = bytearray()
    for path in paths:
        data += read_bytes(place, path, most=size - len(data))
    if len(data) < size:
        raise ValueError(
            f"the weights in {place} have {len(data)} bytes where {MANIFEST} lists {size}; "
            "a file was cut short: copy the folder again"
        )
    return data


def _groups(groups: Any) -> Iterator[tuple[list[str], list[_Weight]]]:
    """The files and the weights of each group of a manifest."""
    if not isinstance(groups, list) or not groups:
        raise ValueError(f"{MANIFEST} is no list of groups of weights")
    for group in groups:
        if not isinstance(group, dict) or not {"paths", "weights"} <= group.keys():
            raise ValueError(f"a group of {MANIFEST} has no 'paths' or no 'weights'")
        paths, weights = group["paths"], group["weights"]
        if not isinstance(paths, list) or not isinstance(weights, list):
            raise ValueError(f"the 'paths' and 'weights' of {MANIFEST} are no lists")
        yield [_path(path) for path in paths], [_weight(entry) for entry in weights]


def _path(path: Any) -> str:
    """The name of a shard, which lies in the folder or below it."""
    if (
        not isinstance(path, str)
        or not re.fullmatch(r"[\w.\-]+(/[\w.\-]+)*", path)
        or ".." in path.split("/")
    ):
        raise ValueError(f"{MANIFEST} names the file {path!r}, which is not in its folder")
    return path


def _weight(entry: Any) -> _Weight:
    try:
        name, shape, dtype = entry["name"], entry["shape"], entry["dtype"]
    except (TypeError, KeyError):
        raise ValueError(f"a weight of {MANIFEST} has no name, shape or dtype: {entry}") from None
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"the weight {name} has the shape {shape}, which is none")
    if dtype not in ("float32", "int32"):
        raise ValueError(f"the weight {name} is {dtype!r}; known are float32 and int32")
    said = entry.get("quantization")
    if said is None:
        return _Weight(name=str(name), shape=tuple(shape), stored=np.dtype(_STORED[dtype]))
    stored = str(said.get("dtype")) if isinstance(said, dict) else ""
    if stored == "float16":
        return _Weight(name=str(name), shape=tuple(shape), stored=np.dtype("<f2"))
    numbers = [said.get(key) for key in ("scale", "min")] if stored in _WHOLE else []
    if not numbers or not all(isinstance(n, (int, float)) and math.isfinite(n) for n in numbers):
        raise ValueError(
            f"the weight {name} is quantized as {said}; known are uint8 and uint16 with a "
            "finite min and scale, and float16"
        )
    scale, low = map(float, numbers)
    return _Weight(
        name=str(name), shape=tuple(shape), stored=np.dtype(_STORED[stored]), scale=scale, low=low
    )
