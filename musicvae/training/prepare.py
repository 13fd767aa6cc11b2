"""Files to a dataset: every example that a representation finds in them, in memory-mapped arrays.

The dataset is a folder: `tokens.npy` (N, T, ...) of the smallest unsigned integers (or float32),
`lengths.npy` (N, S) uint16, `controls.npy` (N, T, ...) if the representation has controls,
`piece.npy` (N,) int32 and `split.npy` (N,) uint8 (0 train, 1 valid, 2 test), `pieces.txt` with a
piece's name a line, and `dataset.json`, which is written last: a folder with it is whole.

Files are read in chunks; each finished chunk is kept in `unfinished/` until the end, so that a
preparation that was broken off goes on from there. A file that cannot be read is counted.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from musicvae.config import to_json
from musicvae.representations.base import Learned, Representation
from musicvae.training.chunks import prepare_chunk
from musicvae.training.learning import learn
from musicvae.training.merge import merge
from musicvae.training.sources import Item, list_items
from musicvae.training.splits import SPLITS

FORMAT = 1
CHUNK_ITEMS = 64  # a second or less of work: little is lost when a preparation is broken off
TUNE_BOOK_ITEMS = 16  # so many MIDI files are read while music21 reads one of its own
UNFINISHED = "unfinished"
MAX_BYTES = 16 * 2**20  # music of this size is a broken file, or none

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class PreparedStats:
    """What a preparation gave. `dropped` counts windows and files under a reason's short name."""

    folder: Path
    files: int
    pieces: int
    examples: Mapping[str, int]  # by split
    dropped: Mapping[str, int]
    seconds: float
    learned: str = ""  # from the training part, such as "a vocabulary of 2,000 tokens"


def prepare(
    sources: Sequence[str | Path],
    out: str | Path,
    representation: Representation[Any],
    *,
    workers: int = 1,
    fractions: tuple[float, float, float] = (0.9, 0.05, 0.05),
    valid: Sequence[str | Path] = (),
    test: Sequence[str | Path] = (),
    seed: int = 0,
    max_bytes: int | None = None,
    progress: Progress | None = None,
) -> PreparedStats:
    """Read all `sources` (files, folders, or "music21") into the dataset folder `out`.

    `fractions` are the shares of train, valid and test, by piece; of a split for which there are
    sources of its own, `valid` or `test`, nothing is drawn, and what is the same as a piece of it
    is not learned from. A representation that learns does so from the training part alone.
    `progress` is called with the files done and all files. Larger files than `max_bytes` are left
    out; None is what the representation says, or else 16 MiB.

    Calling it again after a crash goes on; after it is done, it returns the figures at once.
    Raises `ValueError` if there is nothing to read, nothing was found in it, or `out`
    holds another dataset.
    """
    began = time.monotonic()
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(f"the shares of train, valid and test must sum to 1, not {fractions}")
    out = Path(out)
    if max_bytes is None:
        max_bytes = getattr(representation, "max_bytes", MAX_BYTES)
    fractions = _without(fractions, valid=bool(valid), test=bool(test))
    items = list_items(sources, representation, valid=valid, test=test)
    job = _job(items, representation, fractions, seed, max_bytes)
    if (out / "dataset.json").exists():
        return _finished(out, job)
    splits: Mapping[bytes, int] | None = None
    if isinstance(representation, Learned) and not representation.is_fitted:
        representation, splits = learn(items, representation, fractions, seed, max_bytes)
    parts = _open_parts(out, job)
    chunks = [(chunk, _chunk_path(parts, k)) for k, chunk in enumerate(_chunks(items))]
    todo = [(chunk, path) for chunk, path in chunks if not path.exists()]
    done = len(items) - sum(len(chunk) for chunk, _ in todo)
    work = partial(prepare_chunk, representation=representation, max_bytes=max_bytes)
    for count in _run(work, todo, workers):
        done += count
        if progress is not None:
            progress(done, len(items))
    description = {
        "format": FORMAT,
        "job": job,
        "representation": to_json(representation),
        "sources": [str(s) for s in sources],
        "given": {"valid": [str(s) for s in valid], "test": [str(s) for s in test]},
        "fractions": dict(zip(SPLITS, fractions, strict=True)),
        "seed": seed,
        "files": len(items),
    }
    if isinstance(representation, Learned):
        description["learned"] = representation.learned
    try:
        merge(out, [path for _, path in chunks], representation, description, splits)
    finally:
        shutil.rmtree(parts)
    return _stats(out, time.monotonic() - began)


def _without(
    fractions: tuple[float, float, float], *, valid: bool, test: bool
) -> tuple[float, float, float]:
    """The shares to draw where there are sources for `valid` or `test`, of which none is drawn."""
    if not valid and not test:
        return fractions
    shares = 0.0 if valid else fractions[1], 0.0 if test else fractions[2]
    return 1 - sum(shares), *shares


def _job(items: list[Item], representation: Representation[Any], *settings: object) -> str:
    """A digest of all that the result depends on: sources, their sizes and dates, settings."""
    digest = blake2b(digest_size=16)
    digest.update(json.dumps([FORMAT, CHUNK_ITEMS, to_json(representation), settings]).encode())
    for item in items:
        info = os.stat(item.path)  # noqa: PTH116 - for speed
        split = "" if item.split is None else f"|{SPLITS[item.split]}"
        line = f"{item.name}|{item.path}|{info.st_size}|{info.st_mtime_ns}{split}\n"
        digest.update(line.encode())
    return digest.hexdigest()


def _finished(out: Path, job: str) -> PreparedStats:
    if json.loads((out / "dataset.json").read_text()).get("job") != job:
        raise ValueError(
            f"{out} holds a dataset of other files or settings: choose another folder, or delete it"
        )
    return _stats(out, 0.0)


def _open_parts(out: Path, job: str) -> Path:
    """The folder of finished chunks; those of another job are thrown away."""
    parts = out / UNFINISHED
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


def _chunks(items: list[Item]) -> list[list[Item]]:
    """The items in order, a chunk at a time; a tune book counts for many files."""
    chunks: list[list[Item]] = []
    room = 0
    for item in items:
        if room <= 0:
            chunks.append([])
            room = CHUNK_ITEMS
        chunks[-1].append(item)
        room -= TUNE_BOOK_ITEMS if item.collection else 1
    return chunks


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


def _stats(out: Path, seconds: float) -> PreparedStats:
    description = json.loads((out / "dataset.json").read_text())
    wanted = {k: description[k] for k in ("files", "pieces", "examples", "dropped")}
    learned = description.get("learned", "")
    return PreparedStats(folder=out, seconds=seconds, learned=learned, **wanted)
