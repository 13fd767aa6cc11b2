"""Which pieces are learned from and which are kept to judge by.

Pieces that share most of their examples are versions of one another: they go into one split
together, whatever their files are called. The split follows from what the pieces hold and a seed,
so that it is the same on every machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from itertools import combinations

import numpy as np

SPLITS = ("train", "valid", "test")
TRAIN = 0
DRAWN = -1  # the split of a piece that was given for none
UNUSED = 255  # no split: it would be learned from, and is the same as what is judged by
SAME_SHARE = 0.5  # of the shorter piece's distinct examples
CLICHE_PIECES = 20  # an example found in more pieces says nothing about any two of them


def example_keys(tokens: np.ndarray) -> np.ndarray:
    """A 64-bit number for each row of tokens (N, T, ...), equal for equal rows."""
    tokens = np.ascontiguousarray(tokens.reshape(len(tokens), -1))
    if tokens.dtype.kind == "f":
        tokens = tokens.view(np.uint32)
    rng = np.random.default_rng(0x5EED)
    factors = 2 * rng.integers(2**62, size=tokens.shape[1]).astype(np.uint64) + np.uint64(1)
    keys: np.ndarray = (tokens.astype(np.uint64) + np.uint64(1)) @ factors
    return keys


def group_pieces(piece: np.ndarray, keys: np.ndarray, works: Sequence[str]) -> np.ndarray:
    """The group of each piece (P,): pieces of one work, or with most examples in common.

    `piece` (N,) and `keys` (N,) are each example's piece and key; a group is the number of its
    first piece.
    """
    parent = list(range(len(works)))
    first_of_work: dict[str, int] = {}
    for p, work in enumerate(works):
        first = first_of_work.setdefault(work, p)
        if first != p:
            _join(parent, first, p)
    order = np.lexsort((piece, keys))
    key, owner = keys[order], piece[order]
    new_key = np.append(True, key[1:] != key[:-1])
    new = new_key | np.append(True, owner[1:] != owner[:-1])
    owners = owner[new]  # each piece once for each of its distinct examples, by example
    distinct = np.bincount(owners, minlength=len(works))
    begins = np.flatnonzero(new_key[new])
    counts = np.diff(begins, append=len(owners))
    several = (counts >= 2) & (counts <= CLICHE_PIECES)
    shared: Counter[tuple[int, int]] = Counter()
    for at, count in zip(begins[several].tolist(), counts[several].tolist(), strict=True):
        shared.update(combinations(owners[at : at + count].tolist(), 2))
    for (p, q), count in shared.items():
        if count >= SAME_SHARE * min(distinct[p], distinct[q]):
            _join(parent, int(p), int(q))
    return np.array([_root(parent, p) for p in range(len(works))], dtype=np.int64)


def split_pieces(
    groups: np.ndarray,
    prints: Sequence[bytes],
    given: np.ndarray,
    fractions: tuple[float, float, float],
    seed: int,
) -> np.ndarray:
    """The split of each piece (P,) uint8: the one it was given for, or else drawn by group.

    `given` (P,) are places in `SPLITS`, or `DRAWN`. What is to be drawn and is of a group with
    pieces that were given for another split is `UNUSED`.
    """
    split = np.where(given == DRAWN, UNUSED, given).astype(np.uint8)
    free = (given == DRAWN) & ~np.isin(groups, groups[given != DRAWN])
    rows = np.flatnonzero(free)
    if len(rows):
        split[rows] = split_groups(
            groups[rows], [prints[p] for p in rows.tolist()], fractions, seed
        )
    return split


def split_groups(
    groups: np.ndarray, prints: Sequence[bytes], fractions: tuple[float, float, float], seed: int
) -> np.ndarray:
    """The split of each piece (P,): 0 train, 1 valid, 2 test.

    `prints` are fingerprints of the pieces. Each group is drawn by the least print in it; valid
    and test get at least one group where they have a fraction and there are three groups.
    """
    least: dict[int, bytes] = {}
    for group, fingerprint in zip(groups.tolist(), prints, strict=True):
        least[group] = min(least.get(group, fingerprint), fingerprint)
    drawn = {g: (_uniform(p, seed), p, g) for g, p in least.items()}
    order = sorted(drawn, key=drawn.__getitem__)
    uniform = np.array([drawn[g][0] for g in order])
    _, valid, test = fractions
    at_least = 1 if len(order) >= len(SPLITS) else 0
    tests = max(int((uniform >= 1 - test).sum()), at_least if test else 0)
    judged = tests + max(int((uniform >= 1 - test - valid).sum()) - tests, at_least if valid else 0)
    ranks = {g: len(order) - k for k, g in enumerate(order)}  # 1 for the last
    of_group = {g: 2 if r <= tests else 1 if r <= judged else 0 for g, r in ranks.items()}
    return np.array([of_group[g] for g in groups.tolist()], dtype=np.uint8)


def _uniform(fingerprint: bytes, seed: int) -> float:
    digest = blake2b(fingerprint, digest_size=8, key=str(seed).encode())
    return int.from_bytes(digest.digest(), "big") / 2**64


def _root(parent: list[int], p: int) -> int:
    while parent[p] != p:
        parent[p] = parent[parent[p]]
        p = parent[p]
    return p


def _join(parent: list[int], p: int, q: int) -> None:
    p, q = _root(parent, p), _root(parent, q)
    parent[max(p, q)] = min(p, q)
