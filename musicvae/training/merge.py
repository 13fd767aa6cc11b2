"""The finished chunks of a preparation -> a dataset folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from musicvae.representations.base import Representation
from musicvae.training.chunks import PRINT, empty_columns
from musicvae.training.splits import (
    DRAWN,
    SPLITS,
    TRAIN,
    UNUSED,
    example_keys,
    group_pieces,
    split_pieces,
)


def merge(
    out: Path,
    chunks: list[Path],
    representation: Representation[Any],
    description: dict[str, Any],
    splits: Mapping[bytes, int] | None,
) -> None:
    """All finished chunks -> the dataset, whole or not at all.

    `splits` are those of the pieces that are not learned from, where that is settled already.
    """
    counts: list[int] = []
    prints: list[bytes] = []
    given: list[int] = []
    names: list[tuple[str, str]] = []
    dropped: Counter[str] = Counter()
    for path in chunks:
        with np.load(path) as chunk:
            meta = json.loads(chunk["meta"].tobytes())
            counts += chunk["counts"].tolist()
            prints += chunk["prints"].view(f"V{PRINT}").ravel().tolist()
            given += chunk["splits"].tolist()
        names += [(name, work) for name, work in meta["pieces"]]
        dropped.update(meta["dropped"])
    if not counts:
        reasons = ", ".join(f"{n} {reason}" for reason, n in dropped.most_common(5))
        raise ValueError(f"none of {description['files']} files gave an example ({reasons})")
    piece = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    keys = _copy(out, chunks, counts, representation)
    groups = group_pieces(piece, keys, [work for _, work in names])
    if splits is None:
        shares = tuple(description["fractions"].values())
        split = split_pieces(groups, prints, np.array(given), shares, description["seed"])
    else:
        drawn = [splits.get(fingerprint, TRAIN) for fingerprint in prints]
        split = np.where(np.array(given) == DRAWN, drawn, given).astype(np.uint8)
    split = split[piece]
    unused = int((split == UNUSED).sum())
    if unused:
        dropped["held-back"] += unused
    np.save(out / "piece.npy", piece)
    np.save(out / "split.npy", split)
    (out / "pieces.txt").write_text("".join(f"{name}\n" for name, _ in names))
    description["pieces"] = len(names)
    description["groups"] = int((groups == np.arange(len(groups))).sum())
    description["examples"] = {s: int((split == k).sum()) for k, s in enumerate(SPLITS)}
    description["dropped"] = dict(dropped.most_common())
    temporary = out / "dataset.json.tmp"
    temporary.write_text(json.dumps(description, indent=1) + "\n")
    temporary.replace(out / "dataset.json")


def _copy(
    out: Path, chunks: list[Path], counts: list[int], representation: Representation[Any]
) -> np.ndarray:
    """All columns into their files -> a key of each example."""
    total = sum(counts)
    columns = {
        name: np.lib.format.open_memmap(
            out / f"{name}.npy", mode="w+", dtype=none.dtype, shape=(total, *none.shape[1:])
        )
        for name, none in empty_columns(representation).items()
    }
    keys = np.zeros(total, dtype=np.uint64)
    at = 0
    for path in chunks:
        with np.load(path) as chunk:
            rows = chunk["tokens"]
            for name, column in columns.items():
                column[at : at + len(rows)] = chunk[name]
            keys[at : at + len(rows)] = example_keys(rows)
        at += len(rows)
    return keys
