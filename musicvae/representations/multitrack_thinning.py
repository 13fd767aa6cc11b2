"""Tracks of bars that say too much, made to fit into 64 tokens.

First the velocities of such a track become one, their median: it then says where notes are, no more
how loud. If that is not enough, the softest notes are left out until the rest fits, of equally soft
ones the shortest and then the latest.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from musicvae.representations.performance_events import MOST_TOKENS, BarNotes, write_tracks

_TOKENS_PER_NOTE = 4  # at most, in one velocity: it starts and it ends, after a shift of time each


def write_to_fit(
    notes: BarNotes, program: np.ndarray, steps: np.ndarray, remarks: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """`write_tracks` of which no track is too long; says what that took."""
    tokens, lengths = write_tracks(notes, program, steps)
    full = np.flatnonzero(lengths > MOST_TOKENS)
    if not len(full):
        return tokens, lengths
    lost = 0
    group = np.full(len(program), -1)
    group[full] = np.arange(len(full))
    rows = group[notes.track] >= 0
    crowd = replace(notes.take(rows), track=group[notes.track[rows]])
    crowd, softness = _even(crowd, len(full)), _softest_first(crowd)
    while True:
        tokens[full], lengths[full] = write_tracks(crowd, program[full], steps[full])
        excess = np.maximum(lengths[full] - MOST_TOKENS, 0)
        if not excess.any():
            break
        kept = _rank(crowd.track, softness) >= -(-excess // _TOKENS_PER_NOTE)[crowd.track]
        lost += int((~kept).sum())
        crowd, softness = crowd.take(kept), softness[kept]
    remarks.append(
        f"tracks of a bar with more than {MOST_TOKENS} events: {len(full)}; in these all notes are "
        f"made equally loud, and the softest {lost} notes left out"
    )
    return tokens, lengths


def _even(notes: BarNotes, tracks: int) -> BarNotes:
    """The notes with the median velocity of their track."""
    order = np.lexsort((notes.velocity, notes.track))
    bounds = np.searchsorted(notes.track[order], np.arange(tracks + 1))
    median = notes.velocity[order[(bounds[:-1] + bounds[1:]) // 2]]
    return replace(notes, velocity=median[notes.track])


def _softest_first(notes: BarNotes) -> np.ndarray:
    """A number for each note (N,), the lower the sooner it is left out."""
    turn = np.empty(len(notes), dtype=np.int64)
    order = np.lexsort((-notes.start, notes.end - notes.start, notes.velocity))
    turn[order] = np.arange(len(notes))
    return turn


def _rank(track: np.ndarray, softness: np.ndarray) -> np.ndarray:
    """How many notes of its track are softer than each."""
    order = np.lexsort((softness, track))
    rank = np.empty(len(track), dtype=np.int64)
    rank[order] = np.arange(len(track)) - np.searchsorted(track[order], track[order])
    return rank
