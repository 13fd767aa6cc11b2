"""A chunk of files -> one file of their examples: the part of `prepare` that runs in parallel."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from musicvae.notes.errors import InvalidMusic, Rejected
from musicvae.representations.base import Categorical, Representation
from musicvae.training.sources import Item, pieces_of

Arrays = tuple[np.ndarray, np.ndarray, Mapping[str, int]]


@runtime_checkable
class InBulk(Protocol):
    """A representation that gives its examples as arrays, without the cost of an object each."""

    def tokenize(self, source: Any) -> Arrays:
        """Tokens (N, T), lengths (N, S), and what was dropped: `survey` with overlap."""
        ...


def prepare_chunk(
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
            tokens=np.concatenate(tokens, dtype=token_type(representation), casting="unsafe"),
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


def token_type(representation: Representation[Any]) -> np.dtype[Any]:
    """The smallest unsigned integers that hold the tokens."""
    space: Categorical = representation.spec.outputs
    return np.min_scalar_type(space.size - 1)
