"""Files to a dataset: every example that a representation finds in them, in memory-mapped arrays.

The dataset is a folder: `tokens.npy` (N, T) of the smallest unsigned integers, `lengths.npy` (N, S)
uint16, `piece.npy` (N,) int32 and `split.npy` (N,) uint8 (0 train, 1 valid, 2 test), `pieces.txt`
with a piece's name a line, and `dataset.json`, which is written last: a folder with it is whole.

Files are read in chunks; each finished chunk is kept in `unfinished/` until the end, so that a
preparation that was broken off goes on from there. A file that cannot be read is counted.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from musicvae.config import to_json
from musicvae.notes.errors import InvalidMusic, Rejected
from musicvae.representations.base import Categorical, Representation
from musicvae.training.sources import Item, list_items, pieces_of
from musicvae.training.splits import SPLITS, example_keys, group_pieces, split_groups

FORMAT = 1
CHUNK_ITEMS = 64  # a second or less of work: little is lost when a preparation is broken off
MAX_BYTES = 16 * 2**20  # music of this size is a broken file, or none

Progress = Callable[[int, int], None]
Arrays = tuple[np.ndarray, np.ndarray, Mapping[str, int]]


@runtime_checkable
class InBulk(Protocol):
    """A representation that gives its examples as arrays, without the cost of an object each."""

    def tokenize(self, source: Any) -> Arrays:
        """Tokens (N, T), lengths (N, S), and what was dropped: `survey` with overlap."""
        ...


@dataclass(frozen=True, kw_only=True)
class PreparedStats:
    """What a preparation gave. `dropped` counts windows and files under a reason's short name."""

    folder: Path
    files: int
    pieces: int
    examples: Mapping[str, int]  # by split
    dropped: Mapping[str, int]
    seconds: float


def prepare(
    sources: Sequence[str | Path],
    out: str | Path,
    representation: Representation[Any],
    *,
    workers: int = 1,
    fractions: tuple[float, float, float] = (0.9, 0.05, 0.05),
    seed: int = 0,
    max_bytes: int = MAX_BYTES,
    progress: Progress | None = None,
) -> PreparedStats:
    """Read all `sources` (files, folders, or "music21") into the dataset folder `out`.

    `fractions` are the shares of train, valid and test, by piece; `progress` is called with the
    files done and all files. Calling it again after a crash goes on; after it is done, it returns
    the figures at once. Raises `ValueError` if there is nothing to read, nothing was found in it,
    or `out` holds another dataset.
    """
    began = time.monotonic()
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(f"the shares of train, valid and test must sum to 1, not {fractions}")
    out = Path(out)
    items = list_items(sources, representation)
    job = _job(items, representation, fractions, seed, max_bytes)
    if (out / "dataset.json").exists():
        return _finished(out, job)
    parts = _open_parts(out, job)
    todo = _chunks(items, parts)
    done = len(items) - sum(len(chunk) for chunk, _ in todo)
    work = partial(_prepare_chunk, representation=representation, max_bytes=max_bytes)
    for count in _run(work, todo, workers):
        done += count
        if progress is not None:
            progress(done, len(items))
    description = {
        "format": FORMAT,
        "job": job,
        "representation": to_json(representation),
        "sources": [str(s) for s in sources],
        "fractions": dict(zip(SPLITS, fractions, strict=True)),
        "seed": seed,
        "files": len(items),
    }
    _merge(out, parts, len(items), representation, description)
    return _stats(out, time.monotonic() - began)


def _job(items: list[Item], representation: Representation[Any], *settings: object) -> str:
    """A digest of all that the result depends on: sources, their sizes and dates, settings."""
    digest = blake2b(digest_size=16)
    digest.update(json.dumps([FORMAT, CHUNK_ITEMS, to_json(representation), settings]).encode())
    for item in items:
        info = os.stat(item.path)  # noqa: PTH116 - for speed
        digest.update(f"{item.name}|{item.path}|{info.st_size}|{info.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _finished(out: Path, job: str) -> PreparedStats:
    if json.loads((out / "dataset.json").read_text()).get("job") != job:
        raise ValueError(
            f"{out} holds a dataset of other files or settings: choose another folder, or delete it"
        )
    return _stats(out, 0.0)


def _open_parts(out: Path, job: str) -> Path:
    """The folder of finished chunks; those of another job are thrown away."""
    parts = out / "unfinished"
    try:
        if parts.exists() and _read(parts / "job") != job:
            shutil.rmtree(parts)
        parts.mkdir(parents=True, exist_ok=True)
        (parts / "job").write_text(job)
    except OSError as error:
        raise ValueError(f"{out} cannot be written: {error.strerror}") from None
    return parts


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _chunks(items: list[Item], parts: Path) -> list[tuple[list[Item], Path]]:
    """The chunks of items that are not done, each with the file that it goes to."""
    starts = range(0, len(items), CHUNK_ITEMS)
    paths = [_chunk_path(parts, k) for k in range(len(starts))]
    todo = zip(starts, paths, strict=True)
    return [(items[a : a + CHUNK_ITEMS], path) for a, path in todo if not path.exists()]


def _chunk_path(parts: Path, k: int) -> Path:
    return parts / f"chunk-{k:06d}.npz"


def _run(
    work: Callable[[list[Item], Path], int], todo: list[tuple[list[Item], Path]], workers: int
) -> Iterator[int]:
    """Do all chunks, in this process or in several; yields the number of files of each."""
    if workers <= 1 or len(todo) <= 1:
        for chunk, path in todo:
            yield work(chunk, path)
        return
    # Fresh processes: a fork would inherit the threads and locks of whatever runs here.
    pool = ProcessPoolExecutor(min(workers, len(todo)), mp_context=get_context("spawn"))
    try:
        for future in as_completed([pool.submit(work, chunk, path) for chunk, path in todo]):
            yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _prepare_chunk(
    items: list[Item], path: Path, *, representation: Representation[Any], max_bytes: int
) -> int:
    """Read some files and write their examples; returns how many files they were."""
    spec = representation.spec
    tokens = [np.zeros((0, spec.length), dtype=np.uint8)]
    lengths = [np.zeros((0, spec.segments), dtype=np.uint16)]
    counts: list[int] = []
    names: list[tuple[str, str]] = []
    dropped: Counter[str] = Counter()
    for name, work, rows, row_lengths in _examples_of(items, representation, max_bytes, dropped):
        tokens.append(rows)
        lengths.append(row_lengths)
        counts.append(len(rows))
        names.append((name, work))
    meta = json.dumps({"pieces": names, "dropped": dropped}).encode()
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        np.savez(
            file,
            tokens=np.concatenate(tokens, dtype=_token_type(representation), casting="unsafe"),
            lengths=np.concatenate(lengths, dtype=np.uint16, casting="unsafe"),
            counts=np.array(counts, dtype=np.int64),
            meta=np.frombuffer(meta, dtype=np.uint8),
        )
    temporary.replace(path)
    return len(items)


def _examples_of(
    items: list[Item], representation: Representation[Any], max_bytes: int, dropped: Counter[str]
) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Name, work, tokens and lengths of every piece with examples; counts others in `dropped`."""
    for item in items:
        try:
            if os.stat(item.path).st_size > max_bytes:  # noqa: PTH116 - for speed
                dropped["too-big"] += 1
                continue
            for piece in pieces_of(item, representation):
                if piece.read is None:
                    dropped["held-back"] += 1
                    continue
                try:
                    tokens, lengths, lost = _arrays(piece.read(), representation)
                except Exception as error:  # noqa: BLE001 - a bad piece never stops the others
                    dropped[_reason(error)] += 1
                    continue
                for reason, count in lost.items():
                    dropped[reason] += count
                if len(tokens):
                    yield piece.name, piece.work, tokens, lengths
        except Exception as error:  # noqa: BLE001 - nor does a bad file
            dropped[_reason(error)] += 1


def _arrays(source: Any, representation: Representation[Any]) -> Arrays:
    if isinstance(representation, InBulk):
        return representation.tokenize(source)
    survey = representation.survey(source, overlap=True)
    tokens = np.array([e.tokens for e in survey.examples])
    return tokens, np.array([e.lengths for e in survey.examples]), survey.dropped


def _reason(error: Exception) -> str:
    if isinstance(error, Rejected):
        return error.reason
    if isinstance(error, (InvalidMusic, OSError)):
        return "unreadable"
    return f"failed-{type(error).__name__}"


def _token_type(representation: Representation[Any]) -> np.dtype[Any]:
    """The smallest unsigned integers that hold the tokens."""
    space: Categorical = representation.spec.outputs
    return np.min_scalar_type(space.size - 1)


def _merge(
    out: Path,
    parts: Path,
    files: int,
    representation: Representation[Any],
    description: dict[str, Any],
) -> None:
    """All finished chunks -> the dataset, whole or not at all."""
    chunks = [_chunk_path(parts, k) for k in range(-(-files // CHUNK_ITEMS))]
    counts: list[int] = []
    names: list[tuple[str, str]] = []
    dropped: Counter[str] = Counter()
    for path in chunks:
        with np.load(path) as chunk:
            meta = json.loads(chunk["meta"].tobytes())
            counts += chunk["counts"].tolist()
        names += [(name, work) for name, work in meta["pieces"]]
        dropped.update(meta["dropped"])
    if not counts:
        shutil.rmtree(parts)
        reasons = ", ".join(f"{n} {reason}" for reason, n in dropped.most_common(5))
        raise ValueError(f"none of {files} files gave an example ({reasons})")
    piece = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    keys, prints = _copy(out, chunks, counts, representation)
    groups = group_pieces(piece, keys, [work for _, work in names])
    fractions = tuple(description["fractions"].values())
    split = split_groups(groups, prints, fractions, description["seed"])[piece]
    np.save(out / "piece.npy", piece)
    np.save(out / "split.npy", split)
    (out / "pieces.txt").write_text("".join(f"{name}\n" for name, _ in names))
    description["pieces"] = len(names)
    description["groups"] = len(np.unique(groups))
    description["examples"] = {s: int((split == k).sum()) for k, s in enumerate(SPLITS)}
    description["dropped"] = dict(dropped.most_common())
    temporary = out / "dataset.json.tmp"
    temporary.write_text(json.dumps(description, indent=1) + "\n")
    temporary.replace(out / "dataset.json")
    shutil.rmtree(parts)


def _copy(
    out: Path, chunks: list[Path], counts: list[int], representation: Representation[Any]
) -> tuple[np.ndarray, list[bytes]]:
    """Tokens and lengths into their files -> a key of each example, a fingerprint of each piece."""
    spec, total = representation.spec, sum(counts)
    create = partial(np.lib.format.open_memmap, mode="w+")
    tokens = create(
        out / "tokens.npy", dtype=_token_type(representation), shape=(total, spec.length)
    )
    lengths = create(out / "lengths.npy", dtype=np.uint16, shape=(total, spec.segments))
    keys = np.zeros(total, dtype=np.uint64)
    prints: list[bytes] = []
    at = 0
    for path in chunks:
        with np.load(path) as chunk:
            rows = chunk["tokens"]
            tokens[at : at + len(rows)] = rows
            lengths[at : at + len(rows)] = chunk["lengths"]
            keys[at : at + len(rows)] = example_keys(rows)
            ends = np.cumsum(chunk["counts"])
        for a, b in zip([0, *ends[:-1]], ends, strict=False):
            prints.append(blake2b(rows[a:b].tobytes(), digest_size=16).digest())
        at += len(rows)
    return keys, prints


def _stats(out: Path, seconds: float) -> PreparedStats:
    description = json.loads((out / "dataset.json").read_text())
    wanted = {k: description[k] for k in ("files", "pieces", "examples", "dropped")}
    return PreparedStats(folder=out, seconds=seconds, **wanted)
