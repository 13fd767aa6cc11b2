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
from musicvae.representations.base import Representation
from musicvae.training.sources import Item, pieces_of

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray | None, Mapping[str, int]]


@runtime_checkable
class InBulk(Protocol):
    """A representation that gives its examples as arrays, without the cost of an object each."""

    def tokenize(self, source: Any) -> Arrays:
        """Tokens (N, T, ...), lengths (N, S), controls (N, T, ...) or None, and what was dropped:
        `survey` with overlap."""
        ...


def prepare_chunk(
    items: list[Item], path: Path, *, representation: Representation[Any], max_bytes: int
) -> int:
    """Read some files and write their examples; returns how many files they were."""
    columns = empty_columns(representation)
    found: dict[str, list[np.ndarray]] = {name: [none] for name, none in columns.items()}
    counts: list[int] = []
    names: list[tuple[str, str]] = []
    dropped: Counter[str] = Counter()
    for name, work, rows in _examples_of(items, representation, max_bytes, dropped):
        for column, parts in found.items():
            parts.append(rows[column])
        counts.append(len(rows["tokens"]))
        names.append((name, work))
    meta = json.dumps({"pieces": names, "dropped": dropped}).encode()
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    with temporary.open("wb") as file:
        np.savez(
            file,
            allow_pickle=False,
            counts=np.array(counts, dtype=np.int64),
            meta=np.frombuffer(meta, dtype=np.uint8),
            **{
                column: np.concatenate(parts, dtype=columns[column].dtype, casting="unsafe")
                for column, parts in found.items()
            },
        )
    temporary.replace(path)
    return len(items)


def _examples_of(
    items: list[Item], representation: Representation[Any], max_bytes: int, dropped: Counter[str]
) -> Iterator[tuple[str, str, dict[str, np.ndarray]]]:
    """Name, work and columns of every piece with examples; counts others in `dropped`."""
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
                    tokens, lengths, controls, lost = _arrays(piece.read(), representation)
                except Exception as error:  # noqa: BLE001 - a bad piece never stops the others
                    dropped[_reason(error)] += 1
                    continue
                for reason, count in lost.items():
                    dropped[reason] += count
                if len(tokens):
                    rows = {"tokens": tokens, "lengths": lengths}
                    if controls is not None:
                        rows["controls"] = controls
                    yield piece.name, piece.work, rows
        except Exception as error:  # noqa: BLE001 - nor does a bad file
            dropped[_reason(error)] += 1


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
