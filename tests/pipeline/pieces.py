"""Pieces of music for the tests of the pipeline, as examples and as scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from musicvae.notes.score import Score, Track
from musicvae.representations.base import Example, Origin
from tests.representations.melodies import score


def tune(bars: int, low: int = 30, bar: int = 16, **origin: Any) -> tuple[Example, ...]:
    """A melody of eighths in windows of two bars, each bar on a note of its own."""
    windows = []
    for start in range(0, bars, 2):
        there = min(2, bars - start)
        tokens = np.zeros((2, 16), dtype=np.uint8)
        for i in range(there):
            tokens[i, :bar:2] = low + (start + i) % 20
        tokens[there:, :1] = 1  # the last note ends where the bar does
        windows.append(
            Example(
                tokens=tokens.reshape(-1),
                lengths=np.full(2, bar, dtype=np.uint16),
                origin=Origin(**origin),
                filler=2 - there,
            )
        )
    return tuple(windows)


def song(bars: int, quarters: int = 4, **options: Any) -> Score:
    """A melody of quarters, each bar a semitone above the one before."""
    notes = [
        (quarters * b + q, quarters * b + q + 1, 50 + b % 40 + 2 * (q % 3))
        for b in range(bars)
        for q in range(quarters)
    ]
    return score(notes, tracks=[Track(name="Tune", program=21)], **options)


def same(a: Any, b: Any) -> bool:
    """Whether the notes are the same, or the words."""
    if not isinstance(a, Score):
        return bool(a == b)
    columns = ("pitch", "start", "end", "velocity", "track")
    return all(np.array_equal(getattr(a, c), getattr(b, c)) for c in columns)


def equal(a: Example, b: Example) -> bool:
    """Whether tokens and bars are the same."""
    return np.array_equal(a.tokens, b.tokens) and np.array_equal(a.lengths, b.lengths)
