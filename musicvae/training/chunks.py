"""A chunk of files -> one file of their examples: the part of `prepare` that runs in parallel."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from musicvae.notes.errors import InvalidMusic, Rejected
from musicvae.representations.base import Representation
from musicvae.training.sources import Item, Piece, pieces_of
from musicvae.training.splits import DRAWN

PRINT = 16  # bytes of a fingerprint
AT_ONCE = 20_000  # pieces of a collection that are tokenized together

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray | None, Mapping[str, int]]


@runtime_checkable
class InBulk(Protocol):
    """A representation that gives its examples as arrays, without the cost of an object each."""

    def tokenize(self, source: Any) -> Arrays:
        """Tokens (N, T, ...), lengths (N, S), controls (N, T, ...) or None, and what was dropped:
        `survey` with overlap."""
        ...


@runtime_checkable
class ManyPieces(Protocol):
    """A representation whose sources are collections: each of their examples is a piece."""

    def pieces(self, source: Any) -> Sequence[tuple[str, Any]]:
        """The pieces of a source in order, each with what it is called within the source."""
        ...

    def fingerprint(self, piece: Any) -> bytes:
        """16 bytes that are the same for equal pieces."""
        ...

    def tokenize_each(
        self, pieces: Sequence[Any]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray, Mapping[str, int]]:
        """Tokens (N, T, ...), lengths (N, S), controls (N, T, ...) or None of the pieces that can
        be held, the place (N,) of each of them in `pieces`, and what was dropped."""
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class Found:
    """P pieces and their N examples, in order."""

    names: list[str]
    works: list[str]
    prints: np.ndarray  # (P, 16) uint8, the same for equal pieces
    counts: np.ndarray  # (P,) examples of each
    rows: dict[str, np.ndarray]  # the columns of a dataset, (N, ...)


def prepare_chunk(
    items: list[Item], path: Path, *, representation: Representation[Any], max_bytes: int
) -> int:
    """Read some files and write their examples; returns how many files they were."""
    columns = empty_columns(representation)
    found: dict[str, list[np.ndarray]] = {name: [none] for name, none in columns.items()}
    counts = [np.zeros(0, dtype=np.int64)]
    prints = [np.zeros((0, PRINT), dtype=np.uint8)]
    splits = [np.zeros(0, dtype=np.int8)]
    names: list[tuple[str, str]] = []
    dropped: Counter[str] = Counter()
    for item in items:
        for some in _found_in(item, representation, max_bytes, dropped):
            for column, parts in found.items():
                parts.append(some.rows[column])
            counts.append(some.counts)
            prints.append(some.prints)
            splits.append(np.full(len(some.counts), DRAWN if item.split is None else item.split))
            names += zip(some.names, some.works, strict=True)
    meta = json.dumps({"pieces": names, "dropped": dropped}).encode()
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            counts=np.concatenate(counts),
            prints=np.concatenate(prints),
            splits=np.concatenate(splits, dtype=np.int8, casting="unsafe"),
            meta=np.frombuffer(meta, dtype=np.uint8),
            **{name: np.concatenate(parts) for name, parts in found.items()},
        )
    temporary.replace(path)
    return len(items)


def _found_in(
    item: Item, representation: Representation[Any], max_bytes: int, dropped: Counter[str]
) -> Iterator[Found]:
    """Every piece of a file that has examples; counts others in `dropped`."""
    try:
        if os.stat(item.path).st_size > max_bytes:  # noqa: PTH116 - for speed
            dropped["too-big"] += 1
        elif isinstance(representation, ManyPieces):
            yield from _each(item, representation, dropped)
        else:
            for piece in pieces_of(item, representation):
                yield from _one(piece, representation, dropped)
    except Exception as error:  # noqa: BLE001 - a bad file never stops the others
        dropped[_reason(error)] += 1


def _one(
    piece: Piece, representation: Representation[Any], dropped: Counter[str]
) -> Iterator[Found]:
    if piece.read is None:
        dropped["held-back"] += 1
        return
    try:
        tokens, lengths, controls, lost = _arrays(piece.read(), representation)
    except Exception as error:  # noqa: BLE001 - nor does a bad piece
        dropped[_reason(error)] += 1
        return
    dropped.update(lost)
    if len(tokens):
        rows = _rows(representation, tokens, lengths, controls)
        fingerprint = blake2b(rows["tokens"].tobytes(), digest_size=PRINT).digest()
        yield Found(
            names=[piece.name],
            works=[piece.work],
            prints=np.frombuffer(fingerprint, dtype=np.uint8)[None],
            counts=np.array([len(tokens)]),
            rows=rows,
        )


def _each(item: Item, representation: Any, dropped: Counter[str]) -> Iterator[Found]:
    """The pieces of a file that is a collection, some at a time."""
    pieces = representation.pieces(representation.read(item.path))
    for start in range(0, len(pieces), AT_ONCE):
        some = pieces[start : start + AT_ONCE]
        tokens, lengths, controls, at, lost = representation.tokenize_each([p for _, p in some])
        dropped.update(lost)
        kept = [some[k] for k in at.tolist()]
        prints = [representation.fingerprint(piece) for _, piece in kept]
        yield Found(
            names=[f"{item.name}:{name}" for name, _ in kept],
            works=[fingerprint.hex() for fingerprint in prints],  # equal pieces are one work
            prints=np.frombuffer(b"".join(prints), dtype=np.uint8).reshape(-1, PRINT),
            counts=np.ones(len(kept), dtype=np.int64),
            rows=_rows(representation, tokens, lengths, controls),
        )


def _rows(
    representation: Representation[Any],
    tokens: np.ndarray,
    lengths: np.ndarray,
    controls: np.ndarray | None,
) -> dict[str, np.ndarray]:
    """The columns of a dataset, in their types."""
    rows = {"tokens": tokens, "lengths": lengths}
    if controls is not None:
        rows["controls"] = controls
    types = empty_columns(representation)
    return {name: column.astype(types[name].dtype, copy=False) for name, column in rows.items()}


def _arrays(source: Any, representation: Representation[Any]) -> Arrays:
    if isinstance(representation, InBulk):
        return representation.tokenize(source)
    survey = representation.survey(source, overlap=True)
    examples = survey.examples
    has_controls = representation.spec.controls is not None
    return (
        np.array([e.tokens for e in examples]),
        np.array([e.lengths for e in examples]),
        np.array([e.controls for e in examples]) if has_controls else None,
        survey.dropped,
    )


def _reason(error: Exception) -> str:
    if isinstance(error, Rejected):
        return error.reason
    if isinstance(error, (InvalidMusic, OSError)):
        return "unreadable"
    return f"failed-{type(error).__name__}"


def empty_columns(representation: Representation[Any]) -> dict[str, np.ndarray]:
    """The arrays of a dataset by name, with their types and shapes, of no example."""
    spec = representation.spec
    columns = {
        "tokens": np.zeros((0, spec.length, *spec.outputs.shape), dtype=spec.outputs.dtype),
        "lengths": np.zeros((0, spec.segments), dtype=np.uint16),
    }
    if spec.controls is not None:
        shape = (0, spec.length, *spec.controls.shape)
        columns["controls"] = np.zeros(shape, dtype=spec.controls.dtype)
    return columns
