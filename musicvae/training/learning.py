"""What a representation learns before a dataset is made: a vocabulary, from its training part."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from musicvae.notes.errors import InvalidMusic
from musicvae.representations.base import Learned, Representation
from musicvae.training.chunks import ManyPieces
from musicvae.training.sources import Item
from musicvae.training.splits import DRAWN, TRAIN, split_pieces


def learn(
    items: Sequence[Item],
    representation: Representation[Any],
    fractions: tuple[float, float, float],
    seed: int,
    max_bytes: int,
) -> tuple[Representation[Any], Mapping[bytes, int]]:
    """The representation as it learns from the pieces of the training part, and the splits of the
    other pieces that are drawn, by their fingerprints.

    Pieces are drawn before they are tokenized, which only a representation can be that tells them
    apart: `ManyPieces`. Raises `ValueError` if there is nothing to learn from.
    """
    assert isinstance(representation, Learned)
    assert isinstance(representation, ManyPieces)
    pieces: list[Any] = []
    splits: list[int] = []
    for item, found in _read(items, representation, max_bytes):
        pieces += found
        splits += [DRAWN if item.split is None else item.split] * len(found)
    prints = [representation.fingerprint(piece) for piece in pieces]
    first: dict[bytes, int] = {}
    groups = np.array([first.setdefault(p, k) for k, p in enumerate(prints)], dtype=np.int64)
    given = np.array(splits, dtype=np.int64)
    split = split_pieces(groups, prints, given, fractions, seed)
    fitted = representation.fit(pieces[k] for k in np.flatnonzero(split == TRAIN).tolist())
    others = np.flatnonzero((split != TRAIN) & (given == DRAWN)).tolist()
    return fitted, {prints[k]: int(split[k]) for k in others}


def _read(
    items: Sequence[Item], representation: Any, max_bytes: int
) -> Iterator[tuple[Item, list[Any]]]:
    """The pieces of every file that can be read. Raises `ValueError` if none can."""
    trouble = f"every file is larger than {max_bytes:,} bytes"
    read = 0
    for item in items:
        if os.stat(item.path).st_size > max_bytes:  # noqa: PTH116 - for speed
            continue
        try:
            source = representation.read(item.path)
        except InvalidMusic as error:
            trouble = str(error)
            continue
        read += 1
        yield item, [piece for _, piece in representation.pieces(source)]
    if not read:
        raise ValueError(f"there is nothing to learn from: {trouble}")
